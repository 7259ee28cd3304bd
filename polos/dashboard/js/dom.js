// Elements, made safely: what comes from elsewhere becomes text nodes and attributes, never markup.
// Nothing in the dashboard assigns innerHTML; a test reads the sources for it.

const SVG = "http://www.w3.org/2000/svg";
const SAFE_LINK = /^(#|\/(?!\/)|https?:\/\/)/i;

/**
 * An element: h("a.btn", {href: "#/x", on: {click: f}}, "text", other, [more], null).
 * `tag` may carry classes after dots. Strings and numbers become text; null, undefined and false are left out.
 */
export function h(tag, ...rest) {
  const [name, ...classes] = tag.split(".");
  return build(document.createElement(name), classes, rest);
}

/** The same for SVG. */
export function s(tag, ...rest) {
  const [name, ...classes] = tag.split(".");
  return build(document.createElementNS(SVG, name), classes, rest);
}

function build(element, classes, rest) {
  if (classes.length) element.classList.add(...classes);
  const [first] = rest;
  const given =
    first !== null && typeof first === "object" && !Array.isArray(first) && !(first instanceof Node);
  if (given) attributes(element, first);
  append(element, given ? rest.slice(1) : rest);
  return element;
}

function attributes(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") {
      for (const [event, handler] of Object.entries(value)) element.addEventListener(event, handler);
    } else if (name === "style") {
      for (const [property, setting] of Object.entries(value)) element.style.setProperty(property, setting);
    } else if (name === "dataset") {
      Object.assign(element.dataset, value);
    } else if (name === "class") {
      element.classList.add(...String(value).split(/\s+/).filter(Boolean));
    } else if (name === "value" || name === "checked" || name === "selected" || name === "indeterminate") {
      element[name] = value;
    } else if (name.startsWith("on")) {
      throw new TypeError(`${name}: handlers are given as on: {...}, so that no text becomes code`);
    } else if (name === "href") {
      if (SAFE_LINK.test(value)) element.setAttribute("href", value);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/** Add children; see `h`. */
export function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === true) continue;
    element.append(child instanceof Node ? child : String(child));
  }
  return element;
}

/** Replace all children; focus stays where it was if the new children have an element of the same `data-key`. */
export function fill(element, ...children) {
  const active = document.activeElement;
  const key = active && element.contains(active) ? active.dataset.key : undefined;
  element.replaceChildren();
  append(element, children);
  if (key) element.querySelector(`[data-key="${CSS.escape(key)}"]`)?.focus({preventScroll: true});
  return element;
}

/** Tell people who listen to the page, and do not see it. */
export function announce(text) {
  const place = document.getElementById("polite");
  place.textContent = "";
  setTimeout(() => (place.textContent = text), 50);
}

/** A short message in the corner. Errors stay until they are closed. */
export function toast(text, {kind = "info", link = null} = {}) {
  const place = document.getElementById("toasts");
  if (kind === "error") for (const one of place.children) if (one.dataset.text === text) return; // it is said already
  const close = () => box.remove();
  const box = h(
    `div.toast.${kind}`,
    {role: kind === "error" ? "alert" : null, dataset: {text}},
    h("span", text),
    link && h("a", {href: link.href, on: {click: close}}, link.text),
    h("button.plain", {type: "button", "aria-label": "Close this message", on: {click: close}}, "×"),
  );
  place.append(box);
  if (kind !== "error") setTimeout(close, 6000);
}

const PATHS = {
  list: "M4 6h16M4 12h16M4 18h10",
  play: "M7 5l12 7-12 7z",
  pause: "M8 5v14M16 5v14",
  inbox: "M4 13l3-8h10l3 8v6H4zM4 13h5l1.5 3h3L15 13h5",
  agent: "M12 3v3M6 8h12a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2H6a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2zM9 13v1M15 13v1",
  chat: "M4 5h16v11H10l-5 4v-4H4z",
  queue: "M4 7h4v10H4zM10 7h4v10h-4zM16 7h4v10h-4z",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7v5l3 2",
  event: "M13 3L5 14h6l-1 7 8-11h-6z",
  cost: "M12 3v18M16.5 7.5c0-2-2-3-4.5-3s-4.500 1-4.500 3.200c0 4.600 9 2.400 9 7 0 2.300-2 3.300-4.500 3.300s-4.500-1-4.500-3",
  menu: "M4 7h16M4 12h16M4 17h16",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2M12 20v2M2 12h2M20 12h2M5 5l1.500 1.500M17.500 17.500L19 19M5 19l1.500-1.500M17.500 6.500L19 5",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
  auto: "M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18",
  copy: "M9 9h10v11H9zM5 15V4h10",
  help: "M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM9.500 9.500a2.500 2.500 0 1 1 3.500 2.300c-.700.300-1 .900-1 1.700M12 17v.010",
  plus: "M12 5v14M5 12h14",
  close: "M6 6l12 12M18 6L6 18",
  right: "M9 5l7 7-7 7",
  down: "M5 9l7 7 7-7",
  out: "M14 4h6v6M20 4l-9 9M18 14v6H4V6h6",
};

/** A line icon; it says nothing to screen readers, the text beside it does. */
export function icon(name) {
  return s(
    "svg.icon",
    {viewBox: "0 0 24 24", "aria-hidden": "true", focusable: "false"},
    s("path", {d: PATHS[name]}),
  );
}
