"""One invocation: the handling of some messages of one execution, as the engine's five moves.

    read      the journal, up to its tail
    record    what the messages mean: facts are appended, a step is begun
    dispatch  whatever the entries with my tokens made runnable: sent out, or run here while the budget lasts
    wait      for the steps that run here; their outcomes are facts to record
    close     throw the replay away, keep the journal's prefix

Whoever appends entry n dispatches what n made runnable; everything here may be repeated after a crash.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from polos.core.decide import (
    Begin,
    Everything,
    Execute,
    Forward,
    Nothing,
    Record,
    TakeEvent,
    TryPlace,
    decide,
)
from polos.core.failures import failure
from polos.core.ids import fraction
from polos.core.journal import START, Entry, Kind
from polos.core.messages import Message, MessageKind
from polos.core.replay import Issued, Replay
from polos.core.start import StartInfo
from polos.errors import NotStorable, PolosError, ReplayMismatch
from polos.runtime import cancelling, names
from polos.runtime.dispatch import Dispatch
from polos.runtime.rates import reserve
from polos.runtime.secrets import hide_secrets
from polos.runtime.step_logs import to_extra
from polos.runtime.steps import Finished, Job
from polos.runtime.turn import Turn

APPEND_BATCH = 50
LONGEST_PAUSE = 86_400.0


class Invocation:
    """Carries out one turn. `run` returns when its messages may be acknowledged."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._dispatch = Dispatch(turn)

    def run(self) -> None:
        """All five moves."""
        facts = self._due()
        if not facts:
            return
        with self._turn.exclusive():
            self._turn.open()
            self._record_messages(facts)
            self._dispatch.run()
        while self._turn.running:
            finished = self._turn.steps.wait()
            with self._turn.exclusive():
                self._record_finished(finished)
                self._dispatch.run()

    # --- record ---------------------------------------------------------------------------------------------------

    def _due(self) -> list[Message]:
        """Messages whose time has come; the others are sent once more, delayed, with their own token."""
        now = self._turn.ports.clock.now()
        early = [message for message in self._turn.messages if message.due is not None and message.due > now]
        for message in early:
            queue = (message.extra or {}).get("queue")
            back = names.NEWS_QUEUE if queue is None else self._turn.host.steps_queue(queue)
            self._turn.send_at(back, message, message.due or now)
        return [message for message in self._turn.messages if message not in early]

    def _record_messages(self, messages: list[Message]) -> None:
        if self._turn.hops > self._turn.host.settings.max_hops:
            self._turn.stall(_runaway(self._turn.hops))
        while messages:
            replay = self._turn.advance()
            entries, again = self._decide(messages, replay)
            if not entries:
                return
            messages = again[len(entries) :] if self._turn.append(entries) else again

    def _decide(self, messages: list[Message], replay: Replay | None) -> tuple[list[Entry], list[Message]]:
        """Entries to append now, and the messages they come from followed by those to look at after that."""
        entries: list[Entry] = []
        sources: list[Message] = []
        later: list[Message] = []
        for message in messages:
            entry = None
            if len(entries) >= APPEND_BATCH or (entries and message.kind is MessageKind.EVENT):
                later.append(message)
                continue
            match decide(
                self._turn.journal, replay, message, now_ms=self._turn.now_ms(), dead=self._turn.dead
            ):
                case Begin():
                    entry = self._start_entry(message)
                case Record(entry=made):
                    entry = made
                case Nothing():
                    pass
                case Execute(issued=issued):
                    self._execute(issued, message)
                case TakeEvent(issued=issued, operation=operation):
                    entry = self._dispatch.take_event(message, issued, operation)
                case TryPlace(what=what, wanted=wanted):
                    entry = self._dispatch.try_place(message, what, wanted=wanted)
                case Forward():
                    cancelling.forward(self._turn, message)
                case Everything():
                    self._turn.everything = True
            if entry is not None and all(entry.identity != other.identity for other in entries):
                entries.append(entry)
                sources.append(message)
        return entries, sources + later

    def _execute(self, issued: Issued, message: Message) -> None:
        """Begin the step, if its queue has a place for it."""
        if self._dispatch.try_step(issued, message):
            self._turn.begin(issued, message.token)

    def _too_early(self, info: StartInfo, message: Message) -> bool:
        """Whether the rate limit of its queue lets it start only later; then its message is sent for that time."""
        queue = self._turn.host.registry.queues.get(info.queue)
        if queue is None or queue.rate_limit is None:
            return False
        partition = names.rates(info.project, info.queue, info.concurrency_key)
        at = reserve(self._turn.ports, partition, queue.rate_limit, info.execution)
        if at <= self._turn.ports.clock.now():
            return False
        later = replace(message, due=at, extra={**(message.extra or {}), "queue": info.queue})
        self._turn.send_at(self._turn.host.steps_queue(info.queue), later, at)
        return True

    def _start_entry(self, message: Message) -> Entry | None:
        meta = self._turn.executions.get(self._turn.project, self._turn.execution)
        if meta is None or self._too_early(meta.info, message):
            return None  # forgotten since, or never asked for; or its queue's rate lets it start later
        self._turn.meta = meta
        info = meta.info
        extra = info.to_data(payload=False)
        extra["limited"] = info.limit is not None
        extra["awaits_state"] = info.awaits_state
        return Entry(Kind.START, START, message.token, self._turn.now_ms(), info.payload, extra=extra)

    def _record_finished(self, finished: list[Finished]) -> None:
        """Append outcomes, in order; one that is answered or not wanted by now is dropped (rules 3, 4, 6)."""
        outcomes = [(one, self._outcome(one)) for one in finished]
        for one in finished:
            self._turn.running.pop(one.job.address, None)
        while outcomes:
            replay = self._turn.advance()
            outcomes = [(one, entry) for one, entry in outcomes if self._still_wanted(one.job, replay)]
            batch = outcomes[:APPEND_BATCH]
            if not batch or self._turn.append([entry for _, entry in batch]):
                outcomes = outcomes[APPEND_BATCH:]

    def _still_wanted(self, job: Job, replay: Replay | None) -> bool:
        if (
            self._turn.journal.answer(job.address, job.attempt) is not None
            or self._turn.journal.end is not None
        ):
            return False
        issued = replay.find(job.address) if replay is not None else None
        return replay is None or (issued is not None and issued.pending and issued.attempt == job.attempt)

    def _outcome(self, one: Finished) -> Entry:
        job, now, logged = one.job, self._turn.now_ms(), _logged(one.job)
        error = one.error
        if error is None:
            try:
                text = job.operation.codec.round_trip(one.result)[0] if job.operation.codec else None
            except NotStorable as refused:
                error = refused
            else:
                return Entry(
                    Kind.DONE, job.address, job.by, now, text, job.attempt, None, one.started, logged or None
                )
        kept = {name: _hidden(value) for name, value in failure(error).items()}
        final = kept.get("final") or isinstance(error, NotStorable)
        delay = None if final else job.operation.retry.delay(job.attempt, self._turn.execution, job.address)
        if delay is not None:
            delay = _asked_delay(error, delay, fraction(self._turn.execution, job.address))
        kind = Kind.FAILED if delay is None else Kind.RETRY
        extra = {**({} if delay is None else {"due": now / 1000 + delay}), **logged}
        return Entry(kind, job.address, job.by, now, None, job.attempt, kept, one.started, extra or None)


def _hidden(value: Any) -> Any:
    """A text without secrets: an address that a client shows in its errors may have a key in it."""
    return hide_secrets(value) if isinstance(value, str) else value


def _logged(job: Job) -> dict[str, Any]:
    """What the attempt has logged, as its entry keeps it."""
    log = job.environment.log if job.environment is not None else None
    if log is None:
        return {}
    lines, left_out = log.kept()
    return to_extra((line._replace(text=hide_secrets(line.text)) for line in lines), left_out)


def _asked_delay(error: BaseException, delay: float, chance: float) -> float:
    """The pause before the next attempt: what the error itself asks for by `retry_after` (seconds), else as planned.

    A tenth more, at most, so that those who were refused together do not come back together.
    """
    asked = getattr(error, "retry_after", None)
    if not isinstance(asked, int | float) or not 0 < asked < float("inf"):
        return delay
    return min(asked * (1 + chance / 10), LONGEST_PAUSE)


def _runaway(hops: int) -> PolosError:
    return ReplayMismatch(
        f"runaway: this execution was handed on by {hops} messages in a row; it was stopped. If it is meant to run "
        "that long, use ctx.continue_as_new, or raise Settings.max_hops; `polos retry` goes on from here"
    )
