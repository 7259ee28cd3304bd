// The list of executions: filters in the address, pages by cursor. Only the newest page is live.

import {allDefinitions, get, passing} from "../api.js";
import {fill, h, icon} from "../dom.js";
import {duration, ms, span, when} from "../format.js";
import {rowKeys} from "../keys.js";
import {empty, executionLink, failure, loading, pageHead, status, time} from "../parts.js";
import {go, here, to, withQuery} from "../router.js";
import {table} from "../rows.js";

const STATUSES = [
  "running",
  "waiting",
  "queued",
  "failed",
  "completed",
  "stalled",
  "paused",
  "cancelled",
  "timed_out",
  "continued",
];
const SPANS = [
  ["", "any time"],
  ["15", "15 minutes"],
  ["60", "1 hour"],
  ["1440", "24 hours"],
  ["10080", "7 days"],
];
const LIMIT = 50;
const FILTERS = [
  "status",
  "workflow_id",
  "id_prefix",
  "session_id",
  "user_id",
  "queue",
  "root_execution_id",
  "attribute",
  "roots_only",
];

const COLUMNS = [
  {title: "Status", cls: "c-status"},
  {title: "Workflow", cls: "c-workflow"},
  {title: "Execution", cls: "c-id"},
  {title: "Started", cls: "c-time"},
  {title: "Duration", cls: "c-number"},
  {title: "About", cls: "c-about"},
];

export async function show({outlet, scope, query}) {
  const page = new List(scope);
  fill(outlet, page.element);
  await page.look(query);
  return {update: (next) => page.look(next)};
}

class List {
  #scope;
  #watch = null;
  #query = null; // what is shown, or on its way
  #table = table("Executions, newest first", COLUMNS, {row: cells, key: (one) => one.id, cls: "executions"});
  #bar = h("div.filters", {role: "search", "aria-label": "Filter executions"});
  #content = h("div", {on: {keydown: rowKeys}});
  #foot = h("nav.pager", {"aria-label": "Pages"});
  #trail = []; // the cursors of the pages up to this one, the newest's is ""
  #trailOf = ""; // their filters

  constructor(scope) {
    this.#scope = scope;
    this.element = h(
      "div.page",
      pageHead("Executions", h("a.button.primary", {href: "#/start"}, icon("plus"), "Start")),
      this.#bar,
      this.#content,
      this.#foot,
    );
  }

