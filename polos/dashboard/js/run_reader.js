// The events of an agent's run, as they come, put together to messages. What a failed attempt had said is dropped when
// the next one begins.

export class RunReader {
  #id;
  #steps = new Map(); // the name of a step -> {stream, index, text, calls}
  #order = []; // steps and results of tools, as they came
  #tools = new Map(); // execution of a tool -> its part
  cursor = null;
  questions = [];

  constructor(id) {
    this.#id = id;
  }

  /** Take in a page of events. `asks(execution, step)` gives a form for a step that waits. True if something was new. */
  async take(page, {asks}) {
    this.cursor = page.cursor;
    for (const event of page.events) {
      const type = event.event_type ?? "";
      if (type.startsWith("suspend_")) {
        const form = await asks(
          event.data?._metadata?.execution_id ?? this.#id,
          type.slice("suspend_".length),
        );
        this.questions = form ? [form] : [];
      } else if (type.startsWith("resume_")) this.questions = [];
      else this.#event(event);
    }
    if (page.ended) this.questions = [];
    return page.events.length > 0;
  }

  #event({event_type: type, data}) {
    const about = data?._metadata ?? {};
    if (about.execution_id === this.#id) {
      if (type === "stream_start") this.#begin(data);
      else if (this.#counts(data)) {
        const step = this.#step(data.step);
        if (type === "text_delta") step.text += data.content ?? "";
        else if (type === "tool_call") step.calls.push(data.tool_call);
      }
    } else if (
      type === "tool_finish" ||
      type === "tool_fail" ||
      type === "agent_finish" ||
      type === "agent_fail" ||
      type === "workflow_finish" ||
      type === "workflow_fail"
    ) {
      this.#result(about, data, type.endsWith("_fail"));
    }
  }

  #begin(data) {
    const step = this.#step(data.step);
    Object.assign(step, {stream: data.stream, index: data.index ?? -1, text: "", calls: []});
  }

  #counts(data) {
    if (!data || data.step === undefined) return false;
    const step = this.#step(data.step);
    if (data.stream !== undefined && step.stream !== undefined) {
      if (data.stream !== step.stream || data.index <= step.index) return false;
      step.index = data.index;
    }
    return true;
  }

  #step(name) {
    if (!this.#steps.has(name)) {
      const made = {stream: undefined, index: -1, text: "", calls: []};
      this.#steps.set(name, made);
      this.#order.push(made);
    }
    return this.#steps.get(name);
  }

  #result(about, data, failed) {
    if (this.#tools.has(about.execution_id)) return;
    const part = {
      type: "tool_result",
      call_id: about.workflow_id,
      content: failed
        ? `${data.error?.type ?? "error"}: ${data.error?.message ?? ""}`
        : "done; its execution has what it gave",
      is_error: failed,
    };
    this.#tools.set(about.execution_id, part);
    this.#order.push({part});
  }

  /** What was said so far. */
  messages() {
    return this.#order
      .filter((one) => one.part || one.text || one.calls.length)
      .map((one) =>
        one.part
          ? {role: "tool", parts: [one.part]}
          : {
              role: "assistant",
              parts: [
                ...(one.text ? [{type: "text", text: one.text}] : []),
                ...one.calls.map((call) => ({
                  type: "tool_call",
                  call_id: call.call_id,
                  name: call.function?.name ?? "",
                  arguments: call.function?.arguments ?? "{}",
                })),
              ],
            },
      );
  }
}
