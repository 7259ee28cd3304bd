// Answering a step that waits for a person: the form that its code describes, or approve and reject with a word why.

import {ofExecution, post} from "./api.js";
import {commands} from "./commands.js";
import {fill, h, toast} from "./dom.js";
import {written} from "./json.js";
import {jsonView} from "./json_view.js";
import {commandLine} from "./parts.js";

/** The form (as the API makes it of what the code asks) as an element; `done(answer)` is called when the answer was taken. */
export function answerForm({execution_id: id, step_key: step, form}, done) {
  const decides = form.fields.some((field) => field.key === "approved" && field.type === "boolean");
  const inputs = form.fields
    .filter((field) => !(field.key === "approved" && field.type === "boolean"))
    .map(inputOf);
  const place = h("div", {"aria-live": "assertive"});
  const command = h("div");
  const read = (decision) => {
    const data = inputs.map((one) => [one.key, one.value()]).filter(([, value]) => value !== undefined);
    if (decision !== undefined) data.unshift(["approved", decision]);
    return Object.fromEntries(data); // each its own, whatever its name: "__proto__" too
  };
  const draw = () => {
    try {
      fill(command, commandLine(commands.answer(id, step, read(decides ? true : undefined))));
    } catch {
      fill(command);
    }
  };
  const send = async (decision) => {
    fill(place);
    for (const button of buttons) button.disabled = true;
    try {
      const data = read(decision);
      await post(ofExecution(id, "resume"), {step_key: step, data});
      toast(decision === false ? "Rejected." : decision ? "Approved." : "Your answer was sent.");
      done(data);
    } catch (error) {
      fill(place, h("p.wrong", error.message));
      for (const button of buttons) button.disabled = false;
    }
  };
  const button = (text, cls, decision) =>
    h(
      `button${cls}`,
      {type: "button", dataset: {answer: text.toLowerCase()}, on: {click: () => send(decision)}},
      text,
    );
  const buttons = decides
    ? [button("Approve", ".primary", true), button("Reject", ".danger", false)]
    : [button("Send", ".primary", undefined)];
  const element = h(
    "form.answer.fields",
    {on: {submit: (event) => event.preventDefault(), input: draw}},
    h(
      "div",
      h("h3.ask", {dir: "auto"}, form.title),
      form.description ? h("p.soft.wrap", {dir: "auto"}, form.description) : null,
    ),
    form.context === null || form.context === undefined ? null : jsonView(form.context, "what is asked"),
    inputs.map((one) => one.element),
    place,
    h("div.row", buttons),
    command,
  );
  draw();
  return element;
}

function inputOf(field) {
  const props = {name: field.key, "aria-required": field.required ? "true" : null};
  const input = control(field, props);
  const title = h(
    "span.field-label",
    field.label || field.key,
    field.required ? null : h("span.faint", " optional"),
  );
  const hint = field.description ? h("small", field.description) : null;
  const element =
    field.type === "boolean"
      ? h("div.field", h("label.check", input, field.label || field.key), hint)
      : h("label.field", title, input, hint);
  return {key: field.key, element, value: () => valueOf(field, input)};
}

function control(field, props) {
  const value = written(field.default);
  switch (field.type) {
    case "textarea":
      return h("textarea", {...props, value});
    case "boolean":
      return h("input", {type: "checkbox", ...props, checked: field.default === true});
    case "select":
    case "multiselect": {
      const chosen = new Set([].concat(field.default ?? []).map(written));
      const many = field.type === "multiselect";
      return h(
        "select",
        {...props, multiple: many},
        many ? null : h("option", {value: ""}, ""),
        (field.options ?? []).map((one) =>
          h("option", {value: one.value, selected: chosen.has(one.value)}, one.label || one.value),
        ),
      );
    }
    default:
      return h("input", {
        type: "text",
        inputmode: field.type === "number" ? "decimal" : null,
        ...props,
        value,
      });
  }
}

function valueOf(field, input) {
  if (field.type === "boolean") return input.checked;
  const missing = () => new Error(`${field.label || field.key}: an answer is needed`);
  if (field.type === "multiselect") {
    const chosen = [...input.selectedOptions].map((one) => one.value);
    if (!chosen.length && field.required) throw missing();
    return chosen.length ? chosen : undefined;
  }
  const text = input.value.trim();
  if (!text) {
    if (field.required) throw missing();
    return undefined;
  }
  if (field.type !== "number") return text;
  if (!Number.isFinite(Number(text))) throw new Error(`${field.label || field.key}: a number is needed`);
  return Number(text);
}
