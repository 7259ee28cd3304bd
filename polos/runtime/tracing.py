"""Spans of executions, steps and `ctx.step.trace`, derived from the journal.

A trace is a root execution and everything below it. Every id is derived, and only whoever appended the entry that ends
a span exports it, so a replay exports nothing twice; a redelivery exports the same span with the same ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from polos.core.ids import digest
from polos.core.journal import END, Entry, Kind
from polos.core.start import StartInfo


@dataclass(frozen=True, slots=True)
class Span:
    """Something that took time. Ids are hexadecimal as in OpenTelemetry; times are epoch milliseconds."""

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    start: int
    end: int
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: str | None = None


class Tracer(Protocol):
    """Where spans go."""

    def export(self, spans: list[Span]) -> None:
        """Take finished spans; must not raise for a collector that is away."""
        ...


def trace_id(info: StartInfo) -> str:
    """The trace of everything under one root execution."""
    return digest(info.project, "trace", info.root_execution or info.execution)[:16].hex()


def span_id(project: str, execution: str, address: str = "") -> str:
    """The span of an execution, or of one operation of it."""
    return digest(project, "span", execution, address)[:8].hex()


def spans_of(info: StartInfo, started_at: int, entries: list[Entry]) -> list[Span]:
    """The spans that these entries end: attempts of steps, and the execution itself."""
    return [span for entry in entries if (span := _span(info, started_at, entry)) is not None]


def _span(info: StartInfo, started_at: int, entry: Entry) -> Span | None:
    error = str(entry.error.get("message", "")) if entry.error else None
    if entry.address == END:
        parent = span_id(info.project, info.parent_execution) if info.parent_execution else None
        attributes = {
            "polos.workflow": info.workflow,
            "polos.execution": info.execution,
            **(entry.extra or {}),
        }
        attributes.pop("state", None)
        own = span_id(info.project, info.execution)
        return Span(trace_id(info), own, parent, info.workflow, started_at, entry.at, attributes, error)
    if entry.started is None or entry.kind not in (Kind.DONE, Kind.FAILED, Kind.RETRY):
        return None
    address = f"{entry.address}@{entry.attempt}"
    attributes = {
        "polos.execution": info.execution,
        "polos.step": entry.address,
        "polos.attempt": entry.attempt,
    }
    own = span_id(info.project, info.execution, address)
    parent = span_id(info.project, info.execution)
    return Span(trace_id(info), own, parent, entry.address, entry.started, entry.at, attributes, error)


def trace_span(
    info: StartInfo, name: str, number: int, *, times: tuple[int, int], attributes: Mapping[str, Any]
) -> Span:
    """The span of the `number`-th `ctx.step.trace` of an execution."""
    own = span_id(info.project, info.execution, f"trace:{number}:{name}")
    parent = span_id(info.project, info.execution)
    return Span(trace_id(info), own, parent, name, *times, attributes)
