// Sessions: who talked to which agent, and what was said.

import {ApiError, get} from "../api.js";
import {fill, h, icon} from "../dom.js";
import {rowKeys} from "../keys.js";
import {messages} from "../messages.js";
import {empty, executionLink, pageHead, time} from "../parts.js";
import {to} from "../router.js";
import {table} from "../rows.js";

const COLUMNS = [
  {title: "Session"},
  {title: "Agent"},
  {title: "User"},
  {title: "Latest run", cls: "c-id"},
  {title: "Last", cls: "c-time"},
];

export async function show({parts, query, outlet, scope}) {
  if (parts.length >= 3) return conversation(parts[1], parts[2], outlet, scope);
  const rows = table("Sessions, the latest first", COLUMNS, {
    row: cells,
    key: (one) => `${one.agent_id} ${one.session_id}`,
  });
  const content = h("div", {on: {keydown: rowKeys}});
  const foot = h("nav.pager", {"aria-label": "Pages"});
  const cursor = query.get("cursor");
  const read = async (signal) => {
    const page = await get("/v1/sessions", {cursor, limit: 50}, {signal});
    const news = rows.update(page.sessions);
    if (!page.sessions.length)
      fill(
        content,
        empty("No session yet", h("p", "A run with a ", h("code", "session_id"), " begins one.")),
      );
    else if (!rows.element.isConnected) fill(content, rows.element);
    fill(
      foot,
      cursor ? h("a.button", {href: "#/sessions"}, "Newest") : null,
      page.next_cursor ? h("a.button", {href: to(["sessions"], {cursor: page.next_cursor})}, "Older") : null,
    );
    return news;
  };
  fill(outlet, h("div.page", pageHead("Sessions"), content, foot));
  await read(scope.signal);
  if (!cursor) scope.watch(read, {every: 5000, slowest: 30_000});
  return {update: null};
}

function cells(one) {
  return [
    h(
      "a.wrap",
      {
        href: to(["sessions", one.agent_id, one.session_id]),
        dataset: {row: "", key: `${one.agent_id} ${one.session_id}`},
      },
      one.session_id,
    ),
    h("span.wrap", one.agent_id),
    one.user_id ? h("span.wrap", one.user_id) : h("span.faint", "–"),
    one.last_execution_id ? executionLink(one.last_execution_id) : "–",
    time(one.last_at),
  ];
}

/** Whether there was a run in it at all; else it throws. */
async function known(agent, session, {signal}) {
  const asked = {session_id: session, workflow_id: agent, limit: 1};
  const {executions} = await get("/v1/executions", asked, {signal});
  if (!executions.length)
    throw new ApiError(404, {detail: `there is no session ${session} of an agent ${agent}`});
}

async function conversation(agent, session, outlet, scope) {
  const said = await get(
    "/v1/sessions/messages",
    {agent_id: agent, session_id: session},
    {signal: scope.signal},
  );
  if (!said.messages.length && !said.summary) await known(agent, session, scope);
  fill(
    outlet,
    h(
      "div.page.reading",
      h(
        "nav.crumbs",
        {"aria-label": "Where this is"},
        h("a", {href: "#/sessions"}, "Sessions"),
        ` / ${agent} / `,
      ),
      pageHead(
        session,
        h("a.button", {href: to(["executions"], {session_id: session})}, "Runs"),
        h("a.button.primary", {href: to(["agents", agent], {session})}, icon("chat"), "Go on with it"),
      ),
      said.summary
        ? h(
            "details.notice",
            {open: true},
            h("summary", "What stands for the earlier part"),
            h("p.said", said.summary),
          )
        : null,
      said.messages.length
        ? messages(said.messages)
        : empty("Nothing was recorded yet", h("p", "What is said is kept when its run completes.")),
    ),
  );
  return {};
}
