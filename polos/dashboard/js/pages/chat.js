// Talking to an agent. Each message is an execution of it in one session; what it says is shown while it says it, and
// can be looked at again by anybody: nothing of it lives only in this page.

import {allDefinitions, ApiError, get, ofExecution, post} from "../api.js";
import {answerForm} from "../answer.js";
import {commands} from "../commands.js";
import {announce, fill, h, icon} from "../dom.js";
import {count, dollars} from "../format.js";
import {live} from "../live.js";
import {message} from "../messages.js";
import {commandLine, executionLink, failure, pageHead, status} from "../parts.js";
import {RunReader} from "../run_reader.js";
import {go, to} from "../router.js";

const ENDED = new Set(["completed", "failed", "cancelled", "timed_out", "continued"]);

export async function show({parts, query, outlet, scope}) {
  const [, agent] = parts;
  const session = query.get("session");
  if (!session) {
    go(to(["agents", agent], {session: freshSession()}), {replace: true});
    return {};
  }
  const chat = new Chat(agent, session, scope);
  fill(outlet, chat.element);
  await chat.load();
  chat.box.focus();
  return {};
}

const freshSession = () =>
  `chat-${new Date().toISOString().slice(0, 16).replace(/[-:]/g, "")}-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;

class Chat {
  #agent;
  #session;
  #scope;
  #names = new Map();
  #follows = true; // the newest is kept in sight, until somebody reads further up

  constructor(agent, session, scope) {
    this.#agent = agent;
    this.#session = session;
    this.#scope = scope;
    this.log = h("div.chat-log", {
      role: "log",
      "aria-label": "Conversation",
      tabindex: "0",
      on: {
        scroll: () =>
          (this.#follows = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 60),
      },
    });
    this.box = h("textarea", {
      rows: 2,
      placeholder: "Write to the agent",
      "aria-label": "Message",
      dataset: {search: ""},
      on: {keydown: (event) => this.#typed(event)},
    });
    this.button = h("button.primary", {type: "submit"}, "Send");
    this.form = h(
      "form.composer",
      {
        on: {
          submit: (event) => {
            event.preventDefault();
            this.#send();
          },
        },
      },
      this.box,
      this.button,
    );
    this.element = h(
      "div.page.chat-page",
      h("nav.crumbs", {"aria-label": "Where this is"}, h("a", {href: "#/agents"}, "Agents"), " / "),
      pageHead(
        agent,
        h("span.faint.clip", {title: session}, "session ", h("code", session)),
        h("a.button", {href: to(["agents", agent], {session: freshSession()})}, icon("plus"), "New session"),
      ),
      this.log,
      this.form,
      commandLine(commands.chat(agent)),
    );
  }

  /** What was said before, and the run that goes on, if there is one. */
  async load() {
    const {signal} = this.#scope;
    const said = await get(
      "/v1/sessions/messages",
      {agent_id: this.#agent, session_id: this.#session},
      {signal},
    ).catch((error) => {
      if (error.status === 404) return {messages: [], summary: ""};
      throw error;
    });
    await this.#check(said.messages.length);
    if (said.summary) this.log.append(h("p.notice", "Shortened: ", said.summary));
    for (const one of said.messages) this.#append(message(one, this.#names));
    const {executions} = await get(
      "/v1/executions",
      {session_id: this.#session, workflow_id: this.#agent, limit: 5},
      {signal},
    );
    const current = executions.find((one) => !one.ended);
    if (!said.messages.length && !current)
      this.log.append(
        h(
          "p.faint.chat-empty",
          "Nothing was said yet. Each message runs the agent durably: you may close this page, and come back.",
        ),
      );
    if (current) {
      const run = await get(ofExecution(current.id), {}, {signal});
      const input = run.payload?.input;
      this.#append(
        message({
          role: "user",
          parts: [{type: "text", text: typeof input === "string" ? input : JSON.stringify(input)}],
        }),
      );
      this.#follow(current.id);
    }
    this.#bottom(true);
  }

  /** An agent that this deployment has no more can be read, and not talked to. */
  async #check(said) {
    const isThis = (one) => one.id === this.#agent && one.kind === "agent";
    if ((await allDefinitions()).some(isThis) || (await allDefinitions({fresh: true})).some(isThis)) return;
    const detail = `This deployment has no agent ${this.#agent}.`;
    if (!said) throw new ApiError(404, {detail});
    fill(this.form, h("p.notice", detail, " What was said can be read; nothing can be sent."));
  }

  #typed(event) {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      this.#send();
    }
  }

  async #send() {
    const text = this.box.value.trim();
    if (!text || this.button.disabled) return;
    this.log.querySelector(".chat-empty")?.remove();
    this.#append(message({role: "user", parts: [{type: "text", text}]}));
    this.box.value = "";
    this.button.disabled = true;
    this.#bottom(true);
    try {
      const started = await post("/v1/executions", {
        workflow_id: this.#agent,
        payload: {input: text, streaming: true},
        session_id: this.#session,
      });
      this.#follow(started.id);
    } catch (error) {
      this.#append(failure(error));
      this.button.disabled = false;
      this.box.value = text;
    }
  }

  #follow(id) {
    this.button.disabled = true;
    const run = new RunReader(id);
    const foot = h("footer.run-foot", executionLink(id), status("running"));
    const place = h("div.run", {"aria-busy": "true"});
    this.#append(place);
    const drawn = [];
    const draw = () => {
      run.messages().forEach((one, i) => {
        // what has not changed stays, with what somebody has unfolded in it
        const text = JSON.stringify(one);
        if (drawn[i]?.text === text) return;
        const element = message(one, this.#names);
        if (drawn[i]) drawn[i].element.replaceWith(element);
        else foot.before(element);
        drawn[i] = {text, element};
      });
      for (const old of place.querySelectorAll(":scope > .question"))
        if (!run.questions.includes(old)) old.remove();
      for (const one of run.questions) if (!one.isConnected) foot.before(one);
      this.#bottom();
    };
    place.append(foot);
    draw();
    const look = async (signal, wait) => {
      const page = await get(ofExecution(id, "events"), {cursor: run.cursor, wait}, {signal});
      const stays = await run.take(page, {asks: (execution, step) => this.#ask(execution, step, signal)});
      draw();
      if (!page.ended) return stays;
      await this.#finish(id, foot, place, draw);
      return "over";
    };
    this.#scope.watch(look, {every: 60, slowest: 5000, first: 0, long: true});
    if (!live.on)
      place.append(h("p.notice", "Live is paused: what the agent says is shown when it goes on."));
  }

  /** The form of a step that waits within the run. */
  async #ask(id, step, signal) {
    const {suspensions} = await get(ofExecution(id, "suspensions"), {}, {signal});
    const one = suspensions.find((each) => each.step_key === step); // none: it was answered long ago
    return one
      ? h(
          "div.card.card-body.question",
          answerForm({execution_id: id, step_key: one.step_key, form: one.form}, () => {}),
        )
      : null;
  }

  async #finish(id, foot, place, draw) {
    const run = await get(ofExecution(id), {}, {signal: this.#scope.signal});
    const used = run.result?.usage;
    fill(
      foot,
      executionLink(id),
      status(run.status),
      used ? h("span.faint", `${count(used.total_tokens)} tokens`) : null,
      run.result?.cost ? h("span.faint", dollars(run.result.cost)) : null,
    );
    draw();
    if (run.error) place.append(h("p.wrong.wrap", `${run.error.type}: ${run.error.message}`));
    place.setAttribute("aria-busy", "false");
    announce(
      ENDED.has(run.status)
        ? `The agent's run has ${run.status.replace("_", " ")}`
        : `The agent's run is ${run.status}`,
    );
    this.button.disabled = false;
    this.#bottom();
  }

  #append(element) {
    this.log.append(element);
  }

  #bottom(always = false) {
    if (always || this.#follows) this.log.scrollTop = this.log.scrollHeight;
  }
}