  async look(query) {
    this.#watch?.();
    this.#watch = null;
    this.#query = query;
    this.#walk(query);
    this.#drawFilters(query);
    if (!this.#table.element.isConnected) fill(this.#content, loading("Loading executions"));
    let known = false;
    try {
      const page = await this.#page(query, this.#scope.signal);
      this.#drawWorkflows(query); // after the rows: they are what is waited for
      if (this.#query !== query) return; // other filters were chosen meanwhile, and their answer may be here already
      this.#draw(page, query);
      known = true;
    } catch (error) {
      if (error.name === "AbortError" || error.status === 401) throw error;
      if (this.#query !== query) return;
      fill(this.#content, failure(error, {retry: () => this.look(query), anew: "#/executions"}));
      if (!passing(error)) return;
    }
    if (known && query.get("cursor")) return;
    const look = async (signal) => {
      const news = this.#draw(await this.#page(query, signal), query);
      return query.get("cursor") ? "over" : news;
    };
    this.#watch = this.#scope.watch(look, {every: 2000, slowest: 10_000});
  }

  #page(query, signal) {
    const asked = {limit: LIMIT, cursor: query.get("cursor")};
    for (const name of FILTERS) asked[name] = query.getAll(name);
    const minutes = Number(query.get("within"));
    if (minutes > 0) asked.created_after = new Date(Date.now() - minutes * 60_000).toISOString();
    return get("/v1/executions", asked, {signal});
  }

  #draw(page, query) {
    const news = this.#table.update(page.executions);
    if (page.executions.length) {
      if (!this.#table.element.isConnected) fill(this.#content, this.#table.element);
    } else fill(this.#content, nothing(query, page.next_cursor));
    this.#drawPager(page, query);
    return news;
  }

  /** Note the way to this page, so that there is one back, whatever else is in the browser's history. */
  #walk(query) {
    const filters = to(["executions"], {...all(query), cursor: null});
    const cursor = query.get("cursor") ?? "";
    const known = filters === this.#trailOf ? this.#trail : [];
    const at = known.indexOf(cursor);
    this.#trail = at < 0 ? [...known, cursor] : known.slice(0, at + 1);
    this.#trailOf = filters;
  }

  #drawPager(page, query) {
    const cursor = query.get("cursor");
    const newer = this.#trail.at(-2);
    const older = page.next_cursor && to(["executions"], {...all(query), cursor: page.next_cursor});
    const shown = JSON.stringify([cursor, older ? 1 : 0, page.executions.length]);
    const link = this.#foot.querySelector("[data-older]");
    if (this.#foot.dataset.shown === shown) {
      // the same but for where the next page begins
      if (link && older) link.setAttribute("href", older);
      return;
    }
    this.#foot.dataset.shown = shown;
    fill(
      this.#foot,
      cursor ? h("a.button", {href: to(["executions"], {...all(query), cursor: null})}, "Newest") : null,
      newer ? h("a.button", {href: to(["executions"], {...all(query), cursor: newer})}, "Newer") : null,
      h(
        "span.faint",
        page.executions.length ? `${page.executions.length} shown${cursor ? ", not live" : ""}` : "",
      ),
      older ? h("a.button", {href: older, dataset: {older: ""}}, "Older") : null,
    );
  }

  #drawFilters(query) {
    const chosen = query.get("status") ?? "";
    const chip = (value, text) =>
      h(
        "a.chip",
        {
          href: withQuery({status: value, cursor: null}),
          "aria-current": chosen === value ? "true" : null,
          dataset: {key: `status-${value}`},
        },
        value ? status(value) : text,
      );
    const wanted = query.get("workflow_id") ?? "";
    const workflow = h(
      "select",
      {
        "aria-label": "Workflow",
        dataset: {key: "workflow"},
        on: {change: () => go(withQuery({workflow_id: workflow.value, cursor: null}))},
      },
      workflowOptions(wanted ? [wanted] : [], wanted),
    );
    const within = h(
      "select",
      {
        "aria-label": "Started within",
        dataset: {key: "within"},
        on: {change: () => go(withQuery({within: within.value, cursor: null}))},
      },
      SPANS.map(([value, text]) =>
        h("option", {value, selected: (query.get("within") ?? "") === value}, text),
      ),
    );
    const search = h("input", {
      type: "search",
      dataset: {search: "", key: "search"},
      "aria-label": "Id, or name=value of an attribute",
      placeholder: "id, session:…, user:…, attribute=value",
      spellcheck: "false",
      autocomplete: "off",
    });
    const roots = h("input", {
      type: "checkbox",
      checked: query.get("roots_only") === "true",
      dataset: {key: "roots"},
      on: {change: () => go(withQuery({roots_only: roots.checked ? "true" : null, cursor: null}))},
    });
    const form = h(
      "form.search",
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            searched(search.value.trim());
          },
        },
      },
      search,
    );
    fill(
      this.#bar,
      h(
        "div.chips",
        {role: "group", "aria-label": "Status"},
        chip("", "All"),
        STATUSES.map((one) => chip(one)),
      ),
      h(
        "div.filter-row",
        form,
        workflow,
        within,
        h("label.check", roots, "without children"),
        removable(query),
      ),
    );
  }

  /** The workflows to choose from: what the list's own filters do not wait for. */
  async #drawWorkflows(query) {
    const wanted = query.get("workflow_id") ?? "";
    try {
      const ids = (await allDefinitions()).map((one) => one.id);
      const box = this.#bar.querySelector("[data-key=workflow]");
      if (this.#query === query)
        fill(box, workflowOptions(ids.includes(wanted) || !wanted ? ids : [wanted, ...ids], wanted));
    } catch {
      // The list works without; the box then knows only what was chosen.
    }
  }
}

