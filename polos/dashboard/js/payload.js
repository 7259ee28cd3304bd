// A payload to fill in: a form made from the JSON schema, or JSON as text. One goes over into the other.

import {fill, h} from "./dom.js";
import {parsed} from "./json.js";
import {schemaForm} from "./schema_form.js";

/**
 * An editor of a payload. Gives {element, value()}: value throws an Error with words for people if it is not JSON yet.
 * `schema` may be null; `value` is what it begins with.
 */
export function payloadEditor(schema, value, {onChange = () => {}} = {}) {
  let form = null;
  let text = null;
  const place = h("div");
  const formed = schema && !(schema.type === "object" && !schema.properties && !schema.$ref);
  const toForm = h("button.small", {type: "button", on: {click: () => show("form")}}, "Form");
  const toText = h("button.small", {type: "button", on: {click: () => show("text")}}, "JSON");

  function current() {
    if (form) return form.value();
    try {
      return text.value.trim() ? parsed(text.value) : null;
    } catch (error) {
      throw new Error(`The input is not JSON: ${error.message}`);
    }
  }

  function show(kind, given = undefined) {
    let kept = given;
    if (kept === undefined && (form || text)) {
      try {
        kept = current();
      } catch (error) {
        text.setAttribute("aria-invalid", "true");
        text.title = error.message;
        return;
      }
    }
    form = kind === "form" ? schemaForm(schema, kept, onChange) : null;
    text =
      kind === "form"
        ? null
        : h("textarea.code", {
            rows: 10,
            spellcheck: "false",
            "aria-label": "Input as JSON",
            name: "payload",
            dataset: {payload: ""},
            value: kept === undefined ? "" : JSON.stringify(kept, null, 2),
            on: {
              input: () => {
                text.removeAttribute("aria-invalid");
                onChange();
              },
            },
          });
    toForm.setAttribute("aria-pressed", String(Boolean(form)));
    toText.setAttribute("aria-pressed", String(Boolean(text)));
    fill(place, form ? form.element : text);
    onChange();
  }

  const element = h(
    "div.payload",
    formed ? h("div.switch", {role: "group", "aria-label": "How the input is given"}, toForm, toText) : null,
    place,
  );
  const change = onChange;
  onChange = () => {}; // nothing to tell while it is made
  show(formed ? "form" : "text", value ?? (formed ? undefined : schema === null ? undefined : {}));
  onChange = change;
  return {element, value: current};
}
