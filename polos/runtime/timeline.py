"""An execution as people look at it: its operations in order, each with its attempts, made from journal and record.

    journal entries + META          ->  what was recorded: outcomes, failed attempts, retries that are due
    + a replay, where the code is   ->  what is under way: running steps, waits and children, and since when

Nothing here is stored and nothing is written: the same entries always give the same timeline. The command line, the
HTTP API and the dashboard show this.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from polos.core.ids import derived_id
from polos.core.journal import Entry, Journal, Kind
from polos.core.operations import AwaitChild, AwaitEvent, CallChild, Operation, RunStep, Suspend, Timer
from polos.core.replay import Issued, Rewind
from polos.errors import ReplayMismatch
from polos.runtime import names
from polos.runtime.executions import Meta, decode
from polos.runtime.service import Service
from polos.runtime.step_logs import Line, lines_of

CHILD_VERBS: Final = {
    "invoke_and_wait": "invoke_and_wait",
    "batch_item": "batch_invoke_and_wait",
    "agent_invoke_and_wait": "agent_invoke_and_wait",
    "batch_agent_item": "batch_agent_invoke_and_wait",
}
"""The verb of an address whose operation is a child -> the verb that the child's id was derived from."""


REST: Final = 9.0
"""A look at a journal that has grown replays it: rests are so many times as long."""
SHORTEST_REST: Final = 0.2


class Stage(StrEnum):
    """How far an operation is."""

    RUNNING = "running"
    WAITING = "waiting"
    RETRYING = "retrying"
    DONE = "done"
    FAILED = "failed"
    ABANDONED = "abandoned"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of an operation. Times are epoch milliseconds; None: not known, or not over yet.

    `logs`: the last lines that it logged; `logs_left_out`: how many there were before them.
    """

    number: int
    started: int | None
    ended: int | None
    error: Mapping[str, Any] | None = None
    logs: tuple[Line, ...] = ()
    logs_left_out: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """One operation of an execution. `address` is verb:key; `child` the execution it started or waits for.

    `asked`, `started`, `ended`, `due` are epoch milliseconds: `asked` is when the code asked for it, so that what lies
    between that and the start was queueing; `due` is when the next attempt begins, or the wait is over at the latest.
    `value` is the result as JSON text. `waits_for`: "time", "event", "answer" or "execution"; `topic`: of that event.
    `changed`: the position of the latest entry that said something new about it.
    """

    address: str
    stage: Stage
    attempts: tuple[Attempt, ...] = ()
    started: int | None = None
    ended: int | None = None
    due: int | None = None
    child: str | None = None
    value: str | None = None
    asked: int | None = None
    waits_for: str | None = None
    topic: str | None = None
    changed: int = 0

    @property
    def verb(self) -> str:
        """The verb of `ctx.step` that asked for it."""
        return self.address.partition(":")[0]

    @property
    def key(self) -> str:
        """Its step key; "$body" is the whole of a workflow that is a plain function."""
        return self.address.partition(":")[2]

    def stage_at(self, now_ms: int) -> Stage:
        """How far it is at that time: when a retry is due, its attempt is on its way or running."""
        late = self.stage is Stage.RETRYING and self.due is not None and self.due <= now_ms
        return Stage.RUNNING if late else self.stage

    @property
    def over(self) -> bool:
        """Whether nothing more will be said about it."""
        return self.stage in (Stage.DONE, Stage.FAILED, Stage.ABANDONED)

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The error of the latest attempt, if that failed."""
        return self.attempts[-1].error if self.attempts else None


@dataclass(frozen=True, slots=True)
class Timeline:
    """One execution with its operations. Times are epoch milliseconds, `result` is JSON text.

    `complete` tells whether what is under way is in it: False where the workflow's code is not known or does not fit.
    `position`: how many entries of the journal it tells of.
    """

    execution: str
    workflow: str
    status: str
    created: int
    items: tuple[Item, ...]
    started: int | None = None
    ended: int | None = None
    cancel_asked: int | None = None
    result: str | None = None
    error: Mapping[str, Any] | None = None
    complete: bool = False
    position: int = 0


