"""The states of an execution, and how it comes from one to another: as data, from which the documentation draws.

The status is a projection of the journal, written when a delivery is over: an execution may pass through a state
within one delivery without any list showing it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Status(StrEnum):
    """What an execution's record says of it."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    STALLED = "stalled"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    CONTINUED = "continued"


ENDED: Final = frozenset(
    {Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.TIMED_OUT, Status.CONTINUED}
)
"""Final: nothing is appended to the journal any more. A retry or a fork is a new execution."""

MEANINGS: Final = {
    Status.QUEUED: "It was asked for and has not begun, or it stands in line for a place in a limited queue.",
    Status.RUNNING: "A step runs, or waits for a worker or for its next attempt.",
    Status.WAITING: "It waits for a time, an event, an answer or another execution. Nothing runs, nothing is billed.",
    Status.PAUSED: "Somebody asked to begin nothing more. What comes meanwhile is kept.",
    Status.STALLED: "Code and journal disagree, or its messages kill whoever handles them. Nothing is lost.",
    Status.COMPLETED: "The function returned.",
    Status.FAILED: "The function raised, or a step failed for good and was not caught.",
    Status.CANCELLED: "Somebody asked to stop, and the function has ended.",
    Status.TIMED_OUT: "Its run timeout or compute timeout passed, and the function has ended.",
    Status.CONTINUED: "It goes on as a new execution with an empty journal: `ctx.continue_as_new(payload)`.",
}


@dataclass(frozen=True, slots=True)
class Transition:
    """From any of `before` to `after`, when `cause` happens."""

    before: tuple[Status, ...]
    after: Status
    cause: str


_LIVE: Final = (Status.QUEUED, Status.RUNNING, Status.WAITING)

TRANSITIONS: Final = (
    Transition(
        (Status.QUEUED, Status.WAITING, Status.PAUSED, Status.STALLED),
        Status.RUNNING,
        "a step is wanted, and there is a place for it",
    ),
    Transition(
        (Status.QUEUED, Status.RUNNING, Status.PAUSED, Status.STALLED),
        Status.WAITING,
        "the code waits, and no step is under way",
    ),
    Transition(
        (Status.RUNNING, Status.WAITING),
        Status.QUEUED,
        "its queue is limited, and it stands in line again after a wait",
    ),
    Transition(_LIVE, Status.PAUSED, "`pause`"),
    Transition(
        _LIVE, Status.STALLED, "the code does not fit the journal, or a message keeps killing its handler"
    ),
    Transition((*_LIVE, Status.PAUSED, Status.STALLED), Status.COMPLETED, "the function returns"),
    Transition((*_LIVE, Status.PAUSED, Status.STALLED), Status.FAILED, "the function raises"),
    Transition(
        (*_LIVE, Status.PAUSED), Status.CANCELLED, "it was cancelled, and the function has cleaned up"
    ),
    Transition(
        (*_LIVE, Status.PAUSED), Status.TIMED_OUT, "its timeout passed, and the function has cleaned up"
    ),
    Transition((*_LIVE, Status.PAUSED), Status.CONTINUED, "`ctx.continue_as_new`"),
)
