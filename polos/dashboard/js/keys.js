// The keyboard: single keys where nobody types, `g` and a letter to go somewhere, Escape to go back.

import {dialog} from "./dialog.js";
import {h} from "./dom.js";
import {live} from "./live.js";
import {go} from "./router.js";

const PLACES = {
  e: "executions",
  n: "start",
  i: "approvals",
  a: "agents",
  s: "sessions",
  q: "queues",
  t: "schedules",
  v: "events",
  c: "cost",
};
const HELP = [
  [
    "Everywhere",
    [
      ["?", "this help"],
      ["/", "search, or filter"],
      ["p", "pause or go on with live"],
      ["Esc", "close, or leave a field"],
      ["g e", "executions"],
      ["g n", "start"],
      ["g i", "approvals"],
      ["g a", "agents"],
      ["g s", "sessions"],
      ["g q", "queues"],
      ["g t", "schedules"],
      ["g v", "events"],
      ["g c", "cost"],
    ],
  ],
  [
    "Lists",
    [
      ["j  ↓", "next"],
      ["k  ↑", "previous"],
      ["Enter", "open"],
      ["Home  End", "first, last"],
    ],
  ],
  [
    "Timeline",
    [
      ["j  k", "next, previous operation"],
      ["→  ←", "unfold a child, fold it"],
      ["Enter", "look at it"],
      ["f", "only what failed or is pending"],
    ],
  ],
];

let waiting = false;
let page = {};

/** The keys of the page that is shown: a map of key to handler. */
export function pageKeys(keys) {
  page = keys ?? {};
}

export function startKeys() {
  document.addEventListener("keydown", pressed);
}

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (document.querySelector("dialog[open]")) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (waiting) {
    waiting = false;
    if (event.key in PLACES) act(event, () => go(`#/${PLACES[event.key]}`));
    return;
  }
  const known = {
    "?": help,
    "/": search,
    p: () => live.toggle(),
    g: lead,
    j: () => step(1),
    k: () => step(-1),
    ...page,
  };
  const handler = known[event.key];
  if (handler) act(event, handler);
}

function act(event, handler) {
  if (handler(event) !== false) event.preventDefault();
}

function typing(target) {
  const kind = target.closest?.("input, textarea, select, [contenteditable]");
  return kind !== null && kind !== undefined && !["checkbox", "radio", "button"].includes(kind.type);
}

function lead() {
  waiting = true;
  setTimeout(() => (waiting = false), 1500);
}

function search() {
  const field = document.querySelector("[data-search]");
  field?.focus();
  field?.select?.();
}

/** Move the focus along the rows of the page: links or buttons with `data-row`. */
function step(by) {
  const rows = [...document.querySelectorAll("#main [data-row]")];
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + by))];
  next.focus();
  next.scrollIntoView({block: "nearest"});
}

/** Arrow keys, Home and End within a list of rows. */
export function rowKeys(event) {
  const moves = {ArrowDown: 1, ArrowUp: -1, Home: -1e9, End: 1e9};
  if (!(event.key in moves) || !event.target.matches?.("[data-row]")) return;
  const rows = [...document.querySelectorAll("#main [data-row]")];
  const at = Math.max(0, Math.min(rows.length - 1, rows.indexOf(event.target) + moves[event.key]));
  rows[at].focus();
  event.preventDefault();
}

export function help() {
  dialog(
    "Keyboard",
    h(
      "div.keys",
      HELP.map(([title, keys]) =>
        h(
          "section",
          h("h3", title),
          h(
            "dl",
            keys.map(([key, what]) =>
              h(
                "div",
                h(
                  "dt",
                  key.split(/\s+/).map((one) => h("kbd", one)),
                ),
                h("dd", what),
              ),
            ),
          ),
        ),
      ),
    ),
    [],
    {wide: true},
  );
}
