"""What a command says about an execution that has ended: its result on stdout, anything else on stderr."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import typer

from polos.cli.exits import Exit, exit_code
from polos.core.definitions import Registry
from polos.errors import ExecutionError
from polos.runtime.executions import Meta
from polos.runtime.service import ERRORS, Service
from polos.runtime.timeline import Item, Timeline
from polos.server.values import to_outside


@dataclass(frozen=True, slots=True)
class Manner:
    """How a command speaks. `source` is the file or module of the code: for the message that says how to go on."""

    source: str
    as_json: bool = False
    verbose: bool = False


def report(service: Service, meta: Meta, timeline: Timeline, manner: Manner) -> None:
    """Print the result of an execution that has ended or stalled; leave with its exit code if it is not 0."""
    error: ExecutionError | None = None
    try:
        service.result(meta)
    except ExecutionError as raised:
        error = raised
    if manner.as_json:
        typer.echo(json.dumps(document(timeline, service.registry), ensure_ascii=False, indent=2))
    elif error is None:
        typer.echo(json.dumps(_result(timeline, service.registry), ensure_ascii=False, indent=2))
    if error is None:
        return
    if not manner.as_json:
        stored = {"message": str(error), **error.error}
        say_what_happened(meta.info.workflow, meta.status, stored)
        if manner.verbose:
            _show_traceback(timeline, error)
    if meta.status == "stalled":
        say_how_to_resume("once that is mended, it goes on", meta.info.execution, manner.source)
    raise typer.Exit(exit_code(error))


def document(timeline: Timeline, known: Registry) -> dict[str, Any]:
    """The answer of `--json`: plain JSON of results and errors; times are epoch milliseconds."""
    return {
        "execution_id": timeline.execution,
        "workflow_id": timeline.workflow,
        "status": timeline.status,
        "result": _result(timeline, known) if timeline.status == "completed" else None,
        "error": timeline.error,
        "created_at": timeline.created,
        "started_at": timeline.started,
        "completed_at": timeline.ended,
        "steps": [_step(item) for item in timeline.items],
    }


def say_how_to_resume(why: str, execution: str, source: str) -> None:
    """Name the command with which an execution goes on."""
    typer.echo(f"{why}: polos resume {execution} {source}", err=True)


def _result(timeline: Timeline, known: Registry) -> Any:
    definition = known.find(timeline.workflow)
    return to_outside(timeline.result, definition.result_codec if definition else None)


def _step(item: Item) -> dict[str, Any]:
    data = asdict(item)
    data["result"] = to_outside(data.pop("value"), None)
    return data


def say_what_happened(workflow: str, status: str, stored: Mapping[str, Any]) -> None:
    """One message on stderr: which workflow, which step, which error."""
    head = f"{workflow} {status.replace('_', ' ')}"
    if stored.get("step"):
        attempts = stored.get("attempts", 1)
        head += f": step {stored['step']!r}" + (f" after {attempts} attempts" if attempts > 1 else "")
    kind = stored.get("cause") or stored.get("type")
    text = stored.get("message") or ""
    said = ": ".join(str(part) for part in (kind, text) if part)
    typer.secho(head + (": " if said else ""), fg=typer.colors.RED, nl=False, err=True)
    typer.echo(said, err=True)


def end_of(execution: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, Exit]:
    """The error of an execution that has ended or stalled, from its document, and the exit code that fits."""
    kind = ERRORS.get(execution["status"])
    if kind is None:
        return None, Exit.OK
    error = execution.get("error") or {}
    return error, exit_code(kind(str(error.get("message", "")), execution_id=execution["id"], error=error))


def _show_traceback(timeline: Timeline, error: ExecutionError) -> None:
    """Of the step that failed, if it was one: there the mistake is; else of the workflow's own code."""
    failed = [item.error for item in timeline.items if item.key == error.error.get("step") and item.error]
    for stored in (*failed, error.error):
        if stored.get("traceback"):
            typer.echo(stored["traceback"], err=True)
            return
