"""Dispatch: send out (or begin here) everything that entries with this invocation's tokens made the code issue.

A position is *mine* if the entry before it carries one of my tokens; a kick takes all positions. The replay lists what
became runnable, in order of position, so that each is looked at once per replay.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import Any, Final

from polos.core.journal import CANCEL, END, START, STATE, Entry, Kind, Outcome
from polos.core.messages import Message, MessageKind
from polos.core.operations import (
    AwaitChild,
    AwaitEvent,
    CallChild,
    ChildSpec,
    Effect,
    Publish,
    ResumeOther,
    RunStep,
    StartChild,
    Suspend,
    Timer,
)
from polos.core.replay import Finish, Issued, Replay
from polos.core.start import StartInfo
from polos.ports import Outgoing
from polos.runtime import afterwards, cancelling, names
from polos.runtime.eventing import Eventing
from polos.runtime.holding import Holding
from polos.runtime.inbox import Inbox, answered
from polos.runtime.starts import child_info
from polos.runtime.tracing import spans_of, trace_span
from polos.runtime.turn import Turn

KICK_WINDOW_MS: Final = 86_400_000
"""A kick repeats the effects of entries up to this old: older ones were acknowledged, and their targets may be gone."""


class Dispatch:
    """What one invocation sends. `run` may be called again whenever the journal has grown."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._outbox: dict[str, list[Outgoing]] = defaultdict(list)
        self._holding = Holding(turn)
        self._deadline_sent = False
        self._asked_state = False
        self._handled = -1
        self._reset()

    @property
    def _eventing(self) -> Eventing:
        """Made when asked for: kept, it would tie the turn and all it has read into a circle."""
        return Eventing(self._turn, self._send)

    def _reset(self) -> None:
        """Look at a new replay from its beginning; up to `_handled` it says what the former one said.

        A replay is made anew where a provisional `patched` was overtaken: at a tail that was not mine, so nothing of
        that branch was sent.
        """
        self._generation = self._turn.generation
        self._seen_entries = self._seen_traces = self._seen_answers = 0
        self._seen_requests = self._seen_releases = self._seen_freed = 0
        self._seen_runnable = self._seen_effects = self._seen_abandoned = self._seen_status = 0
        self._ended = False

    def run(self) -> None:
        """Everything that is mine and was not dispatched by this invocation yet."""
        while True:
            replay = self._turn.advance()
            if replay is None:
                return
            if self._generation != self._turn.generation:
                self._reset()
            if self._patch(replay) or cancelling.out_of_compute(self._turn, replay, self.mine, self.token_at):
                continue
            self._deadline()
            self._trace(replay)
            self._answers()
            self._effects(replay)
            self._operations(replay)
            self._abandoned(replay)
            self._status(replay)
            self._flush()
            self._handled = replay.position
            if self._places(replay):
                continue
            if not self._end(replay):
                return

    def mine(self, position: int) -> bool:
        """Whether what became runnable at this position is mine to dispatch."""
        if self._turn.everything:
            return True
        return self._turn.mine(position)

    def _to_do(self, position: int) -> bool:
        """Mine, and not handled by this invocation yet: each position once."""
        return position > self._handled and self.mine(position)

    def token_at(self, position: int) -> str:
        """The token an entry of mine gets that follows from this position."""
        by = self._turn.journal.entries[position - 1].by
        return by if by in self._turn.tokens else self._turn.messages[0].token

    # --- one kind of thing each -------------------------------------------------------------------------------------

    def _patch(self, replay: Replay) -> bool:
        """Record that `patched` was true here, before anything that follows from it is sent. True: look again."""
        if not replay.patches or not self.mine(replay.position):
            return False
        token, now = self.token_at(replay.position), self._turn.now_ms()
        self._turn.append([Entry(Kind.PATCH, address, token, now) for address in replay.patches])
        return True

    def _deadline(self) -> None:
        """Whoever appended the start sends the run timeout: a cancellation that is due when it is over."""
        start = self._turn.journal.find(START)
        if self._deadline_sent or start is None or not self.mine(start + 1):
            return
        self._deadline_sent = True
        deadline = self._turn.info.run_deadline
        if deadline is not None and self._turn.journal.end is None:
            message = self._turn.message(
                MessageKind.SIGNAL, CANCEL, due=deadline / 1000, extra={"reason": "timeout"}
            )
            self._send_due(names.NEWS_QUEUE, message)

    def _trace(self, replay: Replay) -> None:
        """Export the spans that my entries end, and those of `ctx.step.trace` that end at my positions."""
        tracer, journal = self._turn.host.tracer, self._turn.journal
        if tracer is None:
            return
        fresh = [e for e in journal.entries[self._seen_entries :] if e.by in self._turn.tokens]
        traced = replay.traces[self._seen_traces :]
        first = self._seen_traces
        self._seen_entries, self._seen_traces = len(journal), len(replay.traces)
        info = self._turn.info
        spans = spans_of(info, journal.start.at, fresh)
        for number, (position, name, times, attributes) in enumerate(traced, first):
            if self.mine(position):
                spans.append(trace_span(info, name, number, times=times, attributes=attributes))
        if spans:
            tracer.export(spans)

    def _answers(self) -> None:
        """What my entries answer is asked of nobody any more."""
        journal = self._turn.journal
        fresh = [e for e in journal.entries[self._seen_answers :] if e.by in self._turn.tokens]
        self._seen_answers = len(journal)
        Inbox(self._turn.ports, self._turn.project).remove(self._turn.execution, answered(fresh))

    def _effects(self, replay: Replay) -> None:
        effects = replay.effects[self._seen_effects :]
        self._seen_effects += len(effects)
        for position, effect in effects:
            if self._to_do(position) and not self._long_ago(position):
                self._carry_out(effect)

    def _long_ago(self, position: int) -> bool:
        entry = self._turn.journal.entries[position - 1]
        if entry.copied_from is not None:
            return True
        return entry.by not in self._turn.tokens and entry.at < self._turn.now_ms() - KICK_WINDOW_MS

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case StartChild(child=child):
                self._start_child(child, "")
            case Publish():
                self._eventing.publish(effect.topic, effect.event_id, effect.event_type, effect.data)
            case ResumeOther():
                self._eventing.resume_other(effect)

    def _operations(self, replay: Replay) -> None:
        fresh = replay.runnable[self._seen_runnable :]
        self._seen_runnable += len(fresh)
        if self._turn.journal.end is not None:
            return
        for position, issued in fresh:
            current = issued.pending and issued.runnable_at == position
            if replay.paused and not self._turn.mine(position):
                continue  # a kick begins nothing in a pause; what is on its way is parked when it comes
            if current and self._to_do(position) and issued.address not in self._turn.running:
                self._issue(issued, position)

    def _issue(self, issued: Issued, position: int) -> None:
        match issued.operation:
            case RunStep() as step:
                self._step(issued, step, position)
            case Timer(due=due):
                self._timer(issued, due, None)
            case Suspend() as suspend:
                self._eventing.announce(issued, suspend)
                self._timeout(issued, suspend.due, "no resume came")
            case AwaitEvent() as wait:
                self._timeout(issued, wait.due, f"no event came on topic {wait.topic!r}")
                self._eventing.register(issued, wait)
            case CallChild(child=child):
                self._start_child(child, issued.address)
            case AwaitChild(execution=child_id):
                news = afterwards.register(self._turn, child_id, issued.address)
                if news is not None:
                    self._send(names.NEWS_QUEUE, news)

    def _step(self, issued: Issued, step: RunStep, position: int) -> None:
        now = self._turn.ports.clock.now()
        delayed = issued.due is not None and issued.due > now
        where = step.queue or self._turn.queue
        here = where == self._turn.here and self._holding.limited(step) is None
        paused = self._turn.replay is not None and self._turn.replay.paused
        if (
            not delayed
            and not paused
            and ((step.inline and not self._turn.dead) or (here and self._turn.may_run()))
        ):
            self._turn.begin(issued, self.token_at(position))
            return
        extra: dict[str, Any] = {"queue": where}
        if self._turn.everything or issued.parked:
            extra["kicked"] = True
        message = self._turn.message(
            MessageKind.RUN, issued.address, attempt=issued.attempt, due=issued.due, extra=extra
        )
        self._send_due(self._turn.host.steps_queue(where), message)

    def _timeout(self, issued: Issued, due: float | None, what: str) -> None:
        if due is not None:
            key = issued.address.partition(":")[2]
            text = f"{key!r} timed out: {what} in time"
            self._timer(issued, due, {"type": "WaitTimeout", "code": "wait_timeout", "message": text})

    def _timer(self, issued: Issued, due: float, error: dict[str, Any] | None) -> None:
        message = self._turn.timer(issued.address, due, error)
        if self._turn.everything and self._turn.is_distant(due):
            self._turn.at(names.NEWS_QUEUE, message, due)
        else:
            self._send_due(names.NEWS_QUEUE, message)

    def take_event(self, message: Message, issued: Issued, wait: AwaitEvent) -> Entry | None:
        """The entry that gives this wait its event; None: nothing has come that it takes."""
        return self._eventing.take_event(message, issued, wait)

    def try_place(self, message: Message, what: str, *, wanted: bool) -> Entry | None:
        """The entry of a place that was got; None: still in line, or given back because nobody wants it."""
        if not wanted:
            self._holding.release(what)
            return None
        return self._holding.entry(what, message.token) if self._holding.acquire(what) else None

    def try_step(self, issued: Issued, message: Message) -> bool:
        """Whether a step may begin now: its queue has a place for it. If not, it is in line and will be woken.

        A message that a kick sent stands for one that may be lost: it may use the place that was taken for that one.
        """
        step = issued.operation
        kicked = bool(message.extra and message.extra.get("kicked"))
        return isinstance(step, RunStep) and self._holding.acquire_step(
            issued, step, None if kicked else message.token
        )

    def _places(self, replay: Replay) -> bool:
        """Give places back and ask for those wanted, each at my positions. True: one was got, look again."""
        freed = replay.freed[self._seen_freed :]
        self._seen_freed += len(freed)
        for position, step, address, attempt in freed:
            if self.mine(position):
                self._holding.release_step(step, address, attempt)
        releases = replay.releases[self._seen_releases :]
        self._seen_releases += len(releases)
        for position, wish in releases:
            if (
                self.mine(position) and position != replay.done_at
            ):  # at the end: after the parent has been told
                self._holding.release(f"$go#{wish}")
        requests = replay.requests[self._seen_requests :]
        self._seen_requests += len(requests)
        wanted = [(position, f"$go#{wish}") for position, wish in requests]
        if replay.awaits_state and self._in_line_for_state(replay):
            wanted.append((self._start_position(), STATE))
        got = [self._take(position, what) for position, what in wanted if self.mine(position)]
        return any(got)

    def _start_position(self) -> int:
        return (self._turn.journal.find(START) or 0) + 1

    def _in_line_for_state(self, replay: Replay) -> bool:
        first, self._asked_state = not self._asked_state, True
        return first and replay.awaits_state

    def _take(self, position: int, what: str) -> bool:
        if not self._holding.still_wanted(what) or not self._holding.acquire(what):
            return False
        token = self.token_at(position)
        taken = self._turn.append_own(
            lambda: self._holding.entry(what, token) if self._holding.still_wanted(what) else None
        )
        if not taken and self._turn.journal.find(what) is None:
            self._holding.release(what)
        return True

    def _start_child(self, child: ChildSpec, key: str) -> None:
        me = StartInfo.from_data(self._turn.journal.start.extra or {})
        host, now = self._turn.host, self._turn.now_ms()
        info = child_info(me, child, key, now_ms=now, resolve=host.resolve, queues=host.registry.queues)
        if not self._turn.executions.create(info) and key:
            news = afterwards.news_of(self._turn, info.execution, key)
            if news is not None:  # whoever ended it lost its lease before it could tell us
                self._send(names.NEWS_QUEUE, news)
                return
        message = self._turn.message(MessageKind.START, "$start")
        self._send(
            self._turn.host.steps_queue(info.queue),
            replace(message, execution=info.execution, workflow=info.workflow),
        )

    def _abandoned(self, replay: Replay) -> None:
        """Children that the code has given up are cancelled by whoever appended the entry at which it did."""
        abandoned = replay.abandoned[self._seen_abandoned :]
        self._seen_abandoned += len(abandoned)
        for message in cancelling.of_started(self._turn, replay, self._to_do):
            self._send(names.NEWS_QUEUE, message)
        for issued in abandoned:
            if isinstance(issued.operation, CallChild) and self._to_do(issued.abandoned_at or 0):
                self._send(names.NEWS_QUEUE, cancelling.of_child(self._turn, issued.operation.child))
            self._turn.steps.cancel(issued.address)

    def _status(self, replay: Replay) -> None:
        changes = replay.status_changes[self._seen_status :]
        self._seen_status += len(changes)
        if replay.done_at is None and any(self._to_do(position) for position, _ in changes):
            self._turn.show(replay.status)

    # --- the end ----------------------------------------------------------------------------------------------------

    def _end(self, replay: Replay) -> bool:
        """Append the end and carry out its effects. True: somebody appended before it, look again."""
        finish, done_at = replay.finish, replay.done_at
        if finish is None or done_at is None or self._ended:
            return False
        end = self._turn.journal.end
        if end is None:
            if not self.mine(done_at):
                return False
            end = self._end_entry(finish, self.token_at(done_at))
            with self._turn.ports.together():
                if not self._turn.append([end]):
                    return True
                self._after_end(replay, self._turn.journal.end or end)
            self._trace(replay)
        elif end.by in self._turn.tokens or self._turn.everything:
            self._after_end(replay, end)
        return False

    def _after_end(self, replay: Replay, end: Entry) -> None:
        self._ended = True
        afterwards.after_end(self._turn, end)
        asked = [one.address.partition(":")[2] for one in replay.issued.values() if _unanswered(one)]
        Inbox(self._turn.ports, self._turn.project).remove(self._turn.execution, asked)
        for position, wish in replay.releases:
            if position == replay.done_at:
                self._holding.release(f"$go#{wish}")
        self._holding.release_state()
        self._flush()

    def _end_entry(self, finish: Finish, token: str) -> Entry:
        extra: dict[str, Any] = {"status": finish.outcome.value, **finish.extra}
        if finish.outcome is Outcome.CANCELLED:
            extra.update(self._turn.cancel_reason())
        if finish.state is not None:
            extra["state"] = finish.state
        now = self._turn.now_ms()
        return Entry(Kind.END, END, token, now, finish.value, error=finish.error, extra=extra)

    # --- sending ----------------------------------------------------------------------------------------------------

    def _send(self, queue: str, message: Message, delay: float = 0.0) -> None:
        self._outbox[queue].append(Outgoing(message.encode(), delay, group=message.execution))

    def _send_due(self, queue: str, message: Message) -> None:
        delay = max(0.0, (message.due or 0.0) - self._turn.ports.clock.now())
        if delay <= self._turn.ports.queue.max_delay:
            self._send(queue, message, delay)
        else:
            self._turn.send_at(queue, message, message.due or 0.0)

    def _flush(self) -> None:
        outbox, self._outbox = self._outbox, defaultdict(list)
        for queue, messages in outbox.items():
            self._turn.ports.queue.send(queue, messages)


def _unanswered(issued: Issued) -> bool:
    return isinstance(issued.operation, Suspend) and not issued.answered
