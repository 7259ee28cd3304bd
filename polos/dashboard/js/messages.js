// What was said to and by a model, as a chat. Model text is shown as it came: no markup is made of it.

import {h, icon} from "./dom.js";
import {parsed} from "./json.js";
import {jsonView} from "./json_view.js";
import {count, dollars, duration} from "./format.js";
import {facts} from "./parts.js";

const NAMES = {system: "System", user: "User", assistant: "Model", tool: "Tools"};

/** One message; `names` tells results which tool they are of. */
export function message({role, parts}, names = new Map()) {
  for (const part of parts) if (part.type === "tool_call") names.set(part.call_id, part.name);
  return h(
    `article.msg.m-${NAMES[role] ? role : "user"}`,
    {"aria-label": NAMES[role] ?? role},
    h("header", NAMES[role] ?? role),
    parts.map((part) => piece(part, names)),
  );
}

export function messages(list) {
  const names = new Map();
  return h(
    "div.chat",
    list.map((one) => message(one, names)),
  );
}

function piece(part, names) {
  switch (part.type) {
    case "text":
      return h("p.said", {dir: "auto"}, part.text);
    case "reasoning":
      return part.text
        ? h("details.thought", h("summary", "Reasoning"), h("p.said", {dir: "auto"}, part.text))
        : null;
    case "tool_call":
      return h(
        "details.call",
        h("summary", icon("right"), "calls ", h("code", part.name)),
        readable(part.arguments),
      );
    case "tool_result":
      return h(
        "details.call",
        {class: part.is_error ? "is-error" : "", open: part.is_error},
        h(
          "summary",
          icon(part.is_error ? "close" : "down"),
          part.is_error ? "error of " : "result of ",
          h("code", names.get(part.call_id) ?? part.call_id),
        ),
        readable(part.content),
      );
    case "image":
      return h("p.said.faint", part.url ? ["picture ", h("code", part.url)] : `picture, ${part.media_type}`);
    default:
      return h("p.said.faint", "an item of the provider's own");
  }
}

function readable(text) {
  try {
    const value = parsed(text);
    if (value !== null && typeof value === "object") return jsonView(value);
  } catch {
    // Models do write bad JSON: then it is shown as text.
  }
  return h("pre", {dir: "auto"}, String(text));
}

/** A call of a model: who was asked, what it cost, and the conversation with its answer. */
export function llmCall(llm) {
  const usage = llm.usage;
  const said = [
    ...(llm.system ? [{role: "system", parts: [{type: "text", text: llm.system}]}] : []),
    ...(llm.messages ?? []),
    ...(llm.response ? [llm.response.message] : []),
  ];
  return h(
    "div.llm",
    facts([
      ["Model", h("code", `${llm.provider}/${llm.response?.model || llm.model}`)],
      [
        "Tokens in",
        usage &&
          h(
            "span",
            {
              title: `${usage.cache_read_input_tokens} read from the cache, ${usage.cache_creation_input_tokens} written to it`,
            },
            count(usage.input_tokens),
            usage.cache_read_input_tokens
              ? h("span.faint", ` (${count(usage.cache_read_input_tokens)} cached)`)
              : "",
          ),
      ],
      ["Tokens out", usage && count(usage.output_tokens)],
      ["Cost", llm.cost === null ? h("span.faint", "no price known") : dollars(llm.cost)],
      [
        "First token",
        llm.first_token_ms === null ? h("span.faint", "not measured") : duration(llm.first_token_ms),
      ],
      ["Stopped", llm.response && String(llm.response.stop_reason).replaceAll("_", " ")],
      ["Tools", llm.tools?.length ? llm.tools.join(", ") : null],
    ]),
    llm.messages === null
      ? h("p.faint", "What was asked is not shown: the agent's code is not known here.")
      : null,
    messages(said),
  );
}