const workflowOptions = (ids, wanted) => [
  h("option", {value: ""}, "all workflows"),
  ids.map((id) => h("option", {value: id, selected: id === wanted}, id)),
];

function all(query) {
  const found = {};
  for (const name of new Set(query.keys())) found[name] = query.getAll(name);
  return found;
}

/** What was typed: an attribute, a session, a user, or an id or its beginning. */
function searched(text) {
  const [name, value] = text.split(/[:=](.*)/s);
  if (!text) go(withQuery({id_prefix: null, cursor: null}));
  else if (text.includes("="))
    go(withQuery({attribute: [...here().query.getAll("attribute"), text], cursor: null}));
  else if (name === "session" && value) go(withQuery({session_id: value, cursor: null}));
  else if (name === "user" && value) go(withQuery({user_id: value, cursor: null}));
  else if (/^[0-9a-z]{26}$/.test(text)) go(to(["executions", text]));
  else go(withQuery({id_prefix: text, cursor: null}));
}

/** Filters that have no control of their own, each with a way to take it away. */
function removable(query) {
  const chip = (text, changes) =>
    h(
      "a.tag",
      {href: withQuery({...changes, cursor: null}), "aria-label": `Remove the filter ${text}`},
      h("span.clip", {title: text}, text),
      icon("close"),
    );
  const attributes = query.getAll("attribute");
  return [
    ...["id_prefix", "session_id", "user_id", "queue", "root_execution_id"]
      .filter((name) => query.get(name))
      .map((name) => chip(`${LABELS[name]} ${query.get(name)}`, {[name]: null})),
    ...attributes.map((one) => chip(one, {attribute: attributes.filter((other) => other !== one)})),
  ];
}

const LABELS = {
  id_prefix: "id begins with",
  session_id: "session",
  user_id: "user",
  queue: "queue",
  root_execution_id: "run of",
};

function nothing(query, following) {
  const filtered = [...query.keys()].some((name) => name !== "cursor");
  if (following)
    return empty("None on this page", h("p", "There may be some further back: look at older ones."));
  return filtered
    ? empty("No execution fits these filters", h("a.button", {href: "#/executions"}, "Show all"))
    : empty(
        "Nothing has run yet",
        h("p", "Start a workflow here, or from the command line:"),
        h("code", "polos run app.py:workflow"),
      );
}

function cells(one) {
  const ended = one.ended ? one.completed_at : null;
  return [
    status(one.status),
    h(
      "span.workflow",
      one.parent_execution_id
        ? h("span.child-mark", {title: `Started by ${one.parent_execution_id}`}, "↳")
        : null,
      h("span.name", {title: one.workflow_id}, one.workflow_id),
      one.kind !== "workflow" ? h("span.kind", one.kind) : null,
    ),
    executionLink(one.id, {dataset: {row: "", key: one.id}}),
    time(one.started_at ?? one.created_at),
    took(one, ended),
    h(
      "span.about",
      one.error_message ? h("span.wrong.clip", {title: one.error_message}, one.error_message) : null,
      Object.entries(one.attributes).map(([name, value]) =>
        h("span.tag.clip", {title: `${name}=${value}`}, `${name}=${value}`),
      ),
      one.session_id
        ? h("span.tag.clip", {title: `session ${one.session_id}`}, `session ${one.session_id}`)
        : null,
    ),
  ];
}

function took(one, ended) {
  if (!one.started_at) return h("span.faint", "–");
  const text = duration(span(one.started_at, ended, ms(one.updated_at)));
  return one.ended ? text : h("span.growing", {title: `so far, as of ${when(one.updated_at)}`}, text);
}
