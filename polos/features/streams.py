"""Reading a run while it goes on, or later: its topic and the journals of its tree, merged into one stream of events.

A reader asks for a page, gets what is new and a cursor, and asks again with that. Nothing is kept on the side of the
store: a cursor says how far each log of the run was read, so reading may begin anywhere, at any time, on any machine.

    1. the journal of the execution itself, up to its tail now
    2. then the journals of its descendants, and the topic
    3. the end, if step 1 found it, comes last: whatever was published before it has been read by then
"""

from __future__ import annotations

import base64
import heapq
import json
import zlib
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from polos.core.ids import derived_id
from polos.core.journal import Entry
from polos.core.models import StreamEvent
from polos.core.start import StartInfo
from polos.core.step import run_topic
from polos.errors import InvalidPayload
from polos.features.lifecycle import events_of, has_ended
from polos.runtime import names
from polos.runtime.executions import decode
from polos.runtime.service import Service
from polos.runtime.timeline import CHILD_VERBS
from polos.runtime.topics import Event

FORMAT: Final = 1
PAGE: Final = 500
LONG_POLL_SECONDS: Final = 20.0
_BEGINNINGS: Final = frozenset({"workflow_start", "agent_start", "tool_start"})
_OVERLAP_MS: Final = 60_000
"""How far back descendants are looked for again: the index that knows them is some moments behind."""


@dataclass(frozen=True, slots=True)
class RunPage:
    """What is new in a run, in order. `cursor` continues behind it; `ended`: nothing will come any more."""

    events: list[StreamEvent]
    cursor: str
    ended: bool


class RunClient(Protocol):
    """What a stream needs of a client."""

    async def read_run(self, execution_id: str, cursor: str | None, wait: float) -> RunPage:
        """What is new behind `cursor`; waits up to `wait` seconds for something to be."""
        ...


async def stream_run(
    client: RunClient, execution_id: str, cursor: str | None = None
) -> AsyncIterator[StreamEvent]:
    """The events of a run from its beginning (or behind `cursor`) until it ends, however it ends."""
    while True:
        page = await client.read_run(execution_id, cursor, LONG_POLL_SECONDS)
        for event in page.events:
            yield event
        if page.ended:
            return
        cursor = page.cursor


def read_run(service: Service, execution: str, cursor: str | None = None) -> RunPage:
    """One page of a run, without waiting.

    Raises:
        NotFound: There is no such execution.
        InvalidPayload: The cursor is none of this run's.
    """
    return _Reader(service, execution, _decode(cursor, execution)).page()


@dataclass
class _Position:
    """How far a run was read: its topic, each journal that goes on, and the journals that are done."""

    topic: int = 0
    since: int = 0
    journals: dict[str, int] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    over: bool = False


