// Dialogs: the browser's own, which keep the focus inside, close on Escape and give it back.

import {fill, h, icon} from "./dom.js";

/**
 * Show a dialog. `body` and `buttons` are elements; gives {close, element}. Closing by Escape calls `onClose` too.
 */
export function dialog(title, body, buttons = [], {wide = false, onClose = null} = {}) {
  const close = () => element.close();
  const element = h(
    `dialog.dialog${wide ? ".wide" : ""}`,
    {"aria-labelledby": "dialog-title"},
    h(
      "header.dialog-head",
      h("h2", {id: "dialog-title"}, title),
      h("button.plain.icon-only", {type: "button", "aria-label": "Close", on: {click: close}}, icon("close")),
    ),
    h("div.dialog-body", body),
    buttons.length ? h("footer.dialog-foot", buttons) : null,
  );
  element.addEventListener("close", () => {
    element.remove();
    onClose?.();
  });
  let pressed = null;
  element.addEventListener("pointerdown", (event) => (pressed = event.target));
  element.addEventListener("click", (event) => {
    // The backdrop, pressed and let go there; not the second half of the double click that opened this.
    if (event.target === element && pressed === element && event.detail < 2) close();
  });
  closeDialogs(); // one question at a time
  document.body.append(element);
  element.showModal();
  return {close, element};
}

/** Close whatever is asked: its page was left, or nobody is signed in any more. */
export function closeDialogs() {
  for (const one of document.querySelectorAll("dialog[open]:not(.over)")) one.close();
}

/**
 * Ask before something is done. `act` does it, and may throw: then the dialog stays, and says why.
 * `content`: what is asked beside; `danger`: it cannot be undone.
 */
export function confirm(title, content, {verb, act, danger = false, wide = false}) {
  const place = h("div", {"aria-live": "assertive"});
  const button = h(
    `button.primary${danger ? ".danger" : ""}`,
    {type: "submit", dataset: {confirm: ""}},
    verb,
  );
  const form = h(
    "form.confirm",
    {novalidate: true},
    content,
    place,
    h(
      "div.dialog-foot",
      h("button", {type: "button", on: {click: () => shown.close()}}, danger ? "Keep as it is" : "Not now"),
      button,
    ),
  );
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    fill(place);
    try {
      await act();
      shown.close();
    } catch (error) {
      fill(
        place,
        h("p.wrong", error.message),
        (error.problems ?? []).map(([path, text]) => h("p.wrong", h("code", path), " ", text)),
      );
      button.disabled = false;
    }
  });
  const shown = dialog(title, form, [], {wide});
  return shown;
}
