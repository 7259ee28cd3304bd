// A table whose rows come again and again: a row that has not changed stays the element it was, so that focus and
// selection stay too.

import {h} from "./dom.js";

/**
 * A table. `columns`: [{title, cls}]; `row(item)` gives the cells of one; `key(item)` tells items apart.
 * Gives {element, update(items)}: update tells whether anything was new.
 */
export function table(caption, columns, {row, key, cls = ""}) {
  const body = h("tbody");
  const element = h(
    "div.table-wrap",
    {tabindex: "-1"},
    h(
      `table.table`,
      {class: cls},
      h("caption.unseen", caption),
      h(
        "thead",
        h(
          "tr",
          columns.map((one) => h("th", {scope: "col", class: one.cls ?? ""}, one.title)),
        ),
      ),
      body,
    ),
  );
  const known = new Map();
  let first = true;

  function update(items) {
    let news = false;
    const kept = new Set();
    let before = null;
    for (const item of items) {
      const name = key(item);
      const signature = JSON.stringify(item);
      const old = known.get(name);
      kept.add(name);
      let current = old?.element;
      if (old?.signature !== signature) {
        news = true;
        current = h(
          "tr",
          {class: !first && !old ? "arrived" : ""},
          row(item).map((cell, i) => h("td", {class: columns[i].cls ?? ""}, cell)),
        );
        const held = old?.element.contains(document.activeElement)
          ? document.activeElement.dataset.key
          : null;
        old?.element.replaceWith(current);
        if (held) current.querySelector(`[data-key="${CSS.escape(held)}"]`)?.focus({preventScroll: true});
        known.set(name, {element: current, signature});
      }
      const place = before ? before.nextSibling : body.firstChild;
      if (place !== current) body.insertBefore(current, place);
      before = current;
    }
    for (const [name, one] of known) {
      if (kept.has(name)) continue;
      news = true;
      one.element.remove();
      known.delete(name);
    }
    first = false;
    return news;
  }

  return {element, update};
}
