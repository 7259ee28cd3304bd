// The inbox: every step of the project that waits for a person, oldest first.

import {answerForm} from "../answer.js";
import {get} from "../api.js";
import {announce, fill, h} from "../dom.js";
import {plural} from "../format.js";
import {card, empty, executionLink, pageHead, time} from "../parts.js";

export async function show({outlet, scope}) {
  const list = h("div.stack");
  const counted = h("span.faint");
  const shown = new Map();
  let cursor = null;
  const more = h(
    "button",
    {type: "button", hidden: true, on: {click: () => read(cursor, scope.signal)}},
    "More",
  );

  async function read(from, signal) {
    const page = await get("/v1/approvals", {cursor: from}, {signal});
    const news = draw(page.approvals, from !== null);
    if (from !== null || !shown.extended) cursor = page.next_cursor;
    if (from !== null) shown.extended = true;
    more.hidden = cursor === null;
    return news;
  }

  /** A form that somebody fills in stays as it is; what was answered elsewhere goes. */
  function draw(approvals, keep) {
    const ids = new Set(approvals.map(nameOf));
    let news = false;
    for (const one of approvals) {
      if (shown.has(nameOf(one))) continue;
      news = true;
      const element = approval(one, () => {
        drop(nameOf(one));
        tell();
      });
      shown.set(nameOf(one), element);
      list.append(element);
    }
    if (!keep && !shown.extended)
      for (const name of [...shown.keys()])
        if (!ids.has(name)) {
          drop(name);
          news = true;
        }
    tell();
    return news;
  }

  function drop(name) {
    shown.get(name)?.remove();
    shown.delete(name);
  }

  function tell() {
    list.querySelector(".empty")?.remove();
    if (!shown.size)
      list.append(
        empty(
          "Nobody has to answer anything",
          h("p", "Steps that wait for a person (", h("code", "ctx.step.suspend"), ") show up here."),
        ),
      );
    const text = shown.size ? plural(shown.size, "step waits", "steps wait") : "";
    if (counted.textContent !== text && counted.isConnected) announce(text || "Nothing waits any more");
    counted.textContent = text;
  }

  fill(outlet, h("div.page.reading", pageHead("Approvals", counted), list, more));
  await read(null, scope.signal);
  scope.watch((signal) => read(null, signal), {every: 4000, slowest: 15_000});
  return {};
}

const nameOf = (one) => `${one.execution_id} ${one.step_key}`;

function approval(one, done) {
  return card(
    one.workflow_id,
    {
      aside: [
        executionLink(one.execution_id, {dataset: {row: "", key: nameOf(one)}}),
        h("span.faint", "asked ", time(one.asked_at)),
        one.due ? h("span.faint", "gives up ", time(one.due)) : null,
      ],
    },
    h("div.card-body", answerForm(one, done)),
  );
}
