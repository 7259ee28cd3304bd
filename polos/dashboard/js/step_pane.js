// One operation, beside the timeline: error first, then model call, output, input and attempts.

import {get, ofExecution} from "./api.js";
import {waitText} from "./bars.js";
import {fill, h, icon} from "./dom.js";
import {duration, exactly, ms, plural, when, words} from "./format.js";
import {jsonView} from "./json_view.js";
import {llmCall} from "./messages.js";
import {card, copyButton, copyable, executionLink, facts, failure, loading, status, time} from "./parts.js";

export class StepPane {
  #scope;
  #close;
  #fork;
  #row = null;

  constructor({scope, close, fork}) {
    this.#scope = scope;
    this.#close = close;
    this.#fork = fork;
    this.element = h("aside.pane", {"aria-label": "Operation", hidden: true});
  }

  get open() {
    return this.#row !== null;
  }

  close() {
    this.#row = null;
    this.element.hidden = true;
  }

  async show(row) {
    const changed =
      this.#row?.id !== row.id ||
      this.#row.op.stage !== row.op.stage ||
      this.#row.op.attempts.length !== row.op.attempts.length;
    this.#row = row;
    if (!changed) return;
    this.element.hidden = false;
    const body = h("div.pane-body", loading());
    fill(this.element, this.#head(row), body);
    try {
      const step = await get(
        ofExecution(row.execution, "step"),
        {address: row.op.address},
        {signal: this.#scope.signal},
      );
      if (this.#row === row) fill(body, this.#content(step, row));
    } catch (error) {
      if (error.name !== "AbortError" && this.#row === row) fill(body, failure(error));
    }
  }

  #head({op}) {
    return h(
      "header.pane-head",
      h(
        "div.grow",
        h("h2.wrap", {tabindex: "-1"}, op.key),
        h("div.row", status(op.stage), h("code.faint", words(op.verb))),
      ),
      h(
        "button.plain.icon-only",
        {type: "button", "aria-label": "Close (Esc)", title: "Esc", on: {click: () => this.#close()}},
        icon("close"),
      ),
    );
  }

  #content(step, row) {
    const attempts = step.attempts.filter((one) => one.started_at || one.ended_at || one.error);
    return [
      step.error ? errorBox(step.error) : null,
      facts([
        ["Address", copyable(step.address, "the address")],
        ["Function", step.function && h("code", step.function)],
        ["Asked for", time(step.issued_at, {relative: false})],
        [
          "Took",
          step.ended_at ? duration(ms(step.ended_at) - (ms(step.started_at) ?? ms(step.issued_at))) : null,
        ],
        [
          "Waits",
          step.wait && !step.ended_at
            ? `${waitText(step.wait)}${step.wait.until ? `, until ${when(step.wait.until)}` : ""}`
            : null,
        ],
        ["Next attempt", step.stage === "retrying" ? time(step.due_at) : null],
        ["Retries", step.max_retries === null ? null : `at most ${step.max_retries}`],
        ["Timeout", step.timeout === null ? null : duration(step.timeout * 1000)],
        ["Queue", step.queue],
        [
          "Execution",
          step.child &&
            h("span.row", executionLink(step.child), step.child_summary && status(step.child_summary.status)),
        ],
      ]),
      step.llm ? card("Model call", {level: 3}, h("div.card-body", llmCall(step.llm))) : null,
      step.question !== null && step.question !== undefined
        ? card("What is asked", {level: 3}, h("div.card-body", jsonView(step.question, "what is asked")))
        : null,
      step.stage === "done"
        ? card(
            "Output",
            {level: 3},
            h(
              "div.card-body",
              step.output_omitted
                ? h("p.faint", "It is too large for an answer of the API.")
                : jsonView(step.output, "the output"),
            ),
          )
        : null,
      step.verb === "run" || step.child
        ? card("Input", {level: 3}, h("div.card-body", this.#input(step)))
        : null,
      attempts.length > 1 || attempts.some((one) => one.error)
        ? card(plural(attempts.length, "attempt"), {level: 3}, h("ol.attempts", attempts.map(attemptView)))
        : null,
      step.verb === "run" ? logs(step.logs, attempts.length) : null,
      this.#fork && row.depth === 0
        ? h(
            "div",
            h(
              "button",
              {type: "button", on: {click: () => this.#fork(step.address)}},
              "Run again from here…",
            ),
          )
        : null,
    ];
  }

  #input(step) {
    if (step.input_omitted) return h("p.faint", "It is too large for an answer of the API.");
    if (!step.input_known)
      return h(
        "p.faint",
        "Inputs are not recorded, they follow from the code: and that is not known here, or does not fit.",
      );
    const {args = [], kwargs = {}, payload} = step.input ?? {};
    if (payload !== null && payload !== undefined) return jsonView(payload, "the input");
    if (!args.length && !Object.keys(kwargs).length) return h("p.faint", "None");
    return jsonView(
      Object.keys(kwargs).length ? {args, kwargs} : args.length === 1 ? args[0] : args,
      "the input",
    );
  }
}

function logs(found, attempts) {
  if (!found.length)
    return h(
      "p.faint",
      "No logs: nothing was logged here that the worker's logging lets through. What is printed goes to the worker's ",
      "own output.",
    );
  return card(
    "Logs",
    {level: 3},
    h(
      "div.card-body.logs",
      found.map((log) => [
        attempts > 1 ? h("h4", `Attempt ${log.attempt}`) : null,
        log.left_out ? h("p.faint", `${plural(log.left_out, "line")} before these were not kept.`) : null,
        h("ol.log", {tabindex: "0", "aria-label": `Log of attempt ${log.attempt}`}, log.lines.map(logLine)),
      ]),
    ),
  );
}

function logLine(line) {
  return h(
    "li",
    {class: `level-${line.level.toLowerCase()}`},
    h("span.faint", {title: `${exactly(line.at)}\n${line.logger}`}, when(line.at)),
    " ",
    h("span.level", line.level),
    " ",
    h("span", {dir: "auto"}, line.text),
  );
}

function attemptView(one) {
  return h(
    "li",
    h(
      "div.row",
      h("strong", `Attempt ${one.number}`),
      status(one.error ? "failed" : one.ended_at ? "done" : "running"),
      h(
        "span.faint",
        one.started_at ? when(one.started_at) : "",
        one.started_at && one.ended_at ? `, ${duration(ms(one.ended_at) - ms(one.started_at))}` : "",
      ),
    ),
    one.error
      ? [
          h("p.wrong.wrap", {dir: "auto"}, h("strong", one.error.type), ": ", one.error.message),
          traceback(one.error),
        ]
      : null,
  );
}

function traceback(error, {open = false} = {}) {
  if (!error.traceback) return null;
  return h(
    "details.trace",
    {open},
    h("summary", "Traceback"),
    h(
      "div.trace-body",
      copyButton(error.traceback, "the traceback"),
      h("pre", {tabindex: "0"}, error.traceback),
    ),
  );
}

/** What went wrong: type, message, and where. */
export function errorBox(error, {title = null, open = false} = {}) {
  return h(
    "section.error-box",
    {"aria-label": "Error"},
    title && h("p.problem-title", title),
    h("p.wrap", {dir: "auto"}, h("strong.wrong", error.type), ": ", error.message),
    traceback(error, {open}),
  );
}
