// The agents of this deployment: model, instructions, tools; and a way to talk to each.

import {get} from "../api.js";
import {fill, h, icon} from "../dom.js";
import {jsonView} from "../json_view.js";
import {rowKeys} from "../keys.js";
import {card, empty, facts, pageHead} from "../parts.js";
import {to} from "../router.js";

export async function show({outlet, scope}) {
  const {agents} = await get("/v1/agents", {}, {signal: scope.signal});
  fill(
    outlet,
    h(
      "div.page",
      pageHead("Agents"),
      agents.length
        ? h("div.stack", {on: {keydown: rowKeys}}, agents.map(agent))
        : empty(
            "This deployment has no agents",
            h("p", "An agent is ", h("code", "Agent(id=…, provider=…, model=…)"), " in the app's code."),
          ),
    ),
  );
  return {};
}

function agent(one) {
  return card(
    one.id,
    {
      aside: [
        h("a", {href: to(["executions"], {workflow_id: one.id})}, "Runs"),
        h(
          "a.button.primary.small",
          {href: to(["agents", one.id]), dataset: {row: "", chat: one.id}},
          icon("chat"),
          "Chat",
        ),
      ],
    },
    h(
      "div.card-body.stack",
      one.description ? h("p.wrap", one.description) : null,
      facts([
        ["Model", h("code", `${one.provider}/${one.model}`)],
        ["Temperature", one.temperature],
        ["Most output tokens", one.max_output_tokens],
        ["Stops at", one.stop_conditions.join(", ")],
        ["Queue", one.queue],
        ["Tools of servers", one.tool_sources.join(", ")],
      ]),
      one.instructions
        ? h(
            "details",
            {open: one.instructions.length < 400},
            h("summary", "Instructions"),
            h("pre", one.instructions),
          )
        : null,
      one.tools.length ? h("div", h("h3", "Tools"), h("ul.tools", one.tools.map(tool))) : null,
      one.output_schema
        ? h("details", h("summary", "What it has to answer"), jsonView(one.output_schema, "the schema"))
        : null,
    ),
  );
}

function tool(one) {
  return h(
    "li",
    h(
      "details",
      h(
        "summary",
        h("code", one.name),
        one.kind === "tool" ? null : [" ", h("span.kind", one.kind)],
        h("span.faint.wrap", ` ${one.description}`),
      ),
      one.parameters ? jsonView(one.parameters, "its parameters") : null,
    ),
  );
}
