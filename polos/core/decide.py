"""What a message means for a journal: a pure function of both (and of the replay, which is a function of the journal).

The answer never says "send": after whatever is recorded, the handler dispatches all that entries with its tokens made
runnable. A message whose operation is answered already has nothing to record; if the answer carries its own token, the
dispatch behind it is the repeat that a crash may have left undone (rule 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from polos.core.journal import CANCEL, STATE, Entry, Journal, Kind, Outcome
from polos.core.messages import Message, MessageKind
from polos.core.operations import AwaitEvent, RunStep, Timer
from polos.core.pausing import is_pausing, outdated, parked
from polos.core.replay import Issued, Replay


@dataclass(frozen=True, slots=True)
class Nothing:
    """There is nothing to record: answered, abandoned, ended, or not wanted any more."""


@dataclass(frozen=True, slots=True)
class Begin:
    """Append the start entry, made from META."""


@dataclass(frozen=True, slots=True)
class Record:
    """Append this entry at the tail that was looked at."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Execute:
    """Run the current attempt of this step."""

    issued: Issued


@dataclass(frozen=True, slots=True)
class TakeEvent:
    """Look into the topic for the first event this wait accepts."""

    issued: Issued
    operation: AwaitEvent


@dataclass(frozen=True, slots=True)
class TryPlace:
    """Ask for the place that `what` names ("$go#g", "$state"); `wanted` tells whether it still is."""

    what: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Forward:
    """This execution has gone on as a new one: the message is for that one."""


@dataclass(frozen=True, slots=True)
class Everything:
    """Dispatch all that is pending at the tail (rule 14)."""


Decision = Nothing | Begin | Record | Execute | TakeEvent | TryPlace | Forward | Everything

NOTHING: Final = Nothing()
TIMEOUT_ERROR: Final[Mapping[str, Any]] = {
    "type": "WaitTimeout",
    "code": "wait_timeout",
    "message": "timed out",
}
DIED_ERROR: Final[Mapping[str, Any]] = {
    "type": "ProcessDied",
    "message": "the process that ran this step died at each try (out of memory, a crash, or over its time); "
    "give the step's queue more memory_mb or timeout, or make the step smaller",
}


def decide(
    journal: Journal, replay: Replay | None, message: Message, *, now_ms: int, dead: bool = False
) -> Decision:
    """What to do about `message`. `replay` has been fed the whole journal; None: not started, or it cannot be replayed.

    `dead`: the message comes from the dead-letter queue: no step is run (rule 10).
    """
    match message.kind:
        case MessageKind.START:
            return NOTHING if journal.started or journal.end else Begin()
        case MessageKind.RUN:
            return _run(journal, replay, message, now_ms=now_ms, dead=dead)
        case MessageKind.KICK:
            return Everything()
        case MessageKind.PLACE:
            return _place(journal, replay, message)
        case MessageKind.TIMER | MessageKind.CHILD | MessageKind.SIGNAL:
            return _news(journal, replay, message, now_ms=now_ms)
        case MessageKind.EVENT:
            return _event(journal, replay, message)
        case MessageKind.NOTIFY | MessageKind.TICK:
            return NOTHING


def _run(journal: Journal, replay: Replay | None, message: Message, *, now_ms: int, dead: bool) -> Decision:
    if journal.answer(message.key, message.attempt) is not None or journal.end or replay is None:
        return NOTHING
    issued = replay.find(message.key)
    if issued is None:
        return (
            Everything()
        )  # the code was changed while this step was under way: what it asks for now was never sent
    if not issued.pending or issued.attempt != message.attempt or not isinstance(issued.operation, RunStep):
        return NOTHING
    if replay.paused and not message.woken:
        entry = parked(journal, message, now_ms=now_ms)
        return NOTHING if entry is None else Record(entry)
    if dead:
        entry = Entry(
            Kind.FAILED, message.key, message.token, now_ms, attempt=message.attempt, error=DIED_ERROR
        )
        return Record(entry)
    return Execute(issued)


def _news(journal: Journal, replay: Replay | None, message: Message, *, now_ms: int) -> Decision:
    if message.key == CANCEL and _continued(journal):
        return Forward()
    if journal.find(message.key) is not None or journal.end:
        return NOTHING
    if message.kind is MessageKind.SIGNAL:
        kind = Kind.CANCEL if message.key == CANCEL else Kind.SIGNAL
        if is_pausing(message.key) and outdated(journal, message.key):
            return NOTHING
        return Record(Entry(kind, message.key, message.token, now_ms, message.value, extra=message.extra))
    issued = replay.find(message.key) if replay is not None else None
    if replay is not None and (issued is None or not issued.pending):
        return NOTHING
    if message.kind is MessageKind.CHILD:
        kind = Kind.DONE if message.error is None else Kind.FAILED
        return Record(Entry(kind, message.key, message.token, now_ms, message.value, error=message.error))
    over = message.error is None if issued is None else isinstance(issued.operation, Timer)
    if over:
        return Record(Entry(Kind.DONE, message.key, message.token, now_ms))
    return Record(
        Entry(Kind.FAILED, message.key, message.token, now_ms, error=message.error or TIMEOUT_ERROR)
    )


def _continued(journal: Journal) -> bool:
    """Whether it has ended by going on as a new one."""
    return journal.end is not None and (journal.end.extra or {}).get("status") == Outcome.CONTINUED


def _event(journal: Journal, replay: Replay | None, message: Message) -> Decision:
    if journal.find(message.key) is not None or journal.end or replay is None:
        return NOTHING
    issued = replay.find(message.key)
    if issued is None or not issued.pending or not isinstance(issued.operation, AwaitEvent):
        return NOTHING
    return TakeEvent(issued, issued.operation)


def _place(journal: Journal, replay: Replay | None, message: Message) -> Decision:
    if journal.find(message.key) is not None:
        return NOTHING
    if replay is None or journal.end:
        return TryPlace(message.key, wanted=False)
    if message.key == STATE:
        return TryPlace(STATE, wanted=replay.awaits_state)
    return TryPlace(message.key, wanted=replay.asked == int(message.key.removeprefix("$go#")))
