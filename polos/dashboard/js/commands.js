// What a button does, as the command line says it. Pure.

import {quoted} from "./format.js";

const line = (...words) =>
  words
    .filter((one) => one !== null && one !== undefined)
    .map((one) => quoted(String(one)))
    .join(" ");
const json = (value) => JSON.stringify(value);

export const commands = {
  cancel: (id) => line("polos", "cancel", id),
  pause: (id) => line("polos", "pause", id),
  unpause: (id) => line("polos", "unpause", id),
  retry: (id) => line("polos", "retry", id),
  resume: (id) => line("polos", "resume", id),
  fork: (id, step, payload) =>
    line(
      "polos",
      "fork",
      id,
      ...(step ? ["--from", step] : []),
      ...(payload === undefined ? [] : ["--payload", json(payload)]),
    ),
  answer: (id, step, data) => line("polos", "resume", id, "--step", step, "--data", json(data)),
  start: (workflow, payload, options = {}) =>
    line(
      "polos",
      "invoke",
      workflow,
      ...(payload === undefined ? [] : ["--payload", json(payload)]),
      ...(options.session_id ? ["--session", options.session_id] : []),
      ...(options.idempotency_key ? ["--idempotency-key", options.idempotency_key] : []),
    ),
  chat: (agent) => line("polos", "chat", agent),
  schedule: (action, workflow, key) =>
    line("polos", "schedule", action, workflow, ...(key === "global" ? [] : ["--key", key])),
};
