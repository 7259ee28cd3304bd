// What can be done to an execution: each asks first, shows its command line, and says what became of it.

import {allDefinitions, ofExecution, post} from "./api.js";
import {commands} from "./commands.js";
import {confirm} from "./dialog.js";
import {fill, h, toast} from "./dom.js";
import {shortId} from "./format.js";
import {commandLine, labelled} from "./parts.js";
import {payloadEditor} from "./payload.js";
import {go, to} from "./router.js";

/** The buttons that fit the execution's status. `done` is called when something was done. */
export function actionsOf(execution, {operations, done}) {
  const {id, status, ended} = execution;
  const button = (text, act, cls = "") =>
    h(
      `button${cls}`,
      {
        type: "button",
        dataset: {action: text.toLowerCase().replace("…", ""), key: `action-${text}`},
        on: {click: act},
      },
      text,
    );
  const shown = [];
  if (["failed", "cancelled", "timed_out"].includes(status))
    shown.push(button("Retry", () => retry(id), ".primary"));
  if (status === "stalled") shown.push(button("Resume", () => resume(id, done), ".primary"));
  if (status === "paused") shown.push(button("Unpause", () => unpause(id, done), ".primary"));
  shown.push(button("Fork…", () => fork(execution, operations())));
  if (!ended && status !== "paused") shown.push(button("Pause", () => pause(id, done)));
  if (!ended) shown.push(button("Cancel", () => cancel(id, done), ".danger"));
  return shown;
}

function cancel(id, done) {
  confirm(
    "Cancel this execution?",
    [
      h(
        "p",
        "Its code sees ",
        h("code", "CancelledError"),
        " where it waits, and may clean up. Children are cancelled too. This cannot be taken back.",
      ),
      commandLine(commands.cancel(id)),
    ],
    {
      verb: "Cancel it",
      danger: true,
      act: async () => {
        const {cancelled} = await post(ofExecution(id, "cancel"));
        toast(cancelled ? "It was asked to stop." : "It had ended already.");
        done();
      },
    },
  );
}

function pause(id, done) {
  confirm(
    "Pause this execution?",
    [
      h("p", "What runs is recorded when it is over, and nothing new begins until it is unpaused."),
      commandLine(commands.pause(id)),
    ],
    {
      verb: "Pause it",
      act: async () => {
        await post(ofExecution(id, "pause"));
        toast("It begins nothing more.");
        done();
      },
    },
  );
}

function unpause(id, done) {
  confirm(
    "Go on with this execution?",
    [h("p", "Everything that is pending goes on."), commandLine(commands.unpause(id))],
    {
      verb: "Unpause it",
      act: async () => {
        await post(ofExecution(id, "unpause"));
        toast("It goes on.");
        done();
      },
    },
  );
}

function resume(id, done) {
  confirm(
    "Resume this execution?",
    [
      h(
        "p",
        "It tries again to go on where it stalled. If its code still does not fit what was recorded, it stalls again; nothing is lost.",
      ),
      commandLine(commands.resume(id)),
    ],
    {
      verb: "Resume it",
      act: async () => {
        await post(ofExecution(id, "retry"));
        toast("It was woken.");
        done();
      },
    },
  );
}

function retry(id) {
  confirm(
    "Retry this execution?",
    [
      h(
        "p",
        "A new execution goes on from the step that failed. What was recorded before it does not run again; this one stays as it is.",
      ),
      commandLine(commands.retry(id)),
    ],
    {
      verb: "Retry it",
      act: async () => follow(await post(ofExecution(id, "retry")), "Retried as"),
    },
  );
}

/** Ask how to fork. `from`: the address of the step that is chosen at first. */
export async function fork(execution, operations, from = "") {
  const where = location.hash;
  const definitions = await allDefinitions().catch(() => []);
  if (location.hash !== where) return; // somebody has gone on
  const schema = definitions.find((one) => one.id === execution.workflow_id)?.payload_schema ?? null;
  const known = !execution.omitted?.includes("payload");
  const step = h(
    "select",
    {name: "step"},
    h("option", {value: ""}, "the beginning: everything runs anew"),
    operations
      .filter((op) => op.ended_at || op.attempts.length)
      .map((op) => h("option", {value: op.address, selected: op.address === from}, op.key)),
  );
  const other = h("input", {type: "checkbox", name: "change"});
  const editor = payloadEditor(schema, known ? execution.payload : undefined, {onChange: () => draw()});
  const place = h("div", {hidden: true}, editor.element);
  const command = h("div");
  const payload = () => (other.checked ? editor.value() : undefined);
  const draw = () => {
    place.hidden = !other.checked;
    try {
      fill(command, commandLine(commands.fork(execution.id, step.value, payload())));
    } catch {
      fill(command);
    }
  };
  for (const input of [step, other]) input.addEventListener("change", draw);
  draw();
  confirm(
    "Fork this execution",
    [
      h("p", "A new execution takes over what was recorded before a step, and runs from there."),
      labelled("From", step),
      h("label.check", other, "with another input"),
      place,
      command,
    ],
    {
      verb: "Fork it",
      wide: true,
      act: async () => {
        const body = {
          ...(step.value ? {from_step: step.value} : {}),
          ...(other.checked ? {payload: editor.value()} : {}),
        };
        follow(await post(ofExecution(execution.id, "fork"), body), "Forked as");
      },
    },
  );
}

function follow(started, text) {
  toast(`${text} ${shortId(started.id)}`);
  go(to(["executions", started.id]));
}
