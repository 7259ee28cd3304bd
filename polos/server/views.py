"""Executions as the API shows them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from polos.core.journal import Entry as JournalEntry
from polos.core.start import StartInfo
from polos.runtime.executions import Meta
from polos.runtime.service import Service
from polos.runtime.timeline import Item
from polos.runtime.timeline import Timeline as Story
from polos.server.models.executions import (
    Attempt,
    Entry,
    Execution,
    Operation,
    Started,
    Stored,
    Summary,
    Timeline,
)
from polos.server.values import to_outside


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
    completed = meta.status == "completed"
    return Execution(
        **_fields(meta),
        payload=to_outside(meta.info.payload, definition.payload_codec if definition else None),
        result=to_outside(meta.result, definition.result_codec if definition else None)
        if completed
        else None,
        error=None if meta.error is None else dict(meta.error),
        copy_of=meta.info.copy_of,
        copies=list((meta.extra or {}).get("copies") or []),
        stored=Stored(payload=meta.info.payload, result=meta.result if completed else None)
        if stored
        else None,
    )


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


def timeline(story: Story, now_ms: int) -> Timeline:
    """An execution with its operations."""
    return Timeline(
        execution_id=story.execution,
        workflow_id=story.workflow,
        status=story.status,
        created_at=datetime.fromtimestamp(story.created / 1000, UTC),
        started_at=moment(story.started),
        ended_at=moment(story.ended),
        cancel_asked_at=moment(story.cancel_asked),
        complete=story.complete,
        operations=[_operation(item, now_ms) for item in story.items],
    )


def _operation(item: Item, now_ms: int) -> Operation:
    return Operation(
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
        started_at=moment(item.started),
        ended_at=moment(item.ended),
        due_at=moment(item.due),
        child=item.child,
        value=to_outside(item.value, None),
    )
