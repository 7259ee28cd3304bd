// The event log: topics, and the events of one, the newest first; publishing, and saving as JSON.

import {get, post} from "../api.js";
import {confirm} from "../dialog.js";
import {fill, h, icon, toast} from "../dom.js";
import {count} from "../format.js";
import {parsed} from "../json.js";
import {jsonView} from "../json_view.js";
import {rowKeys} from "../keys.js";
import {empty, labelled, pageHead, time} from "../parts.js";
import {here, to} from "../router.js";
import {table} from "../rows.js";

const PAGE = 50;
const TOPICS = [{title: "Topic"}, {title: "Events", cls: "c-number"}, {title: "Last", cls: "c-time"}];
const EVENTS = [
  {title: "#", cls: "c-number c-seq"},
  {title: "Type", cls: "c-type"},
  {title: "Data", cls: "c-data"},
  {title: "At", cls: "c-time"},
];

export async function show({query, outlet, scope}) {
  const topic = query.get("topic");
  if (topic) await events(topic, query, outlet, scope);
  else await topics(query, outlet, scope);
  return {};
}

async function topics(query, outlet, scope) {
  const rows = table("Topics", TOPICS, {row: topicCells, key: (one) => one.topic});
  const content = h("div", {on: {keydown: rowKeys}});
  const foot = h("nav.pager", {"aria-label": "Pages"});
  const prefix = h("input", {
    type: "search",
    dataset: {search: ""},
    value: query.get("prefix") ?? "",
    "aria-label": "Topics that begin with",
    placeholder: "topics that begin with",
  });
  const form = h(
    "form.search",
    {
      on: {
        submit: (event) => {
          event.preventDefault();
          location.hash = to(["events"], {prefix: prefix.value.trim()});
        },
      },
    },
    prefix,
  );
  const read = async (signal) => {
    const page = await get(
      "/v1/topics",
      {cursor: query.get("cursor"), prefix: query.get("prefix"), limit: PAGE},
      {signal},
    );
    const news = rows.update(page.topics);
    if (!page.topics.length)
      fill(content, empty("No topic", h("p", "Publish an event, and its topic shows up here.")));
    else if (!rows.element.isConnected) fill(content, rows.element);
    fill(
      foot,
      page.next_cursor
        ? h(
            "a.button",
            {href: to(["events"], {prefix: query.get("prefix"), cursor: page.next_cursor})},
            "More",
          )
        : null,
    );
    return news;
  };
  fill(
    outlet,
    h(
      "div.page",
      pageHead(
        "Events",
        h(
          "button",
          {type: "button", dataset: {publish: ""}, on: {click: () => publish("", scope)}},
          icon("plus"),
          "Publish…",
        ),
      ),
      form,
      content,
      foot,
    ),
  );
  await read(scope.signal);
  scope.watch(read, {every: 5000, slowest: 30_000});
}

function topicCells(one) {
  return [
    h("a.wrap", {href: to(["events"], {topic: one.topic}), dataset: {row: "", key: one.topic}}, one.topic),
    count(one.events),
    time(one.last_at),
  ];
}

async function events(topic, query, outlet, scope) {
  const before = Number(query.get("before") ?? 0);
  const rows = table(`Events of ${topic}, the newest first`, EVENTS, {
    row: eventCells,
    key: (one) => one.id,
    cls: "events",
  });
  const content = h("div");
  const foot = h("nav.pager", {"aria-label": "Pages"});
  let shown = [];
  let last = 0;
  const draw = () => {
    const news = rows.update(shown);
    if (!shown.length) fill(content, empty("No event yet"));
    else if (!rows.element.isConnected) fill(content, rows.element);
    const lowest = shown.at(-1)?.sequence_id ?? 1;
    fill(
      foot,
      before ? h("a.button", {href: to(["events"], {topic})}, "Newest") : null,
      h("span.faint", `${shown.length} shown${before ? ", not live" : ""}`),
      lowest > 1
        ? h("a.button", {href: to(["events"], {topic, before: lowest}), dataset: {older: ""}}, "Older")
        : null,
    );
    return news;
  };
  const save = () => {
    const link = h("a", {download: `${topic.replace(/[^\w.-]+/g, "_")}.json`});
    link.href = URL.createObjectURL(new Blob([JSON.stringify(shown, null, 2)], {type: "application/json"}));
    link.click();
    URL.revokeObjectURL(link.href);
  };
  fill(
    outlet,
    h(
      "div.page",
      h("nav.crumbs", {"aria-label": "Where this is"}, h("a", {href: "#/events"}, "Events"), " / "),
      pageHead(
        topic,
        h("button", {type: "button", title: "The events that are shown", on: {click: save}}, "Save as JSON"),
        h(
          "button",
          {type: "button", dataset: {publish: ""}, on: {click: () => publish(topic, scope)}},
          icon("plus"),
          "Publish…",
        ),
      ),
      content,
      foot,
    ),
  );
  const first = await get("/v1/events", {topic, before, limit: PAGE}, {signal: scope.signal});
  shown = first.events.toReversed();
  last = first.last_sequence_id;
  draw();
  if (before) return;
  scope.watch(
    async (signal, wait) => {
      const page = await get("/v1/events", {topic, after: last, limit: PAGE, wait}, {signal});
      if (!page.events.length) return false;
      if (page.events.length === PAGE) {
        // More than a page at once: what is shown is the newest, and "Older" leads to the rest.
        const newest = await get("/v1/events", {topic, before: 0, limit: PAGE}, {signal});
        shown = newest.events.toReversed();
        last = newest.last_sequence_id;
        return draw();
      }
      last = page.last_sequence_id;
      shown = [...page.events.toReversed(), ...shown].slice(0, 4 * PAGE);
      return draw();
    },
    {every: 1000, slowest: 10_000, long: true},
  );
}

function eventCells(one) {
  return [
    count(one.sequence_id),
    one.event_type ? h("span.tag.clip", {title: one.event_type}, one.event_type) : h("span.faint", "–"),
    jsonView(one.data, "the data"),
    time(one.created_at),
  ];
}

function typed(text) {
  try {
    return parsed(text.trim() || "null");
  } catch (error) {
    throw new Error(`The data is not JSON: ${error.message}`);
  }
}

function publish(given, scope) {
  const topic = h("input", {name: "topic", value: given, autocomplete: "off"});
  const type = h("input", {name: "event_type", autocomplete: "off"});
  const data = h("textarea.code", {name: "data", rows: 5, spellcheck: "false", value: "{}"});
  confirm(
    "Publish an event",
    [
      h(
        "div.fields",
        labelled("Topic", topic),
        labelled("Type", type, {hint: "may be left out"}),
        labelled("Data, as JSON", data),
      ),
    ],
    {
      verb: "Publish",
      act: async () => {
        await post("/v1/events", {
          topic: topic.value.trim(),
          events: [{event_type: type.value.trim() || null, data: typed(data.value)}],
        });
        toast("Published.");
        if (here().query.get("topic") === topic.value.trim()) scope.soon();
        else location.hash = to(["events"], {topic: topic.value.trim()});
      },
    },
  );
}
