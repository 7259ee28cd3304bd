// What an operation looks like on the axis: its bars, from its times. Pure.

import {duration, ms, words} from "./format.js";

/** [{kind, from, to, text, open}] of an operation; times are epoch ms, `now` is where what goes on ends. */
export function barsOf(op, now) {
  const found = [];
  const add = (kind, from, to, text, open = false) =>
    from !== null && to !== null && found.push({kind, from, to: Math.max(from, to), text, open});
  const child = op.child_summary;
  if (child) {
    const begun = ms(child.started_at);
    const ended = ms(child.completed_at);
    add("queue", ms(child.created_at), begun ?? ended ?? now, "in the queue", begun === null);
    if (begun !== null)
      add(bad(child.status) ? "bad" : "child", begun, ended ?? now, words(child.status), ended === null);
    return found;
  }
  if (op.verb !== "run" && op.wait) {
    add(
      op.stage === "failed" ? "bad" : "wait",
      ms(op.issued_at) ?? ms(op.started_at),
      ms(op.ended_at) ?? now,
      waitText(op.wait),
      !op.ended_at,
    );
    return found;
  }
  return work(op, now, add, found);
}

function work(op, now, add, found) {
  let before = ms(op.issued_at);
  for (const attempt of op.attempts) {
    const begun = ms(attempt.started_at) ?? (attempt.ended_at ? ms(attempt.ended_at) : null);
    if (begun === null) {
      add("run", before, now, `attempt ${attempt.number}: on its way or running`, true);
      return found;
    }
    add(
      attempt.number > 1 && before !== ms(op.issued_at) ? "retry" : "queue",
      before,
      begun,
      attempt.number > 1 ? "until the next attempt" : "in the queue",
    );
    const ended = ms(attempt.ended_at);
    add(
      attempt.error ? "bad" : ended === null ? "run" : "ok",
      begun,
      ended ?? now,
      `attempt ${attempt.number}${attempt.error ? `: ${attempt.error.type}` : ""}`,
      ended === null,
    );
    before = ended ?? now;
  }
  if (op.stage === "retrying")
    add(
      "retry",
      before,
      Math.max(now, ms(op.due_at) ?? now),
      `next attempt ${op.due_at ? `in ${duration(Math.max(0, ms(op.due_at) - now))}` : ""}`,
      true,
    );
  if (op.stage === "running" && !op.attempts.length) add("queue", before, now, "in the queue", true);
  if (!op.attempts.length && op.ended_at)
    add("ok", ms(op.started_at) ?? ms(op.issued_at), ms(op.ended_at), words(op.stage));
  return found;
}

const bad = (status) => ["failed", "timed_out", "cancelled", "stalled"].includes(status);

/** What a wait is for. */
export function waitText(wait) {
  const what =
    {
      time: "waits for a time",
      event: `waits for an event of ${wait.topic ?? "a topic"}`,
      answer: "waits for an answer",
      execution: "waits for an execution",
    }[wait.for] ?? "waits";
  return what;
}

/** How long an operation took or takes, in ms; null if that is not known. */
export function lengthOf(op, now) {
  const from = ms(op.child_summary?.created_at) ?? ms(op.started_at) ?? ms(op.issued_at);
  return from === null ? null : (ms(op.ended_at) ?? now) - from;
}

/** When it was at work, for the scale: waits count with their ends. */
export function busyOf(op, now) {
  return barsOf(op, now).flatMap((bar) =>
    bar.kind === "wait" || bar.kind === "retry"
      ? [
          [bar.from, bar.from],
          [bar.to, bar.to],
        ]
      : [[bar.from, bar.to]],
  );
}

export const pending = (op) => !["done", "failed", "abandoned"].includes(op.stage);
