// Small pieces that every page is made of.

import {announce, h, icon, toast} from "./dom.js";
import {ago, exactly, shortId, when, words} from "./format.js";
import {to} from "./router.js";

/** How a status looks: a dot, and the word. */
export function status(name) {
  return h(
    `span.status.s-${String(name).replace(/[^a-z_]/g, "")}`,
    h("span.dot", {"aria-hidden": "true"}),
    words(name),
  );
}

/** A time: how long ago, and exactly in the title, see `titleTimes`. It grows older by itself, see `refreshTimes`. */
export function time(iso, {relative = true} = {}) {
  if (!iso) return h("span.faint", "–");
  return h(
    "time",
    {datetime: iso, dataset: relative ? {relative: ""} : {}},
    relative ? ago(iso) : when(iso),
  );
}

/** Give times their titles when somebody points at them: writing a date in full takes longer than the rest of a row. */
export function titleTimes(event) {
  const element = event.target.closest?.("time:not([title])");
  if (element) element.title = exactly(element.dateTime);
}

/** Bring relative times up to date; reads nothing from anywhere. */
export function refreshTimes(root = document) {
  for (const element of root.querySelectorAll("time[data-relative]")) {
    const text = ago(element.getAttribute("datetime"));
    if (element.textContent !== text) element.textContent = text;
  }
}

/** An execution's id as a link, short, in full in its title. */
export function executionLink(id, {text = shortId(id), ...props} = {}) {
  return h("a.id", {href: to(["executions", id]), title: id, ...props}, text);
}

/** A button that copies. `what` names it: "the id". */
export function copyButton(text, what, {label = ""} = {}) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(typeof text === "function" ? text() : text);
      announce(`Copied ${what}`);
      button.classList.add("done");
      setTimeout(() => button.classList.remove("done"), 1200);
    } catch {
      toast("The browser did not let us copy: select the text, and copy it yourself.", {kind: "error"});
    }
  };
  const button = h(
    `button.copy${label ? "" : ".icon-only"}`,
    {type: "button", "aria-label": `Copy ${what}`, title: `Copy ${what}`, on: {click: copy}},
    icon("copy"),
    label,
  );
  return button;
}

/** An id in full, that can be copied. */
export const copyable = (text, what) =>
  h("span.copyable", h("code", {title: text}, text), copyButton(text, what));

/** A command line to copy. */
export function commandLine(command) {
  return h(
    "div.command",
    {role: "group", "aria-label": "The same on the command line"},
    h("span.prompt", {"aria-hidden": "true"}, "$"),
    h("code", command),
    copyButton(command, "the command"),
  );
}

/** What is shown instead of content: nothing there, an error, or that it is on its way. */
export const empty = (title, ...more) => h("div.empty", h("p.empty-title", title), more);

export const loading = (what = "Loading") =>
  h("div.loading", {role: "status"}, h("span.spinner", {"aria-hidden": "true"}), `${what} …`);

export function failure(error, {retry = null, anew = null, titled = true} = {}) {
  return h(
    "div.problem",
    {role: "alert"},
    titled ? h("p.problem-title", error.status === 404 ? "Not found" : "That did not work") : null,
    h("p", error.message),
    error.problems?.length
      ? h(
          "ul",
          error.problems.map(([path, text]) => h("li", h("code", path), " ", text)),
        )
      : null,
    error.requestId ? h("p.faint", "Request ", h("code", error.requestId)) : null,
    retry || anew
      ? h(
          "div.row",
          retry && h("button", {type: "button", on: {click: retry}}, "Try again"),
          anew && h("a.button", {href: anew}, "Begin without filters"),
        )
      : null,
  );
}

/** A titled box. `aside` stands at the right of its head. */
export function card(title, {aside = null, id = null, level = 2} = {}, ...content) {
  return h(
    "section.card",
    {"aria-label": title, id},
    h("header.card-head", h(`h${level}`, title), aside && h("div.card-aside", aside)),
    content,
  );
}

/** A list of names with values; those without value are left out. */
export function facts(pairs) {
  return h(
    "dl.facts",
    pairs
      .filter(([, value]) => value !== null && value !== undefined && value !== "")
      .map(([name, value]) => h("div", h("dt", name), h("dd", value))),
  );
}

/** The head of a page: its title, and what one can do there. Gives the element; the title takes the focus. */
export function pageHead(title, ...actions) {
  document.title = `${title} · Polos`;
  return h("div.page-head", h("h1", {tabindex: "-1"}, title), h("div.page-actions", actions));
}

/** A label with its input. */
export function labelled(text, input, {hint = null} = {}) {
  return h("label.field", h("span.field-label", text), input, hint && h("small", hint));
}
