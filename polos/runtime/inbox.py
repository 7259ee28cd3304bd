"""The inbox of a project: which operations wait for somebody's answer, without looking into every execution.

An operation is noted when its question is announced, and the note goes when the answer or the timeout is recorded, or
its execution ends. Whoever carries out either may die before; so a note is a hint: whoever shows it looks whether the
operation still waits, and notes expire long after anybody could answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

from polos.core.journal import Entry, Kind
from polos.ports import Delete, Key, Ports, Put, Record
from polos.runtime import names

FORMAT: Final = 1
KEPT_SECONDS: Final = 400 * 86_400.0
_PREFIX: Final = "suspend:"


@dataclass(frozen=True, slots=True)
class Note:
    """An operation that was asked at `asked_at` (epoch milliseconds) and may still wait. `key` is its step key."""

    execution: str
    workflow: str
    key: str
    asked_at: int


class Inbox:
    """The notes of one project."""

    def __init__(self, ports: Ports, project: str) -> None:
        self._ports = ports
        self._project = project

    def add(self, note: Note) -> None:
        """Note it. A repeat does nothing new."""
        order = f"{note.asked_at:013d}|{note.execution}|{note.key}"
        data = {"v": FORMAT, "workflow": note.workflow, "asked_at": note.asked_at}
        self._ports.records.write(
            Put(
                self._key(note.execution, note.key),
                json.dumps(data, ensure_ascii=False),
                index={"created": (names.inbox(self._project), order)},
                expires_at=note.asked_at / 1000 + KEPT_SECONDS,
            )
        )

    def remove(self, execution: str, keys: list[str]) -> None:
        """Nobody is asked that any more."""
        for key in keys:
            self._ports.records.write(Delete(self._key(execution, key)))

    def page(self, limit: int, cursor: str | None) -> tuple[list[Note], str | None]:
        """Notes, the oldest first, and where to go on."""
        page = self._ports.records.find("created", names.inbox(self._project), limit=limit, cursor=cursor)
        return [_note(record) for record in page.records], page.cursor

    def _key(self, execution: str, key: str) -> Key:
        return Key(names.inbox(self._project), f"{execution}|{key}")


def answered(entries: list[Entry]) -> list[str]:
    """The step keys of suspended operations that these entries answer."""
    kinds = (Kind.DONE, Kind.FAILED, Kind.SIGNAL)
    return [
        entry.address.removeprefix(_PREFIX)
        for entry in entries
        if entry.kind in kinds and entry.address.startswith(_PREFIX)
    ]


def _note(record: Record) -> Note:
    data = json.loads(record.value)
    execution, _, key = record.key.sort.partition("|")
    return Note(execution, data["workflow"], key, data["asked_at"])
