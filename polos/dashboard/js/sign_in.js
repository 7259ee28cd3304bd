// Giving a key. Where nothing is shown yet the form is the page; where something is, it lies over that, so that nothing
// is lost of what somebody is in the middle of when the session ends.

import {signIn} from "./api.js";
import {fill, h} from "./dom.js";
import {labelled} from "./parts.js";

/** Whether somebody is asked for a key now. */
export const asking = () => document.querySelector("form.sign-in") !== null;

function form(title) {
  const key = h("input", {
    type: "password",
    name: "key",
    autocomplete: "off",
    spellcheck: "false",
    required: true,
    autofocus: true,
    placeholder: "polos_…",
  });
  const wrong = h("div", {"aria-live": "assertive"});
  const button = h("button.primary", {type: "submit"}, "Sign in");
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await signIn(key.value.trim());
    } catch (error) {
      fill(wrong, h("p.wrong", error.message));
      button.disabled = false;
    }
  };
  return h(
    "form.sign-in.card",
    {on: {submit}},
    title,
    h("p", "Give an API key of the project. The browser keeps a short-lived session instead of it."),
    labelled("API key", key, {hint: "polos key create --role run"}),
    wrong,
    h("div.row", button),
  );
}

/** Ask in place of a page. */
export function askInPlace(outlet) {
  document.title = "Sign in · Polos";
  fill(outlet, form(h("h1", {tabindex: "-1"}, "Sign in")));
  outlet.querySelector("input").focus();
}

/** Ask over what is shown, and over its dialogs. It stays until it is answered; `askedEnough` takes it away. */
export function askOver() {
  const over = h(
    "dialog.dialog.over",
    // Escape must not reach it, nor, while it closes, the dialog below: older browsers do not know "closedby".
    {
      "aria-label": "Sign in",
      closedby: "none",
      on: {keydown: (event) => event.key === "Escape" && event.preventDefault()},
    },
    form(h("h2", "Sign in to go on: the session has ended")),
  );
  over.addEventListener("cancel", (event) => event.preventDefault());
  over.addEventListener("close", () => over.isConnected && over.showModal());
  document.body.append(over);
  over.showModal();
}

/** Take the form away. Gives whether it lay over a page. */
export function askedEnough() {
  const over = document.querySelector("dialog.over");
  over?.remove();
  return over !== null;
}
