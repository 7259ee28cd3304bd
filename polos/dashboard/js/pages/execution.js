// One execution: its head, what went wrong, what it waits for, what went in and came out, and what it did.

import {actionsOf, fork} from "../actions.js";
import {answerForm} from "../answer.js";
import {get, ofExecution} from "../api.js";
import {fill, h} from "../dom.js";
import {count, dollars, duration, span} from "../format.js";
import {jsonView} from "../json_view.js";
import {card, copyable, executionLink, facts, pageHead, status, time} from "../parts.js";
import {here, to} from "../router.js";
import {errorBox, StepPane} from "../step_pane.js";
import {Waterfall} from "../waterfall.js";

const PAGE = 2000;

export async function show({parts, query, outlet, scope}) {
  const page = new ExecutionPage(parts[1], scope);
  await page.load();
  fill(outlet, page.element);
  page.begin(query);
  return {keys: page.keys, update: () => {}};
}

class ExecutionPage {
  #id;
  #scope;
  #execution = null;
  #cost = null;
  #story = null;
  #operations = new Map();
  #asked = "";

  constructor(id, scope) {
    this.#id = id;
    this.#scope = scope;
    this.head = h("div");
    this.trouble = h("div.stack");
    this.questions = h("div.stack");
    this.values = h("div.halves");
    this.pane = new StepPane({
      scope,
      close: () => this.close(),
      fork: (address) => fork(this.#execution, this.#list, address),
    });
    this.waterfall = new Waterfall({
      scope,
      choose: (row) => this.#choose(row),
      children: (child, signal) => get(ofExecution(child, "timeline"), {limit: PAGE}, {signal}),
    });
    this.element = h(
      "div.page.execution",
      this.head,
      this.trouble,
      this.questions,
      this.values,
      h(
        "div.split",
        card("Timeline", {aside: this.waterfall.tools}, this.waterfall.element),
        this.pane.element,
      ),
    );
    this.keys = {
      j: () => this.waterfall.move(1),
      k: () => this.waterfall.move(-1),
      f: () => this.waterfall.toggleOnly(),
      Escape: () => (this.pane.open ? this.close() : false),
    };
  }

  get #list() {
    return [...this.#operations.values()].sort((a, b) => a.index - b.index);
  }

  async load() {
    const {signal} = this.#scope;
    [this.#execution] = await Promise.all([
      get(ofExecution(this.#id), {}, {signal}),
      this.#readStory(signal),
    ]);
    // Two answers, and it may have gone on between them: the head must not stay behind the timeline.
    if (this.#execution.status !== this.#story.status)
      this.#execution = await get(ofExecution(this.#id), {}, {signal});
    this.#draw();
    this.#readCost();
  }

  begin(query) {
    this.waterfall.update(this.#story, this.#list);
    if (query.get("step")) this.waterfall.reveal(query.get("step"));
    if (!this.#story.ended_at)
      this.#scope.watch((signal, wait) => this.#look(signal, wait), {every: 500, slowest: 10_000, long: true});
  }

  close() {
    this.pane.close();
    this.element.classList.remove("with-pane");
    this.waterfall.close();
    this.waterfall.focus();
    this.#remember(null);
  }

  #choose(row) {
    this.element.classList.add("with-pane");
    this.pane.show(row);
    if (row.execution === this.#id) this.#remember(row.op.address);
  }

  /** The address names the step, so that a link leads to it; without a step in the history. */
  #remember(step) {
    const {parts} = here();
    history.replaceState(null, "", to(parts, {step}));
  }

  // --- reading --------------------------------------------------------------------------------------------------------

  async #readStory(signal) {
    let offset = 0;
    while (offset !== null) {
      const page = await get(ofExecution(this.#id, "timeline"), {offset, limit: PAGE}, {signal});
      this.#take(page);
      offset = page.next_offset;
    }
  }

  #take({operations, ...story}) {
    this.#story = story;
    for (const op of operations) this.#operations.set(op.address, op);
  }

  async #look(signal, wait) {
    const before = this.#story;
    const page = await get(
      ofExecution(this.#id, "timeline"),
      {since: before.position, wait, limit: PAGE},
      {signal},
    );
    if (page.next_offset) await this.#readStory(signal);
    else this.#take(page);
    await this.waterfall.refresh(signal);
    this.waterfall.update(this.#story, this.#list);
    if (page.status !== this.#execution.status || page.ended_at) await this.#reload(signal);
    else this.#drawQuestions();
    return page.ended_at ? "over" : page.position !== before.position;
  }

  async #reload(signal = this.#scope.signal) {
    this.#execution = await get(ofExecution(this.#id), {}, {signal});
    this.#draw();
    if (this.#execution.ended) this.#readCost();
  }

  async #readCost() {
    try {
      this.#cost = await get(ofExecution(this.#id, "cost"), {}, {signal: this.#scope.signal});
      this.#drawHead();
    } catch {
      // The page is whole without it.
    }
  }

  // --- drawing --------------------------------------------------------------------------------------------------------

  #draw() {
    this.#drawHead();
    this.#drawTrouble();
    this.#drawQuestions();
    this.#drawValues();
  }

  #drawHead() {
    const one = this.#execution;
    const done = () => this.#reload().then(() => this.#scope.soon());
    const again = h("a.button", {href: to(["start", one.workflow_id], {like: one.id})}, "Start again…");
    fill(
      this.head,
      h(
        "nav.crumbs",
        {"aria-label": "Where this is"},
        h("a", {href: "#/executions"}, "Executions"),
        one.parent_execution_id ? [" / ", executionLink(one.parent_execution_id, {text: "parent"})] : null,
        " / ",
      ),
      pageHead(one.workflow_id, again, actionsOf(one, {operations: () => this.#list, done})),
      h(
        "div.row.head-row",
        status(one.status),
        one.kind !== "workflow" ? h("span.kind", one.kind) : null,
        copyable(one.id, "the id"),
        Object.entries(one.attributes).map(([name, value]) =>
          h(
            "a.tag.clip",
            {href: to(["executions"], {attribute: `${name}=${value}`}), title: `${name}=${value}`},
            `${name}=${value}`,
          ),
        ),
      ),
      facts([
        ["Created", time(one.created_at)],
        ["Began after", one.started_at ? duration(span(one.created_at, one.started_at)) : null],
        [
          one.ended ? "Took" : "So far",
          one.started_at ? duration(span(one.started_at, one.completed_at)) : null,
        ],
        ["Queue", one.queue],
        ["Place of", one.concurrency_key],
        ["Priority", one.priority || null],
        [
          "Session",
          one.session_id &&
            h(
              "a",
              {
                href:
                  one.kind === "agent"
                    ? to(["sessions", one.workflow_id, one.session_id])
                    : to(["executions"], {session_id: one.session_id}),
              },
              one.session_id,
            ),
        ],
        ["User", one.user_id && h("a", {href: to(["executions"], {user_id: one.user_id})}, one.user_id)],
        ["Deployment", one.deployment_id],
        ["Whole run", one.root_execution_id !== one.id ? executionLink(one.root_execution_id) : null],
        ["Copy of", one.copy_of && executionLink(one.copy_of)],
        [
          "Copied as",
          one.copies.length
            ? h(
                "span.row",
                one.copies.map((id) => executionLink(id)),
              )
            : null,
        ],
        ...this.#costs(),
        [
          "Descendants",
          h("a", {href: to(["executions"], {root_execution_id: one.root_execution_id})}, "list"),
        ],
      ]),
    );
  }

  #costs() {
    if (!this.#cost) return [];
    const {llm, aws} = this.#cost;
    const tokens = llm && (llm.input_tokens || llm.output_tokens);
    return [
      ["Tokens in / out", tokens ? `${count(llm.input_tokens)} / ${count(llm.output_tokens)}` : null],
      ["Models", tokens ? dollars(llm.cost) : null],
      [
        "AWS, about",
        aws &&
          h(
            "span",
            {
              title: `${aws.lines.map((line) => `${line.what}: ${line.count} × = ${dollars(line.dollars)}`).join("\n")}\n${aws.assumed}`,
            },
            dollars(aws.dollars),
          ),
      ],
    ];
  }

  #drawTrouble() {
    const {error, status: name, ended} = this.#execution;
    const titles = {
      stalled: "Stalled: it goes on once this is mended",
      timed_out: "Timed out",
      cancelled: "Cancelled",
    };
    fill(
      this.trouble,
      error ? errorBox(error, {title: titles[name] ?? (ended ? "Failed" : "The latest error")}) : null,
      this.#story?.complete === false && !ended
        ? h(
            "p.notice",
            "What is under way cannot be told: the workflow's code is not known here, or does not fit what was recorded.",
          )
        : null,
    );
  }

  async #drawQuestions() {
    const waiting = this.#list.filter(
      (op) => op.verb === "suspend" && op.stage === "waiting" && !this.#execution.ended,
    );
    const asked = waiting.map((op) => op.address).join(" ");
    if (asked === this.#asked) return; // what somebody is typing stays
    this.#asked = asked;
    if (!waiting.length) {
      fill(this.questions);
      return;
    }
    const {suspensions} = await get(ofExecution(this.#id, "suspensions"), {}, {signal: this.#scope.signal});
    fill(
      this.questions,
      suspensions.map((one) =>
        card(
          "Waiting for an answer",
          {
            aside: [
              h("code.faint", one.step_key),
              one.due ? h("span.faint", "gives up ", time(one.due)) : null,
            ],
          },
          h(
            "div.card-body",
            answerForm({execution_id: this.#id, step_key: one.step_key, form: one.form}, () =>
              this.#reload().then(() => this.#scope.soon()),
            ),
          ),
        ),
      ),
    );
  }

  #drawValues() {
    const one = this.#execution;
    const omitted = (name) =>
      one.omitted.includes(name) &&
      h("p.faint", "It is too large for an answer of the API. ", h("code", `polos result ${one.id}`));
    // The input never changes, and what somebody has unfolded of it stays.
    this.input ??= card(
      "Input",
      {},
      h("div.card-body.value", omitted("payload") || jsonView(one.payload, "the input")),
    );
    fill(
      this.values,
      this.input,
      card(
        "Output",
        {},
        h(
          "div.card-body.value",
          omitted("result") ||
            (one.status === "completed"
              ? output(one)
              : h("p.faint", one.ended ? "None: it did not complete." : "Not yet.")),
        ),
      ),
    );
  }
}

/** What came out; an agent's answer as text first. */
function output(one) {
  const answer = one.kind === "agent" && typeof one.result?.result === "string" ? one.result.result : null;
  if (answer === null) return jsonView(one.result, "the output");
  return [
    h("p.said", {dir: "auto"}, answer),
    h("details", h("summary", "All that the agent gave"), jsonView(one.result, "the output")),
  ];
}
