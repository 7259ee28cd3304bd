"""What places one execution wants, holds and gives back; a thin layer between dispatch and `places`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from polos.core.definitions import Queue
from polos.core.journal import STATE, Entry, Kind
from polos.core.messages import MessageKind
from polos.core.operations import RunStep
from polos.core.replay import Issued
from polos.core.start import StartInfo
from polos.ports import Outgoing
from polos.runtime import names
from polos.runtime.places import Places, Wish
from polos.runtime.states import States
from polos.runtime.turn import Turn


class Holding:
    """The places of the execution at hand."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn

    @property
    def _places(self) -> Places:
        """Made when asked for: kept, it would tie the turn and all it has read into a circle."""
        return Places(self._turn.ports, self._wake, self._gone)

    def _gone(self, execution: str) -> bool:
        meta = self._turn.executions.get(self._turn.project, execution)
        return meta is None or meta.ended

    def _wake(self, fields: Mapping[str, Any]) -> None:
        kind = MessageKind(fields["kind"])
        message = self._turn.message(kind, fields["key"], attempt=fields.get("attempt", 1))
        message = replace(message, execution=fields["execution"], workflow=fields["workflow"])
        queue = names.NEWS_QUEUE
        if kind is MessageKind.RUN:
            message = replace(message, extra={"queue": fields["queue"], "woken": True})
            queue = self._turn.host.steps_queue(fields["queue"])
        self._turn.ports.queue.send(queue, [Outgoing(message.encode(), group=message.execution)])

    # --- the execution's own place ----------------------------------------------------------------------------------

    def _wish(self, info: StartInfo, what: str) -> Wish:
        if what == STATE:
            return state_wish(info, what)
        wake = {"kind": "place", "execution": info.execution, "workflow": info.workflow, "key": what}
        partition = names.places(info.project, info.queue, info.concurrency_key)
        return Wish(partition, info.limit or 1, info.execution, what, wake, info.priority)

    def acquire(self, what: str) -> bool:
        """Take the place that `what` ("$go#g", "$state") names, or join the line."""
        return self._places.acquire(self._wish(self._turn.info, what))

    def release(self, what: str) -> None:
        """Give it back, or leave the line."""
        self._places.release(self._wish(self._turn.info, what))

    def release_state(self) -> None:
        """Give back the state's place, if this execution takes part in that."""
        if (self._turn.journal.start.extra or {}).get("awaits_state"):
            self.release(STATE)

    def entry(self, what: str, token: str) -> Entry:
        """The entry that says a place is held."""
        if what == STATE:
            return States(self._turn.ports).entry(self._turn.info, token, self._turn.now_ms())
        return Entry(Kind.PLACE, what, token, self._turn.now_ms())

    def still_wanted(self, what: str) -> bool:
        """Whether the code, as far as the journal goes, wants that place and has not got it."""
        replay = self._turn.advance()
        if replay is None or self._turn.journal.end is not None or self._turn.journal.find(what) is not None:
            return False
        return replay.awaits_state if what == STATE else replay.asked == int(what.removeprefix("$go#"))

    # --- the places of single steps -----------------------------------------------------------------------------------

    def limited(self, step: RunStep) -> Queue | None:
        """The limited queue a step takes a place of, if it names one."""
        queue = self._turn.host.registry.queues.get(step.queue) if step.queue else None
        return queue if queue is not None and queue.concurrency_limit is not None else None

    def acquire_step(self, issued: Issued, step: RunStep, by: str | None) -> bool:
        """Take a place for this attempt on behalf of message `by`. True at once if its queue has no limit.

        The line may have woken it twice: of two messages for one attempt only the one that took the place runs it.
        """
        queue = self.limited(step)
        if queue is None:
            return True
        return self._places.acquire(replace(self._step_wish(queue, issued.address, issued.attempt), by=by))

    def release_step(self, step: RunStep, address: str, attempt: int) -> None:
        """This attempt is over, or not wanted any more."""
        queue = self.limited(step)
        if queue is not None:
            self._places.release(self._step_wish(queue, address, attempt))

    def _step_wish(self, queue: Queue, address: str, attempt: int) -> Wish:
        info = self._turn.info
        wake = {
            "kind": "run",
            "execution": info.execution,
            "workflow": info.workflow,
            "key": address,
            "attempt": attempt,
            "queue": queue.name,
        }
        partition = names.places(info.project, queue.name, None)
        limit, what = queue.concurrency_limit or 1, names.short(f"{address}@{attempt}")
        return Wish(partition, limit, info.execution, what, wake, info.priority)


def state_wish(info: StartInfo, what: str) -> Wish:
    """The wish for the place that executions sharing a state take in turn."""
    wake = {"kind": "place", "execution": info.execution, "workflow": info.workflow, "key": what}
    partition = names.state_places(info.project, info.workflow, info.state_key or "")
    return Wish(partition, 1, info.execution, what, wake, info.priority)
