"""The record of an execution (META): what fixes its id and input, and what lists show.

The record is a projection of the journal: it is written only over one made from a lower journal position, so a late
writer never turns time back (rule 11).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from polos.core.start import StartInfo
from polos.errors import StoreTooNew
from polos.ports import ABSENT, Key, Put, Record, Records
from polos.runtime import names

FORMAT: Final = 1
LOOKED_AT: Final = "looked_at"
ENDED: Final = frozenset({"completed", "failed", "cancelled", "timed_out", "continued"})


@dataclass(frozen=True, slots=True)
class Meta:
    """An execution as its record holds it. Times are epoch milliseconds; `result` is JSON text."""

    info: StartInfo
    status: str
    position: int
    updated_at: int
    version: int
    started_at: int | None = None
    completed_at: int | None = None
    result: str | None = None
    error: Mapping[str, Any] | None = None
    extra: Mapping[str, Any] | None = None

    @property
    def ended(self) -> bool:
        """Whether this status is final."""
        return self.status in ENDED


def encode(meta: Meta) -> str:
    """The stored form, version 1."""
    data = {
        "v": FORMAT,
        "start": meta.info.to_data(),
        "status": meta.status,
        "position": meta.position,
        "updated_at": meta.updated_at,
        "started_at": meta.started_at,
        "completed_at": meta.completed_at,
        "result": meta.result,
        "error": meta.error,
        "extra": meta.extra,
    }
    kept = {name: value for name, value in data.items() if value is not None}
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":"))


def decode(record: Record) -> Meta:
    """Read a record. Raises `StoreTooNew` for a later format."""
    data = json.loads(record.value)
    if data["v"] > FORMAT:
        raise StoreTooNew(
            f"the record {record.key.partition!r} was written by a newer version of polos; upgrade"
        )
    return Meta(
        info=StartInfo.from_data(data["start"]),
        status=data["status"],
        position=data["position"],
        updated_at=data["updated_at"],
        version=record.version,
        started_at=data.get("started_at"),
        completed_at=data.get("completed_at"),
        result=data.get("result"),
        error=data.get("error"),
        extra=data.get("extra"),
    )


def _session(info: StartInfo, session: str) -> Put:
    """The note that an agent was asked in a session, the latest over the earlier ones."""
    data = {"v": FORMAT, "execution": info.execution, "user": info.user, "at": info.created_at}
    partition = names.sessions(info.project)
    order = f"{info.created_at:013d}|{info.workflow}|{session}"
    key = Key(partition, f"{len(info.workflow)}|{info.workflow}|{session}")
    return Put(key, json.dumps(data, ensure_ascii=False), index={"created": (partition, order)})


@dataclass(frozen=True, slots=True)
class SessionNote:
    """A session with an agent: by whom, when (epoch milliseconds) and by which execution it was used last."""

    agent: str
    session: str
    execution: str
    user: str | None
    at: int


def sessions(
    records: Records, project: str, limit: int, cursor: str | None
) -> tuple[list[SessionNote], str | None]:
    """The sessions of a project, the one used last first, and where to go on."""
    page = records.find("created", names.sessions(project), limit=limit, reverse=True, cursor=cursor)
    found = []
    for record in page.records:
        length, _, rest = record.key.sort.partition("|")
        agent, session = rest[: int(length)], rest[int(length) + 1 :]
        data = json.loads(record.value)
        found.append(SessionNote(agent, session, data["execution"], data.get("user"), data["at"]))
    return found, page.cursor


class Executions:
    """Reading and writing the records of executions."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def create(self, info: StartInfo) -> bool:
        """Put the record in status queued. False if there is one of that id (it stays as it is).

        Attributes are found by records of their own, written in the same transaction.
        """
        meta = Meta(info=info, status="queued", position=0, updated_at=info.created_at, version=0)
        found_by = [
            Put(
                names.attribute(
                    info.project, name, value, created_at=info.created_at, execution=info.execution
                ),
                info.execution,
            )
            for name, value in info.attributes.items()
        ]
        created = self._records.write(self._put(meta, expect=ABSENT), *found_by)
        if created and info.kind == "agent" and info.session is not None:
            self._records.write(_session(info, info.session))
        return created

    def get(self, project: str, execution: str) -> Meta | None:
        """The record, strongly consistent, or None."""
        record = self._records.get(names.meta(project, execution))
        return None if record is None else decode(record)

    def project(self, project: str, execution: str, position: int, change: Mapping[str, Any]) -> None:
        """Write what the journal says at `position`, unless the record is that far already.

        A stall is written over the status of the same position, and what follows a stall likewise.
        """
        while True:
            meta = self.get(project, execution)
            if meta is None or meta.position > position or meta.ended:
                return
            if meta.position == position and "stalled" not in (meta.status, change.get("status")):
                return
            if self.replace(meta, position=position, change=change):
                return

    def replace(self, meta: Meta, *, position: int, change: Mapping[str, Any]) -> Meta | None:
        """Write over exactly the record that was read; gives what stands now. None if somebody else was first."""
        fields = {name: getattr(meta, name) for name in Meta.__dataclass_fields__}
        changed = Meta(**{**fields, **change, "position": position, "version": meta.version + 1})
        return changed if self._records.write(self._put(changed, expect=meta.version)) else None

    def looked_at(self, meta: Meta, at: int) -> bool:
        """Note that the sweeper has looked at it, so that others come first for a while. False: it has moved."""
        change = {"extra": {**(meta.extra or {}), LOOKED_AT: at}}
        return self.replace(meta, position=meta.position, change=change) is not None

    def _put(self, meta: Meta, *, expect: int) -> Put:
        info = meta.info
        touched = max(meta.updated_at, int((meta.extra or {}).get(LOOKED_AT, 0)))
        order = f"{info.created_at:013d}|{info.execution}"
        index = {
            "created": (f"{info.project}|executions", order),
            "status": (f"{info.project}|status|{meta.status}", f"{touched:013d}|{info.execution}"),
            "workflow": (f"{info.project}|workflow|{info.workflow}", order),
            "tree": (f"{info.project}|tree|{info.root_execution or info.execution}", order),
        }
        expires = None
        if meta.completed_at is not None and info.retention is not None:
            expires = meta.completed_at / 1000 + info.retention
        key = names.meta(info.project, info.execution)
        return Put(key, encode(meta), expect=expect, index=index, expires_at=expires)