class TimelineReader:
    """Reads the timeline of one execution again and again, each time only what is new."""

    def __init__(self, service: Service, execution: str) -> None:
        self._service = service
        self.execution = execution
        self._journal = Journal()
        self._last: tuple[int, int, Timeline] | None = None
        self._operations: dict[str, Operation] = {}
        self._lock = threading.Lock()
        self.rest_until = 0.0
        """When, on the monotonic clock, another look at something that grows costs no more than a tenth of the time."""

    def read(self) -> Timeline:
        """The timeline now; the same object while nothing has changed. `NotFound` if there is no such execution."""
        with self._lock:
            return self._read()

    def operation(self, address: str) -> Operation | None:
        """What the code asked for at that address, as of the last `read`; None where the code is not known."""
        return self._operations.get(address)

    def _read(self) -> Timeline:
        meta = self._service.meta(self.execution)
        log = names.journal(self._service.project, self.execution)
        texts = self._service.ports.log.read(log, len(self._journal))
        self._journal.extend(Entry.decode(text) for text in texts)
        if self._last is None or self._last[:2] != (len(self._journal), meta.version):
            begun = self._service.ports.clock.monotonic()
            issued = self._issued(meta)
            ended = self._service.ports.clock.monotonic()
            self.rest_until = ended + max(SHORTEST_REST, REST * (ended - begun))
            self._operations = {one.address: one.operation for one in issued or ()}
            made = timeline(meta, self._journal, issued)
            self._last = (len(self._journal), meta.version, made)
        return self._last[2]

    def _issued(self, meta: Meta) -> Sequence[Issued] | None:
        """What the workflow's code asks for, by replaying it; None where that cannot be told."""
        host = self._service.host
        definition = host.registry.find(meta.info.workflow)
        if definition is None or not self._journal.started:
            return None
        replay = host.new_replay(self._journal, definition)
        try:
            replay.advance()
            return list(replay.issued.values())
        except (ReplayMismatch, Rewind):
            return None
        finally:
            host.close_replay(replay)


def timeline(meta: Meta, journal: Journal, issued: Sequence[Issued] | None = None) -> Timeline:
    """The timeline of an execution. `issued`: the operations of a replay of that journal, in the order of the code."""
    recorded = _recorded(journal)
    found = [
        _item(meta, journal, address, entries=entries, issued=None) for address, entries in recorded.items()
    ]
    if issued is not None:
        known = {one.address for one in issued}
        items = [
            _item(meta, journal, one.address, entries=recorded.get(one.address, ()), issued=one)
            for one in issued
        ]
        found = [*items, *(item for item in found if item.address not in known)]
    end = journal.end
    cancel = journal.find("$cancel")
    return Timeline(
        execution=meta.info.execution,
        workflow=meta.info.workflow,
        status=meta.status if end is None else str((end.extra or {})["status"]),
        created=meta.info.created_at,
        items=tuple(found),
        started=journal.start.at if journal.started else None,
        ended=end.at if end is not None else None,
        cancel_asked=journal.entries[cancel].at if cancel is not None else None,
        result=end.value if end is not None else None,
        error=end.error if end is not None else meta.error,
        complete=issued is not None,
        position=len(journal),
    )


Recorded = Sequence[tuple[int, Entry]]
"""The entries of an operation with their positions, in order."""


def _recorded(journal: Journal) -> dict[str, list[tuple[int, Entry]]]:
    """The entries of each operation, in order of its first."""
    recorded: dict[str, list[tuple[int, Entry]]] = {}
    for position, entry in enumerate(journal.entries):
        if entry.kind in (Kind.DONE, Kind.FAILED, Kind.RETRY, Kind.SIGNAL):
            recorded.setdefault(entry.address, []).append((position, entry))
    return recorded


