"""Export spans over OTLP: `pip install polos-worker[otel]`.

    tracer = otlp_tracer(endpoint="http://localhost:4318/v1/traces")

Without it the journal holds the same times: `polos show` and the dashboard draw them from there.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from polos.errors import InvalidDefinition
from polos.runtime.tracing import Span

log = logging.getLogger("polos.tracing")


class OtelTracer:
    """Hands spans to an OpenTelemetry span exporter, with the ids that polos derived."""

    def __init__(self, exporter: Any, *, service: str = "polos") -> None:
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - an optional package

        self._exporter = exporter
        self._resource = Resource.create({"service.name": service})

    def export(self, spans: list[Span]) -> None:
        """Convert and export. A collector that is away costs a log line, never an execution."""
        try:
            self._exporter.export([self._readable(span) for span in spans])
        except Exception:  # whatever an exporter raises
            log.exception("%d spans were not exported", len(spans))

    def _readable(self, span: Span) -> Any:
        from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
        from opentelemetry.trace import Status, StatusCode  # noqa: PLC0415

        status = Status(StatusCode.OK) if span.error is None else Status(StatusCode.ERROR, span.error)
        return ReadableSpan(
            name=span.name,
            context=_context(span.trace_id, span.span_id),
            parent=_context(span.trace_id, span.parent_id) if span.parent_id else None,
            resource=self._resource,
            attributes=_attributes(span.attributes),
            status=status,
            start_time=span.start * 1_000_000,
            end_time=span.end * 1_000_000,
        )


def otlp_tracer(endpoint: str | None = None, *, service: str = "polos") -> OtelTracer:
    """A tracer that exports over OTLP/HTTP. Raises `InvalidDefinition` if the extra is not installed."""
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
    except ImportError as error:
        raise InvalidDefinition("tracing over OTLP needs an extra: pip install polos-worker[otel]") from error
    return OtelTracer(OTLPSpanExporter(endpoint=endpoint), service=service)


def _context(trace: str, span: str | None) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415

    sampled = TraceFlags(TraceFlags.SAMPLED)
    return SpanContext(int(trace, 16), int(span or "0", 16), is_remote=False, trace_flags=sampled)


def _attributes(given: Any) -> dict[str, Any]:
    simple = (str, bool, int, float)
    kept = {}
    for name, value in given.items():
        many = isinstance(value, Sequence) and all(isinstance(item, simple) for item in value)
        kept[name] = value if isinstance(value, simple) or many else str(value)
    return kept
