// What was spent: by day and workflow. The server gives a page of work at a time; here they are added up.

import {get} from "../api.js";
import {fill, h} from "../dom.js";
import {count, dollars} from "../format.js";
import {card, empty, facts, labelled, pageHead} from "../parts.js";
import {go, to} from "../router.js";
import {table} from "../rows.js";

const COLUMNS = [
  {title: "Workflow"},
  {title: "Executions", cls: "c-number"},
  {title: "Entries", cls: "c-number"},
  {title: "Tokens in", cls: "c-number"},
  {title: "Tokens out", cls: "c-number"},
  {title: "Models", cls: "c-number"},
  {title: "AWS, about", cls: "c-number"},
  {title: "Together", cls: "c-number"},
];
const AT_ONCE = 20; // pages that are added up before somebody is asked whether to go on
const NUMBERS = ["executions", "entries", "input_tokens", "output_tokens", "llm_cost", "aws_cost"];

const day = (at) => at.toISOString().slice(0, 10);

export async function show({query, outlet, scope}) {
  const now = new Date();
  const from = query.get("from") ?? day(new Date(now - 6 * 86_400_000));
  const until = query.get("to") ?? day(now);
  const pick = (name, value) =>
    h("input", {
      type: "date",
      value,
      name,
      "aria-label": name,
      on: {
        change: (event) =>
          event.target.value && go(to(["cost"], {from, to: until, [name]: event.target.value})),
      },
    });
  const total = h("div");
  const chart = h("div");
  const rows = table("Cost by workflow", COLUMNS, {row: cells, key: (one) => one.workflow_id});
  const content = h("div", rows.element);
  const note = h("p.faint", {"aria-live": "polite"});
  fill(
    outlet,
    h(
      "div.page",
      pageHead("Cost"),
      h("div.row", labelled("From", pick("from", from)), labelled("To", pick("to", until))),
      note,
      total,
      chart,
      content,
    ),
  );
  const workflows = new Map();
  const days = new Map();
  let cursor = null;
  let assumed = "";
  const read = async (signal) => {
    const page = await get("/v1/cost", {from, to: until, cursor}, {signal});
    for (const row of page.rows) {
      add(workflows, row.workflow_id, row);
      add(days, row.day, row);
    }
    cursor = page.next_cursor;
    assumed = page.assumed ?? "";
    draw(workflows, days, {total, chart, rows, content});
    fill(note, cursor ? "The newest so far; adding up …" : assumed);
  };
  const goOn = () => {
    let pages = 0;
    scope.watch(
      async (signal) => {
        await read(signal);
        pages += 1;
        if (cursor && pages === AT_ONCE)
          fill(
            note,
            "The newest so far. ",
            h("button.small", {type: "button", on: {click: goOn}}, "Add up more"),
          );
        return cursor && pages < AT_ONCE ? true : "over";
      },
      {every: 100, long: true},
    );
  };
  await read(scope.signal);
  if (cursor) goOn();
  return {};
}

function add(into, name, row) {
  const sum = into.get(name) ?? {
    workflow_id: row.workflow_id,
    kind: row.kind,
    unpriced: false,
    ...Object.fromEntries(NUMBERS.map((one) => [one, 0])),
  };
  for (const one of NUMBERS) sum[one] += Number(row[one] ?? 0);
  sum.unpriced ||= row.llm_cost === null;
  into.set(name, sum);
}

const together = (one) => one.llm_cost + one.aws_cost;

function draw(workflows, days, {total, chart, rows, content}) {
  const found = [...workflows.values()].sort((a, b) => together(b) - together(a));
  if (!found.length) {
    fill(content, empty("Nothing ran in these days"));
    return;
  }
  if (!rows.element.isConnected) fill(content, rows.element);
  rows.update(found);
  const sum = (name) => found.reduce((all, one) => all + one[name], 0);
  fill(
    total,
    facts([
      ["Together", h("strong.big", dollars(sum("llm_cost") + sum("aws_cost")))],
      ["Models", h("strong.big", dollars(sum("llm_cost")))],
      ["AWS, about", h("strong.big", dollars(sum("aws_cost")))],
      ["Executions", h("strong.big", count(sum("executions")))],
      ["Tokens", h("strong.big", count(sum("input_tokens") + sum("output_tokens")))],
    ]),
  );
  const most = Math.max(...[...days.values()].map(together), 1e-12);
  fill(
    chart,
    card(
      "By day",
      {},
      h(
        "ol.days.card-body",
        [...days]
          .sort()
          .map(([name, one]) =>
            h(
              "li",
              h("span", name),
              h(
                "span.day-bar",
                {"aria-hidden": "true"},
                h("span.day-models", {style: {width: `${(100 * one.llm_cost) / most}%`}}),
                h("span.day-aws", {style: {width: `${(100 * one.aws_cost) / most}%`}}),
              ),
              h("span.c-number", dollars(together(one))),
            ),
          ),
      ),
      h("p.legend", h("span.key.day-models"), "models ", h("span.key.day-aws"), "AWS"),
    ),
  );
}

function cells(one) {
  return [
    h(
      "span.row",
      h("a.wrap", {href: to(["executions"], {workflow_id: one.workflow_id})}, one.workflow_id),
      one.kind !== "workflow" ? h("span.kind", one.kind) : null,
    ),
    count(one.executions),
    count(one.entries),
    one.input_tokens ? count(one.input_tokens) : "–",
    one.output_tokens ? count(one.output_tokens) : "–",
    one.llm_cost ? dollars(one.llm_cost) : one.unpriced ? h("span.faint", "no price") : "–",
    dollars(one.aws_cost),
    h("strong", dollars(together(one))),
  ];
}
