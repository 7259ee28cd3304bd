"""Executions as the API shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from polos.core.journal import Entry as JournalEntry
from polos.core.start import StartInfo
from polos.runtime import names
from polos.runtime.executions import Meta, decode
from polos.runtime.service import Service
from polos.runtime.timeline import Item
from polos.runtime.timeline import Timeline as Story
from polos.server.models.executions import (
    Attempt,
    ChildSummary,
    Entry,
    Execution,
    Operation,
    Started,
    Stored,
    Summary,
    Timeline,
    Wait,
)
from polos.server.models.steps import AttemptLog, LogLine
from polos.server.values import to_outside

LARGEST: Final = 5_000_000
"""Bytes of payload and result in one answer. Lambda answers with up to 6 MB; the stored form comes quoted beside."""
SHORT: Final = 4_000
"""Bytes of a value in a timeline, which may have thousands."""


def moment(milliseconds: int | None) -> datetime | None:
    """Epoch milliseconds as a time, UTC."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def started(info: StartInfo) -> Started:
    """An execution that was just started."""
    return Started(
        id=info.execution,
        workflow_id=info.workflow,
        created_at=datetime.fromtimestamp(info.created_at / 1000, UTC),
        root_workflow_id=info.root_workflow or info.workflow,
        root_execution_id=info.root_execution or info.execution,
        parent_execution_id=info.parent_execution,
        session_id=info.session,
        user_id=info.user,
    )


def _fields(meta: Meta) -> dict[str, Any]:
    info = meta.info
    return {
        "id": info.execution,
        "workflow_id": info.workflow,
        "kind": info.kind,
        "status": meta.status,
        "ended": meta.ended,
        "created_at": moment(info.created_at),
        "started_at": moment(meta.started_at),
        "completed_at": moment(meta.completed_at),
        "updated_at": moment(meta.updated_at),
        "parent_execution_id": info.parent_execution,
        "root_execution_id": info.root_execution or info.execution,
        "root_workflow_id": info.root_workflow or info.workflow,
        "session_id": info.session,
        "user_id": info.user,
        "deployment_id": info.deployment,
        "queue": info.queue,
        "concurrency_key": info.concurrency_key,
        "priority": info.priority,
        "attributes": dict(info.attributes),
        "error_message": None if meta.error is None else str(meta.error.get("message", "")),
    }


def summary(meta: Meta) -> Summary:
    """An execution in a list: without what may be large."""
    return Summary(**_fields(meta))


def execution(service: Service, meta: Meta, *, stored: bool = False) -> Execution:
    """An execution. `stored`: with its payload and result as they are stored."""
    definition = service.registry.find(meta.info.workflow)
    kept, omitted = _fitting(meta, LARGEST // 3 if stored else LARGEST)
    payload, result = kept.get("payload"), kept.get("result")
    return Execution(
        **_fields(meta),
        payload=to_outside(payload, definition.payload_codec if definition else None),
        result=to_outside(result, definition.result_codec if definition else None),
        error=None if meta.error is None else dict(meta.error),
        copy_of=meta.info.copy_of,
        copies=list((meta.extra or {}).get("copies") or []),
        stored=Stored(payload=payload, result=result) if stored else None,
        omitted=omitted,
    )


def _fitting(meta: Meta, limit: int) -> tuple[dict[str, str], list[str]]:
    """The values that fit into one answer, the result before the payload, and the names of those that do not."""
    kept: dict[str, str] = {}
    omitted = []
    for name, text in _values(meta):
        size = len(text.encode())
        if size <= limit:
            kept[name], limit = text, limit - size
        else:
            omitted.append(name)
    return kept, omitted


def _values(meta: Meta) -> Iterator[tuple[str, str]]:
    if meta.status == "completed" and meta.result is not None:
        yield "result", meta.result
    yield "payload", meta.info.payload


def entry(position: int, fact: JournalEntry) -> Entry:
    """An entry of a journal."""
    return Entry(
        position=position,
        kind=fact.kind.value,
        address=fact.address,
        at=datetime.fromtimestamp(fact.at / 1000, UTC),
        started_at=moment(fact.started),
        attempt=fact.attempt,
        value=None if fact.value is None else json.loads(fact.value),
        error=None if fact.error is None else dict(fact.error),
        extra=None if fact.extra is None else dict(fact.extra),
    )


def child_summaries(service: Service, items: Sequence[Item]) -> dict[str, ChildSummary]:
    """How far the children of these operations are, by their ids; asked for together."""
    keys = {names.meta(service.project, item.child) for item in items if item.child}
    found = service.ports.records.get_many(sorted(keys)) if keys else {}
    return {meta.info.execution: _child(meta) for meta in map(decode, found.values())}


def _child(meta: Meta) -> ChildSummary:
    info = meta.info
    return ChildSummary(
        id=info.execution,
        workflow_id=info.workflow,
        kind=info.kind,
        status=meta.status,
        created_at=datetime.fromtimestamp(info.created_at / 1000, UTC),
        started_at=moment(meta.started_at),
        completed_at=moment(meta.completed_at),
    )


def timeline(
    story: Story,
    now_ms: int,
    *,
    items: Sequence[tuple[int, Item]] | None = None,
    summaries: Mapping[str, ChildSummary] | None = None,
    next_offset: int | None = None,
) -> Timeline:
    """An execution with its operations, or with `items` of them, each with its place in the order of the code."""
    shown = enumerate(story.items) if items is None else items
    return Timeline(
        execution_id=story.execution,
        workflow_id=story.workflow,
        status=story.status,
        created_at=datetime.fromtimestamp(story.created / 1000, UTC),
        started_at=moment(story.started),
        ended_at=moment(story.ended),
        cancel_asked_at=moment(story.cancel_asked),
        complete=story.complete,
        position=story.position,
        total=len(story.items),
        next_offset=next_offset,
        operations=[operation(item, index, now_ms, summaries or {}) for index, item in shown],
    )


def logs(item: Item) -> list[AttemptLog]:
    """What the attempts of an operation have logged."""
    return [
        AttemptLog(
            attempt=attempt.number,
            lines=[
                LogLine(
                    at=datetime.fromtimestamp(line.at / 1000, UTC),
                    level=line.level,
                    logger=line.logger,
                    text=line.text,
                )
                for line in attempt.logs
            ],
            left_out=attempt.logs_left_out,
        )
        for attempt in item.attempts
        if attempt.logs or attempt.logs_left_out
    ]


def operation(item: Item, index: int, now_ms: int, summaries: Mapping[str, ChildSummary]) -> Operation:
    """One operation, the `index`th of the code."""
    size = None if item.value is None else len(item.value.encode())
    waits = None
    if item.waits_for is not None:
        waits = Wait.model_validate({"for": item.waits_for, "topic": item.topic, "until": moment(item.due)})
    return Operation(
        index=index,
        address=item.address,
        verb=item.verb,
        key=item.key,
        stage=item.stage_at(now_ms).value,
        attempts=[
            Attempt(
                number=attempt.number,
                started_at=moment(attempt.started),
                ended_at=moment(attempt.ended),
                error=None if attempt.error is None else dict(attempt.error),
            )
            for attempt in item.attempts
        ],
        issued_at=moment(item.asked),
        started_at=moment(item.started),
        ended_at=moment(item.ended),
        due_at=moment(item.due),
        wait=waits,
        child=item.child,
        child_summary=summaries.get(item.child or ""),
        value=to_outside(item.value, None) if size is not None and size <= SHORT else None,
        value_bytes=size,
    )
