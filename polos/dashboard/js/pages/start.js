// Starting something: what there is to start, and a form made from the schema of what it takes.

import {allDefinitions, get, ofExecution, post} from "../api.js";
import {commands} from "../commands.js";
import {fill, h, toast} from "../dom.js";
import {shortId} from "../format.js";
import {rowKeys} from "../keys.js";
import {card, commandLine, empty, failure, labelled, pageHead} from "../parts.js";
import {payloadEditor} from "../payload.js";
import {go, to} from "../router.js";

export async function show({parts, query, outlet, scope}) {
  const definitions = await allDefinitions({fresh: true});
  if (scope.left) return {}; // nothing of it can be given up underway
  if (parts.length < 2) {
    fill(outlet, catalogue(definitions));
    return {};
  }
  const definition = definitions.find((one) => one.id === parts[1]);
  if (!definition) {
    fill(
      outlet,
      h(
        "div.page",
        pageHead("Start"),
        failure({
          status: 404,
          message: `This deployment has no workflow ${parts[1]}. It has ${definitions.map((one) => one.id).join(", ")}.`,
        }),
      ),
    );
    return {};
  }
  const like = query.get("like");
  const given = like ? await get(ofExecution(like), {}, {signal: scope.signal}) : null;
  fill(outlet, starter(definition, given));
  return {};
}

function catalogue(definitions) {
  const list = h("ul.cards", {on: {keydown: rowKeys}});
  const search = h("input", {
    type: "search",
    dataset: {search: ""},
    "aria-label": "Find a workflow, agent or tool",
    placeholder: "Find",
    on: {input: () => draw()},
  });
  const draw = () => {
    const text = search.value.trim().toLowerCase();
    const found = definitions.filter((one) =>
      `${one.id} ${one.kind} ${one.description}`.toLowerCase().includes(text),
    );
    fill(
      list,
      found.map((one) =>
        h(
          "li",
          h(
            "a.card.choice",
            {href: to(["start", one.id]), dataset: {row: ""}},
            h(
              "span.row",
              h("strong.wrap", one.id),
              one.kind !== "workflow" ? h("span.kind", one.kind) : null,
            ),
            one.description ? h("span.soft.wrap", one.description) : null,
            h(
              "span.row.faint",
              one.queue === one.id ? null : h("span", `queue ${one.queue}`),
              one.schedule ? h("span", `at ${one.schedule}`) : null,
              one.trigger ? h("span", `on ${one.trigger}`) : null,
            ),
          ),
        ),
      ),
    );
    if (!found.length) fill(list, empty("Nothing of that name"));
  };
  draw();
  return h(
    "div.page",
    pageHead("Start"),
    definitions.length ? h("div.search", search) : empty("This deployment defines nothing to start"),
    list,
  );
}

function starter(definition, given) {
  const editor = payloadEditor(definition.payload_schema, given?.payload ?? undefined, {
    onChange: () => draw(),
  });
  const field = (name, title, hint) => {
    const input = h("input", {name, autocomplete: "off", on: {input: () => draw()}});
    return {input, element: labelled(title, input, {hint})};
  };
  const options = {
    session_id: field("session_id", "Session", "executions of one conversation or customer"),
    user_id: field("user_id", "User", null),
    idempotency_key: field("idempotency_key", "Idempotency key", "the same key starts it once"),
    concurrency_key: field("concurrency_key", "Concurrency key", "its queue's places are counted per key"),
    attributes: field("attributes", "Attributes", "team=shop, region=eu: to find it by"),
  };
  const place = h("div", {"aria-live": "assertive"});
  const command = h("div");
  const chosen = () => {
    const found = {};
    for (const name of ["session_id", "user_id", "idempotency_key", "concurrency_key"])
      if (options[name].input.value.trim()) found[name] = options[name].input.value.trim();
    const attributes = attributesOf(options.attributes.input.value);
    return Object.keys(attributes).length ? {...found, attributes} : found;
  };
  const draw = () => {
    try {
      fill(command, commandLine(commands.start(definition.id, editor.value(), chosen())));
    } catch {
      fill(command, h("p.faint", "The command is shown once the input can be read."));
    }
  };
  const button = h("button.primary", {type: "submit", dataset: {start: ""}}, "Start");
  const form = h(
    "form.fields",
    editor.element,
    h(
      "details",
      h("summary", "More: session, user, keys, attributes"),
      h(
        "div.grid-fields",
        Object.values(options).map((one) => one.element),
      ),
    ),
    place,
    h("div.row", button),
    command,
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      const started = await post("/v1/executions", {
        workflow_id: definition.id,
        payload: editor.value(),
        ...chosen(),
      });
      toast(`Started ${shortId(started.id)}`);
      go(to(["executions", started.id]));
    } catch (error) {
      fill(place, failure(error));
      button.disabled = false;
    }
  });
  draw();
  return h(
    "div.page.reading",
    h("nav.crumbs", {"aria-label": "Where this is"}, h("a", {href: "#/start"}, "Start"), " / "),
    pageHead(
      definition.id,
      definition.kind === "agent"
        ? h("a.button", {href: to(["agents", definition.id])}, "Chat instead")
        : null,
    ),
    definition.description ? h("p.lead.wrap", definition.description) : null,
    card(given ? `Input, as of ${shortId(given.id)}` : "Input", {}, h("div.card-body", form)),
  );
}

function attributesOf(text) {
  const found = {};
  for (const pair of text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean)) {
    const [name, value] = pair.split(/=(.*)/s);
    if (!name || value === undefined) throw new Error(`Attributes: write ${pair} as name=value`);
    found[name] = value;
  }
  return found;
}
