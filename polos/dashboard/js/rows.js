// A table whose rows come again and again: a row that has not changed stays the element it was, so that focus and
// selection stay too. Where it is too narrow for its columns, each row is a list of its cells with their titles (see
// dashboard.css); the roles are said because browsers forget them with the layout.

import {h} from "./dom.js";

const IN_SIGHT = 24; // rows of a window that is not very high

/**
 * A table. `columns`: [{title, cls}]; `row(item)` gives the cells of one; `key(item)` tells items apart.
 * Gives {element, update(items)}: update tells whether anything was new.
 */
export function table(caption, columns, {row, key, cls = ""}) {
  const body = h("tbody", {role: "rowgroup"});
  const element = h(
    "div.table-wrap",
    {tabindex: "-1"},
    h(
      `table.table`,
      {class: cls, role: "table"},
      h("caption.unseen", caption),
      h(
        "thead",
        {role: "rowgroup"},
        h(
          "tr",
          {role: "row"},
          columns.map((one) =>
            h("th", {scope: "col", role: "columnheader", class: one.cls ?? ""}, one.title),
          ),
        ),
      ),
      body,
    ),
  );
  const known = new Map();
  let first = true;
  let rest = 0;

  /** Bring the rows up to date. The first time, those that are in sight come a frame before the others. */
  function update(items) {
    cancelAnimationFrame(rest);
    if (!first || items.length <= IN_SIGHT) return put(items);
    put(items.slice(0, IN_SIGHT));
    first = true; // the others have not arrived just now
    rest = requestAnimationFrame(() => {
      rest = requestAnimationFrame(() => put(items));
    });
    return true;
  }

  function put(items) {
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
          {class: !first && !old ? "arrived" : "", role: "row"},
          row(item).map((cell, i) =>
            h(
              "td",
              {class: columns[i].cls ?? "", role: "cell", dataset: {title: columns[i].title}},
              cell,
            ),
          ),
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
