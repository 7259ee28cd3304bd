"""Answers of a client as the views of the command line read them: JSON in, the timeline's own classes out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from polos.runtime.timeline import Attempt, Item, Stage, Timeline


def milliseconds(text: str | None) -> int | None:
    """A time of a document in epoch milliseconds."""
    return None if text is None else round(datetime.fromisoformat(text).timestamp() * 1000)


def timeline_of(told: Mapping[str, Any], execution: Mapping[str, Any] | None = None) -> Timeline:
    """A timeline from its document; with the result and the error that only the execution's own document tells."""
    known = execution or {}
    result = known.get("result") if known.get("status") == "completed" else None
    return Timeline(
        execution=told["execution_id"],
        workflow=told["workflow_id"],
        status=told["status"],
        created=milliseconds(told["created_at"]) or 0,
        items=tuple(item_of(operation) for operation in told["operations"]),
        started=milliseconds(told["started_at"]),
        ended=milliseconds(told["ended_at"]),
        cancel_asked=milliseconds(told["cancel_asked_at"]),
        result=None if result is None else json.dumps(result, ensure_ascii=False),
        error=known.get("error"),
        complete=told["complete"],
    )


def item_of(told: Mapping[str, Any]) -> Item:
    """An operation from its document."""
    return Item(
        address=told["address"],
        stage=Stage(told["stage"]),
        attempts=tuple(
            Attempt(
                one["number"], milliseconds(one["started_at"]), milliseconds(one["ended_at"]), one["error"]
            )
            for one in told["attempts"]
        ),
        started=milliseconds(told["started_at"]),
        ended=milliseconds(told["ended_at"]),
        due=milliseconds(told["due_at"]),
        child=told["child"],
        value=None if told["value"] is None else json.dumps(told["value"], ensure_ascii=False),
    )


def short(value: Any, width: int = 80) -> str:
    """A value as JSON in one line, cut where it is long."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= width else text[: width - 1] + "…"


def document_of(execution: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """What `--json` gives at the end of a command that follows an execution: times are epoch milliseconds."""
    return {
        "execution_id": execution["id"],
        "workflow_id": execution["workflow_id"],
        "status": execution["status"],
        "result": execution.get("result") if execution["status"] == "completed" else None,
        "error": execution.get("error"),
        "created_at": milliseconds(execution["created_at"]),
        "started_at": milliseconds(execution["started_at"]),
        "completed_at": milliseconds(execution["completed_at"]),
        "steps": told["operations"],
    }
