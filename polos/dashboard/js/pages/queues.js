// Queues: limits, how full they are, and what could not be handled, with a way to send it on.

import {get, post} from "../api.js";
import {commands} from "../commands.js";
import {confirm} from "../dialog.js";
import {fill, h, toast} from "../dom.js";
import {count, duration, plural} from "../format.js";
import {rowKeys} from "../keys.js";
import {card, commandLine, empty, executionLink, pageHead, time} from "../parts.js";
import {to} from "../router.js";
import {table} from "../rows.js";

const COLUMNS = [
  {title: "Queue"},
  {title: "Places", cls: "c-places"},
  {title: "In line", cls: "c-number"},
  {title: "Ready", cls: "c-number"},
  {title: "In flight", cls: "c-number"},
  {title: "Delayed", cls: "c-number"},
  {title: "Oldest", cls: "c-number"},
  {title: "Rate"},
];
const DEAD = [
  {title: "Execution", cls: "c-id"},
  {title: "Workflow"},
  {title: "Queue"},
  {title: "Since", cls: "c-time"},
  {title: "Why"},
  {title: "", cls: "c-actions"},
];

export async function show({outlet, scope}) {
  const rows = table("Queues", COLUMNS, {row: cells, key: (one) => one.name});
  const dead = table("What could not be handled", DEAD, {
    row: (one) => deadCells(one, redrive),
    key: (one) => one.execution_id,
  });
  const place = h("div", {on: {keydown: rowKeys}});
  const aside = h("span.row");
  let ids = [];

  function redrive(wanted) {
    confirm(
      `Send ${plural(wanted.length, "execution")} on again?`,
      [
        h(
          "p",
          "Each tries again to go on where it stalled. What was recorded stays; one whose cause is not mended stalls again.",
        ),
        wanted.length === 1
          ? commandLine(commands.resume(wanted[0]))
          : h(
              "div.stack",
              wanted.slice(0, 5).map((id) => commandLine(commands.resume(id))),
              wanted.length > 5 ? h("p.faint", `and ${wanted.length - 5} more`) : null,
            ),
      ],
      {
        verb: "Redrive",
        act: async () => {
          const answer = await post("/v1/queues/redrive", {execution_ids: wanted});
          toast(`${plural(answer.redriven.length, "execution")} sent on.`);
          for (const one of answer.refused) toast(`${one.execution_id}: ${one.reason}`, {kind: "error"});
          await read(scope.signal);
          scope.soon();
        },
      },
    );
  }

  async function read(signal) {
    const [{queues}, letters] = await Promise.all([
      get("/v1/queues", {}, {signal}),
      get("/v1/queues/dead-letters", {limit: 100}, {signal}),
    ]);
    const news = rows.update(queues);
    const more = dead.update(letters.dead_letters);
    ids = letters.dead_letters.map((one) => one.execution_id);
    const dying = letters.dying?.ready + letters.dying?.in_flight + letters.dying?.delayed;
    fill(
      aside,
      dying ? h("span.faint", `${plural(dying, "message")} about to be given up`) : null,
      letters.next_cursor ? h("span.faint", "the first 100") : null,
      ids.length
        ? h(
            "button.small",
            {type: "button", dataset: {key: "redrive-all", redrive: "all"}, on: {click: () => redrive(ids)}},
            "Redrive all shown",
          )
        : null,
    );
    if (!ids.length)
      fill(
        place,
        empty(
          "Nothing is stuck",
          h("p", "A message that cannot be handled makes its execution stall, and shows up here."),
        ),
      );
    else if (!dead.element.isConnected) fill(place, dead.element);
    return news || more;
  }

  fill(outlet, h("div.page", pageHead("Queues"), rows.element, card("Dead letters", {aside}, place)));
  await read(scope.signal);
  scope.watch(read, {every: 3000, slowest: 15_000});
  return {};
}

function cells(one) {
  const {messages, concurrency_limit: limit} = one;
  return [
    h("a", {href: to(["executions"], {queue: one.name})}, h("strong.wrap", one.name)),
    limit === null
      ? h("span.faint", "no limit")
      : h(
          "span.row.tight",
          h("meter", {
            min: 0,
            max: limit,
            value: one.running ?? 0,
            "aria-label": `${one.running} of ${limit} places taken`,
          }),
          h("span", `${count(one.running)} / ${count(limit)}`),
        ),
    count(one.waiting),
    count(messages.ready),
    count(messages.in_flight),
    count(messages.delayed),
    messages.oldest_seconds > 0 ? duration(messages.oldest_seconds * 1000) : "–",
    one.rate_limit ?? h("span.faint", "–"),
  ];
}

function deadCells(one, redrive) {
  return [
    executionLink(one.execution_id, {dataset: {row: "", key: one.execution_id}}),
    h("span.wrap", one.workflow_id),
    one.queue,
    time(one.at),
    h(
      "span.wrong.lines",
      {title: one.error?.message ?? ""},
      one.error ? `${one.error.type}: ${one.error.message}` : "–",
    ),
    h(
      "button.small",
      {type: "button", dataset: {redrive: one.execution_id}, on: {click: () => redrive([one.execution_id])}},
      "Redrive",
    ),
  ];
}
