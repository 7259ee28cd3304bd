// JSON to look at: a tree that unfolds, long texts cut until somebody asks for more, all of it text.

import {h} from "./dom.js";
import {bytes, plural} from "./format.js";
import {digits} from "./json.js";
import {copyButton} from "./parts.js";

const LONG = 400;
const MANY = 100;
const OPEN_DEPTH = 2;

/** A value with a button that copies it. `what` names it for that button. */
export function jsonView(value, what = "the value") {
  const text = JSON.stringify(value, null, 2) ?? "null";
  return h(
    "div.json",
    h("div.json-tools", h("span.faint", bytes(new Blob([text]).size)), copyButton(text, what)),
    node(value, 0),
  );
}

function node(value, depth) {
  if (value === null || value === undefined) return h("span.j-null", "null");
  if (typeof value === "string") return string(value);
  const large = digits(value);
  if (large !== null) return h("span.j-number", large);
  if (typeof value !== "object") return h(`span.j-${typeof value}`, String(value));
  const entries = Array.isArray(value) ? value.map((one, i) => [i, one]) : Object.entries(value);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  if (!entries.length) return h("span.j-punct", open + close);
  const body = h("div.j-body");
  let drawn = 0;
  const more = () => {
    body.lastElementChild?.matches("button") && body.lastElementChild.remove();
    for (const [name, one] of entries.slice(drawn, drawn + MANY)) {
      body.append(
        h(
          "div.j-entry",
          h(Array.isArray(value) ? "span.j-index" : "span.j-key", String(name)),
          h("span.j-punct", ": "),
          node(one, depth + 1),
        ),
      );
    }
    drawn += MANY;
    if (drawn < entries.length)
      body.append(h("button.small", {type: "button", on: {click: more}}, `${entries.length - drawn} more`));
  };
  const shown = depth < OPEN_DEPTH && entries.length <= 40;
  const details = h(
    "details.j-node",
    {open: shown},
    h(
      "summary",
      h("span.j-punct", open),
      h("span.faint", ` ${plural(entries.length, Array.isArray(value) ? "item" : "key")} `),
      h("span.j-punct", close),
    ),
    body,
  );
  if (shown) more();
  else details.addEventListener("toggle", more, {once: true});
  return details;
}

/** A text as JSON; what turns the direction of writing, or breaks lines unseen, is escaped: it could hide what is there. */
const literal = (text) =>
  JSON.stringify(text).replace(
    /[\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (one) => `\\u${one.charCodeAt(0).toString(16)}`,
  );

function string(text) {
  if (text.length <= LONG) return h("span.j-string", {dir: "auto"}, literal(text));
  const place = h("span.j-string", {dir: "auto"}, literal(text.slice(0, LONG)));
  const rest = h(
    "button.small",
    {
      type: "button",
      on: {
        click: () => {
          place.textContent = literal(text);
          rest.remove();
        },
      },
    },
    `show all ${bytes(text.length)}`,
  );
  return h("span", place, " ", rest);
}
