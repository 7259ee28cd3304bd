"""What a journal says of the life of its execution, as events: a view, made when somebody reads; nothing is written.

    journal                     events
    $start                      workflow_start | agent_start | tool_start
    done    run:key             step_start, step_finish
    retry   run:key@n           step_start, step_fail with `retry_at`
    failed  run:key             step_start, step_fail
    $end                        ..._finish | ..._cancel | ..._fail

Results and payloads are left out: who may read the execution can ask for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from polos.core.journal import END, Entry, Kind, Outcome
from polos.core.models import StreamEvent
from polos.core.start import StartInfo

_STEP: Final = "run:"
_ENDS: Final = {
    Outcome.COMPLETED: "finish",
    Outcome.CONTINUED: "finish",
    Outcome.CANCELLED: "cancel",
    Outcome.FAILED: "fail",
    Outcome.TIMED_OUT: "fail",
}


def events_of(info: StartInfo, topic: str, entries: Sequence[Entry], start: int) -> list[StreamEvent]:
    """The events of entries `start`, `start + 1` ... of an execution's journal. `topic` is the run's."""
    found: list[StreamEvent] = []
    for position, entry in enumerate(entries, start):
        for number, (kind, at, data) in enumerate(_told(info, entry)):
            about = {"execution_id": info.execution, "workflow_id": info.workflow}
            found.append(
                StreamEvent(
                    id=f"{info.execution}-{position}-{number}",
                    sequence_id=position + 1,
                    topic=topic,
                    event_type=kind,
                    data={**data, "_metadata": about},
                    created_at=datetime.fromtimestamp(at / 1000, UTC),
                )
            )
    return found


def has_ended(entries: Sequence[Entry]) -> bool:
    """Whether the end is among them."""
    return any(entry.address == END for entry in entries)


def _told(info: StartInfo, entry: Entry) -> list[tuple[str, int, dict[str, Any]]]:
    """Type, time and data of the events of one entry."""
    if entry.kind is Kind.START:
        return [(f"{info.kind}_start", entry.at, {})]
    if entry.kind is Kind.END:
        outcome = Outcome((entry.extra or {})["status"])
        data: dict[str, Any] = {"status": outcome.value}
        if entry.error is not None:
            data["error"] = _error(entry.error)
        return [(f"{info.kind}_{_ENDS[outcome]}", entry.at, data)]
    if not entry.address.startswith(_STEP):
        return []
    return _step(entry)


def _step(entry: Entry) -> list[tuple[str, int, dict[str, Any]]]:
    about = {"step_key": entry.address.removeprefix(_STEP), "attempt": entry.attempt}
    begun = [("step_start", entry.started, about)] if entry.started is not None else []
    if entry.kind is Kind.DONE:
        return [*begun, ("step_finish", entry.at, about)]
    if entry.kind not in (Kind.FAILED, Kind.RETRY):
        return []
    failed: dict[str, Any] = {**about, "error": _error(entry.error or {})}
    if entry.kind is Kind.RETRY:
        failed["retry_at"] = (entry.extra or {}).get("due")
    return [*begun, ("step_fail", entry.at, failed)]


def _error(stored: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": stored.get("type", ""), "message": stored.get("message", "")}