class _Reader:
    """One page, in the making."""

    def __init__(self, service: Service, execution: str, position: _Position) -> None:
        self._service = service
        self._at = position
        self._meta = service.meta(execution)
        info = self._meta.info
        self._execution = execution
        self._root = info.root_execution or execution
        self._topic = run_topic(info.root_workflow or info.workflow, self._root)
        self._infos: dict[str, StartInfo] = {execution: info}

    def page(self) -> RunPage:
        if self._at.over:
            return RunPage([], _encode(self._at, self._execution), ended=True)
        heard, drained = (
            self._heard()
        )  # before the journals: whatever tells of an execution stands behind its start
        own = self._entries(self._execution)
        over = has_ended(own)
        self._descendants(own)
        sources = [self._journal(one) for one in sorted(self._infos) if one != self._execution]
        if over and drained:  # and after the end, for what was published between the two
            more, drained = self._heard()
            heard += more
        published = [made for event in heard if (made := self._made(event)) is not None]
        ending: list[StreamEvent] = []
        mine = events_of(self._infos[self._execution], self._topic, own, self._read(self._execution))
        if over:
            mine, ending = mine[:-1], mine[-1:]
        self._at.journals[self._execution] = self._read(self._execution) + len(own)
        events = list(heapq.merge(mine, published, *sources, key=_order))
        if over and drained:
            events += ending
            self._at.over = True
        elif over:  # the end waits for the rest of the topic
            self._at.journals[self._execution] -= 1
        stuck = self._meta.status == "stalled" and not events
        return RunPage(events, _encode(self._at, self._execution), ended=self._at.over or stuck)

    # --- journals ---------------------------------------------------------------------------------------------------

    def _read(self, execution: str) -> int:
        return self._at.journals.get(execution, 0)

    def _entries(self, execution: str) -> list[Entry]:
        name = names.journal(self._service.project, execution)
        texts = self._service.ports.log.read(name, self._read(execution))
        return [Entry.decode(text) for text in texts if text]

    def _journal(self, execution: str) -> list[StreamEvent]:
        """What is new in the journal of a descendant."""
        if execution in self._at.done:
            return []
        start, entries = self._read(execution), self._entries(execution)
        self._at.journals[execution] = start + len(entries)
        if has_ended(entries):
            self._at.done.add(execution)
            self._at.journals.pop(execution)
        return events_of(self._infos[execution], self._topic, entries, start)

    def _descendants(self, own: list[Entry]) -> None:
        """Find them: by the index, which may be a moment behind, and by the answers in their parents' journals."""
        partition = f"{self._service.project}|tree|{self._root}"
        after = f"{max(0, self._at.since - _OVERLAP_MS):013d}"
        cursor = None
        while True:
            page = self._service.ports.records.find("tree", partition, after=after, cursor=cursor)
            for record in page.records:
                self._know(decode(record).info)
            cursor = page.cursor
            if cursor is None:
                break
        self._know_all(self._answered(own))

    def _answered(self, entries: Iterable[Entry]) -> list[str]:
        project, known = self._service.project, []
        for entry in entries:
            verb, _, key = entry.address.partition(":")
            if verb in CHILD_VERBS:
                known.append(derived_id(project, self._execution, CHILD_VERBS[verb], key))
        return known

    def _know_all(self, executions: Iterable[str]) -> None:
        missing = [one for one in {*executions, *self._at.journals} if one not in self._infos]
        for execution in missing:
            meta = self._service.executions.get(self._service.project, execution)
            if meta is not None:
                self._know(meta.info)

    def _know(self, info: StartInfo) -> None:
        """Take it in if it descends from the execution that is read; of a root, all of its tree do."""
        ours = self._execution == self._root or info.parent_execution in self._infos
        if ours and info.execution != self._execution:
            self._infos[info.execution] = info
            self._at.since = max(self._at.since, info.created_at)

    # --- the topic --------------------------------------------------------------------------------------------------

    def _heard(self) -> tuple[list[Event], bool]:
        """What is new in the topic, and whether that was all."""
        events = self._service.topics.read(self._topic, self._at.topic, PAGE)
        if events:
            self._at.topic = events[-1].sequence
        return events, len(events) < PAGE

    def _made(self, event: Event) -> StreamEvent | None:
        data = json.loads(event.data)
        about = data.get("_metadata") if isinstance(data, Mapping) else None
        of = about.get("execution_id") if isinstance(about, Mapping) else None
        if self._execution != self._root and of not in self._infos:
            return None
        return StreamEvent(
            id=event.id,
            sequence_id=event.sequence,
            topic=event.topic,
            event_type=event.type or None,
            data=data,
            created_at=datetime.fromtimestamp(event.at / 1000, UTC),
        )


def _order(event: StreamEvent) -> tuple[datetime, bool]:
    """By time; within a millisecond, an execution begins before anything is told of it."""
    return event.created_at, event.event_type not in _BEGINNINGS


# --- cursors --------------------------------------------------------------------------------------------------------


def _encode(position: _Position, execution: str) -> str:
    data: dict[str, Any] = {
        "v": FORMAT,
        "x": execution,
        "t": position.topic,
        "s": position.since,
        "j": position.journals,
        "d": sorted(position.done),
        "o": position.over,
    }
    return base64.urlsafe_b64encode(zlib.compress(json.dumps(data).encode(), 1)).decode()


def _decode(cursor: str | None, execution: str) -> _Position:
    if not cursor:
        return _Position()
    try:
        data = json.loads(zlib.decompress(base64.urlsafe_b64decode(cursor)))
        if data["v"] != FORMAT or data["x"] != execution:
            raise ValueError("another run's")
        return _Position(data["t"], data["s"], data["j"], set(data["d"]), data["o"])
    except (ValueError, KeyError, TypeError, zlib.error) as error:
        raise InvalidPayload(
            execution, [("cursor", "is none of this run's: begin without one, or give it back as it came")]
        ) from error