def _item(meta: Meta, journal: Journal, address: str, *, entries: Recorded, issued: Issued | None) -> Item:
    attempts = [_attempt(entry) for _, entry in entries]
    since = _since(issued, journal)
    last = entries[-1][1] if entries else None
    stage = _stage(last, issued)
    if issued is not None and stage is Stage.RUNNING:
        attempts.append(Attempt(issued.attempt, None, None))
    over = stage in (Stage.DONE, Stage.FAILED)
    return Item(
        address=address,
        stage=stage,
        attempts=tuple(attempts),
        started=next((a.started for a in attempts if a.started is not None), since),
        ended=last.at if over and last is not None else None,
        due=None if over else _due(last, issued),
        child=_child(meta, address, issued),
        value=last.value if over and last is not None else None,
        asked=since,
        waits_for=_waits_for(issued),
        topic=issued.operation.topic if issued and isinstance(issued.operation, AwaitEvent) else None,
        changed=_changed(entries, issued),
    )


def _attempt(entry: Entry) -> Attempt:
    lines, left_out = lines_of(entry.extra)
    return Attempt(entry.attempt, entry.started, entry.at, entry.error, lines, left_out)


def _changed(entries: Recorded, issued: Issued | None) -> int:
    said = [position for position, _ in entries[-1:]]
    if issued is not None:
        said += [issued.position - 1, (issued.abandoned_at or 0) - 1]
    return max(0, *said) if said else 0


def _waits_for(issued: Issued | None) -> str | None:
    match issued.operation if issued is not None else None:
        case Timer():
            return "time"
        case AwaitEvent():
            return "event"
        case Suspend():
            return "answer"
        case CallChild() | AwaitChild():
            return "execution"
        case _:
            return None


def _since(issued: Issued | None, journal: Journal) -> int | None:
    if issued is None or not 0 < issued.position <= len(journal):
        return None
    return journal.entries[issued.position - 1].at


def _stage(last: Entry | None, issued: Issued | None) -> Stage:
    if issued is not None and issued.abandoned_at is not None:
        return Stage.ABANDONED
    match last.kind if last is not None else None:
        case Kind.DONE | Kind.SIGNAL:
            return Stage.DONE
        case Kind.FAILED:
            return Stage.FAILED
        case Kind.RETRY:
            return Stage.RETRYING
        case _:
            step = issued is None or isinstance(issued.operation, RunStep)
            return Stage.RUNNING if step else Stage.WAITING


def _due(last: Entry | None, issued: Issued | None) -> int | None:
    """When a retry begins, or a wait is over at the latest, in epoch milliseconds."""
    due = (last.extra or {}).get("due") if last is not None and last.kind is Kind.RETRY else None
    if due is None and issued is not None and isinstance(issued.operation, Timer | Suspend | AwaitEvent):
        due = issued.operation.due
    return None if due is None else int(due * 1000)


def _child(meta: Meta, address: str, issued: Issued | None) -> str | None:
    operation = issued.operation if issued is not None else None
    if isinstance(operation, CallChild):
        return operation.child.execution
    if isinstance(operation, AwaitChild):
        return operation.execution
    verb, _, key = address.partition(":")
    if verb in CHILD_VERBS:
        return derived_id(meta.info.project, meta.info.execution, CHILD_VERBS[verb], key)
    return None


def children(service: Service, meta: Meta) -> Iterator[Meta]:
    """The executions that this one started, oldest first."""
    root = meta.info.root_execution or meta.info.execution
    cursor = None
    while True:
        page = service.ports.records.find("tree", f"{meta.info.project}|tree|{root}", cursor=cursor)
        for record in page.records:
            found = decode(record)
            if found.info.parent_execution == meta.info.execution:
                yield found
        cursor = page.cursor
        if cursor is None:
            return
