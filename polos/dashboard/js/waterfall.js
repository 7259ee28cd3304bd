// The waterfall: operations as rows over a common axis. Only the rows in sight exist, so a thousand steps stay smooth.

import {barsOf, busyOf, lengthOf, pending, waitText} from "./bars.js";
import {fill, h, icon} from "./dom.js";
import {duration, ms, plural, words} from "./format.js";
import {live} from "./live.js";
import {scale} from "./scale.js";

const ROW = 30;
const SPARE = 8;
const LABEL = 58; // pixels: what a time on the axis takes at most, and some air
const SIGNS = {
  run: "play",
  suspend: "inbox",
  invoke_and_wait: "right",
  batch_item: "right",
  agent_invoke_and_wait: "agent",
  batch_agent_item: "agent",
  wait_for_event: "event",
  wait_event: "event",
};

/**
 * `choose(row)` is told which row was opened; `children(id)` gives the timeline of a child execution.
 * Rows are {op, execution, depth, id}.
 */
export class Waterfall {
  #choose;
  #children;
  #story = null;
  #operations = [];
  #unfolded = new Map(); // id of a child -> its timeline
  #rows = [];
  #at = 0;
  #opened = null;
  #only = "";
  #text = "";
  #fold = true;
  #scale = null;

  constructor({choose, children, scope}) {
    this.#choose = choose;
    this.#children = children;
    this.axis = h("div.wf-axis", {"aria-hidden": "true"});
    this.space = h("div.wf-space", {role: "rowgroup"});
    this.body = h(
      "div.wf-body",
      {
        role: "treegrid",
        tabindex: "0",
        "aria-label": "Operations, in the order of the code",
        "aria-readonly": "true",
        on: {
          scroll: () => this.#soon(),
          keydown: (event) => this.#pressed(event),
        },
      },
      this.space,
    );
    this.note = h("span.faint");
    this.only = h("input", {type: "checkbox", on: {change: () => this.filter({only: this.only.checked})}});
    this.folding = h("input", {
      type: "checkbox",
      checked: true,
      on: {
        change: () => {
          this.#fold = this.folding.checked;
          this.#draw();
        },
      },
    });
    this.search = h("input", {
      type: "search",
      "aria-label": "Filter operations by key",
      placeholder: "Filter by key",
      dataset: {search: ""},
      on: {input: () => this.filter({text: this.search.value})},
    });
    this.tools = h(
      "div.row",
      this.note,
      h("label.check", {title: "Fold time in which nothing is at work"}, this.folding, "fold idle time"),
      h("label.check", {title: "f"}, this.only, "failed or pending"),
      this.search,
    );
    this.element = h(
      "div.waterfall",
      h("div.wf-head", h("span", "Operation"), this.axis, h("span.c-number", "Took")),
      this.body,
    );
    const sizes = new ResizeObserver(() => this.#soon());
    sizes.observe(this.body);
    const widths = new ResizeObserver(() => this.#story && this.#draw()); // as many labels as there is room for
    widths.observe(this.axis);
    scope.onLeave(() => {
      sizes.disconnect();
      widths.disconnect();
    });
    const timer = setInterval(() => live.on && this.#story && !this.#story.ended_at && this.#draw(), 1000);
    scope.onLeave(() => clearInterval(timer));
  }

  /** Show these; `story` is the timeline without them. */
  update(story, operations) {
    this.#story = story;
    this.#operations = operations;
    this.#draw();
    const opened = this.#opened && this.#rows.find((row) => row.id === this.#opened);
    if (opened) this.#choose(opened); // what is looked at may have gone on
  }

  filter({only = this.#only, text = this.#text}) {
    this.#only = only;
    this.#text = text.toLowerCase();
    this.only.checked = Boolean(only);
    this.#draw();
  }

  toggleOnly() {
    this.filter({only: !this.#only});
  }

  /** Bring the children that are unfolded and go on up to date. */
  async refresh(signal) {
    for (const [id, story] of this.#unfolded)
      if (!story.ended_at) this.#unfolded.set(id, await this.#children(id, signal));
  }

  /** Choose the row of an address, if there is one. */
  reveal(address, execution = null) {
    const at = this.#rows.findIndex(
      (row) => row.op.address === address && (!execution || row.execution === execution),
    );
    if (at >= 0) this.#go(at, {open: true});
    return at >= 0;
  }

  close() {
    this.#opened = null;
    this.#paint();
  }

  focus() {
    this.body.focus({preventScroll: true});
  }

  /** Move the mark by so many rows. */
  move(by) {
    this.focus();
    this.#go(this.#at + by, {open: this.#opened !== null});
  }

  // --- rows ---------------------------------------------------------------------------------------------------------

  #draw() {
    const now = Date.now();
    this.#rows = this.#wanted(this.#operations, this.#story.execution_id, 0);
    this.#at = Math.max(0, Math.min(this.#at, this.#rows.length - 1));
    const to = ms(this.#story.ended_at) ?? now;
    const busy = this.#fold ? this.#operations.flatMap((op) => busyOf(op, to)) : [];
    this.#scale = scale(ms(this.#story.created_at), to, busy, {
      fold: this.#fold,
      labels: this.axis.clientWidth / LABEL,
    });
    fill(
      this.axis,
      this.#scale.ticks.map((tick) =>
        h(`span.wf-tick${tick.end ? ".end" : ""}`, {style: {left: percent(tick.x)}}, duration(tick.ms)),
      ),
      this.#scale.gaps.map((gap) =>
        h("span.wf-gap", {
          style: {left: percent(gap.x), width: percent(gap.width)},
          title: `${duration(gap.ms)} in which nothing was at work`,
        }),
      ),
    );
    this.note.textContent =
      this.#rows.length === this.#operations.length
        ? plural(this.#rows.length, "operation")
        : plural(this.#rows.length, "row");
    this.body.setAttribute("aria-rowcount", this.#rows.length);
    this.space.style.setProperty("height", `${Math.max(1, this.#rows.length) * ROW}px`);
    this.#paint();
  }

  #wanted(operations, execution, depth) {
    const found = [];
    for (const op of operations) {
      const story = op.child ? this.#unfolded.get(op.child) : null;
      const below = story ? this.#wanted(story.operations, op.child, depth + 1) : [];
      const fits =
        (!this.#only || pending(op) || op.stage === "failed" || op.attempts.some((one) => one.error)) &&
        op.key.toLowerCase().includes(this.#text);
      if (fits || below.length)
        found.push({op, execution, depth, id: `${execution}/${op.address}`}, ...below);
    }
    return found;
  }

  #soon() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.#story && this.#paint());
  }

  #paint() {
    const first = Math.max(0, Math.floor(this.body.scrollTop / ROW) - SPARE);
    const last = Math.min(
      this.#rows.length,
      Math.ceil((this.body.scrollTop + this.body.clientHeight) / ROW) + SPARE,
    );
    const now = ms(this.#story.ended_at) ?? Date.now();
    const rows = [];
    for (let i = first; i < last; i += 1) rows.push(this.#row(this.#rows[i], i, now));
    if (!this.#rows.length)
      rows.push(
        h("div.wf-none", this.#operations.length ? "None fits the filter" : "Nothing has been asked for yet"),
      );
    fill(this.space, rows);
    const active = this.#rows.length ? `wf-${this.#at}` : "";
    this.body.setAttribute("aria-activedescendant", active);
  }

  #row(row, i, now) {
    const {op, depth} = row;
    const took = lengthOf(op, now);
    const unfolded = op.child ? this.#unfolded.has(op.child) : null;
    const fold = op.child
      ? h(
          "button.wf-fold",
          {
            type: "button",
            tabindex: "-1",
            "aria-label": `${unfolded ? "Fold" : "Unfold"} ${op.key}`,
            on: {
              click: (event) => {
                event.stopPropagation();
                this.#toggle(row);
              },
            },
          },
          icon(unfolded ? "down" : "right"),
        )
      : h("span.wf-fold");
    return h(
      "div.wf-row",
      {
        id: `wf-${i}`,
        role: "row",
        "aria-rowindex": i + 1,
        "aria-level": depth + 1,
        "aria-expanded": unfolded === null ? null : String(unfolded),
        "aria-selected": String(row.id === this.#opened),
        class: i === this.#at ? "marked" : "",
        style: {top: `${i * ROW}px`},
        on: {click: () => this.#go(i, {open: true})},
      },
      h(
        "div.wf-name",
        {role: "gridcell", style: {"padding-left": `${depth * 16}px`}, title: op.address},
        fold,
        h(`span.wf-sign.s-${op.stage}`, icon(SIGNS[op.verb] ?? (op.wait ? "clock" : "play"))),
        h("span.clip", op.key),
        op.attempts.length > 1
          ? h("span.tries", {title: `${op.attempts.length} attempts`}, `×${op.attempts.length}`)
          : null,
        h("span.unseen", spoken(op)),
      ),
      h(
        "div.wf-track",
        {role: "gridcell"},
        barsOf(op, now).map((bar) => this.#bar(bar)),
      ),
      h(
        "div.wf-took",
        {role: "gridcell", class: pending(op) ? "growing" : ""},
        took === null ? "" : duration(took),
      ),
    );
  }

  #bar(bar) {
    const from = this.#scale.x(bar.from);
    const width = this.#scale.x(bar.to) - from;
    return h(`span.wf-bar.b-${bar.kind}`, {
      class: bar.open ? "open" : "",
      style: {left: percent(from), width: percent(width)},
      title: `${bar.text}, ${duration(bar.to - bar.from)}`,
    });
  }

  // --- moving -------------------------------------------------------------------------------------------------------

  #go(at, {open = false} = {}) {
    if (!this.#rows.length) return;
    this.#at = Math.max(0, Math.min(this.#rows.length - 1, at));
    const top = this.#at * ROW;
    if (top < this.body.scrollTop) this.body.scrollTop = top;
    else if (top + ROW > this.body.scrollTop + this.body.clientHeight)
      this.body.scrollTop = top + ROW - this.body.clientHeight;
    if (open) {
      this.#opened = this.#rows[this.#at].id;
      this.#choose(this.#rows[this.#at]);
    }
    this.#paint();
  }

  async #toggle(row) {
    const id = row.op.child;
    if (!id) return;
    if (this.#unfolded.has(id)) this.#unfolded.delete(id);
    else this.#unfolded.set(id, await this.#children(id));
    this.#draw();
  }

  #pressed(event) {
    const row = this.#rows[this.#at];
    const page = Math.floor(this.body.clientHeight / ROW) - 1;
    const moves = {ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -1e9, End: 1e9};
    if (event.key in moves) this.#go(this.#at + moves[event.key], {open: this.#opened !== null});
    else if (event.key === "Enter" || event.key === " ") this.#go(this.#at, {open: true});
    else if (event.key === "ArrowRight" && row?.op.child && !this.#unfolded.has(row.op.child))
      this.#toggle(row);
    else if (event.key === "ArrowLeft" && row?.op.child && this.#unfolded.has(row.op.child))
      this.#toggle(row);
    else return;
    event.preventDefault();
  }
}

const percent = (share) => `${(share * 100).toFixed(3)}%`;

function spoken(op) {
  const wait = op.wait && pending(op) ? `, ${waitText(op.wait)}` : "";
  return `${words(op.verb)}, ${words(op.stage)}${wait}`;
}
