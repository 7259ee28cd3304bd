"""What a command says about an execution that has ended: its result on stdout, anything else on stderr."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import typer

from polos.cli.exits import exit_code
from polos.errors import ExecutionError
from polos.runtime.executions import Meta
from polos.runtime.service import Service
from polos.runtime.timeline import Item, Timeline


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
        typer.echo(json.dumps(document(timeline), ensure_ascii=False, indent=2))
    elif error is None:
        typer.echo(json.dumps(_value(timeline.result), ensure_ascii=False, indent=2))
    if error is None:
        return
    if not manner.as_json:
        _say_what_happened(meta, error, verbose=manner.verbose)
    if meta.status == "stalled":
        say_how_to_resume("once that is mended, it goes on", meta.info.execution, manner.source)
    raise typer.Exit(exit_code(error))


def document(timeline: Timeline) -> dict[str, Any]:
    """The answer of `--json`: plain data; times are epoch milliseconds."""
    return {
        "execution_id": timeline.execution,
        "workflow_id": timeline.workflow,
        "status": timeline.status,
        "result": _value(timeline.result) if timeline.status == "completed" else None,
        "error": timeline.error,
        "created_at": timeline.created,
        "started_at": timeline.started,
        "completed_at": timeline.ended,
        "steps": [_step(item) for item in timeline.items],
    }


def say_how_to_resume(why: str, execution: str, source: str) -> None:
    """Name the command with which an execution goes on."""
    typer.echo(f"{why}: polos resume {execution} {source}", err=True)


def _value(text: str | None) -> Any:
    return None if text is None else json.loads(text)


def _step(item: Item) -> dict[str, Any]:
    data = asdict(item)
    data["result"] = _value(data.pop("value"))
    return data


def _say_what_happened(meta: Meta, error: ExecutionError, *, verbose: bool) -> None:
    stored = error.error
    head = f"{meta.info.workflow} {meta.status.replace('_', ' ')}"
    if stored.get("step"):
        attempts = stored.get("attempts", 1)
        head += f": step {stored['step']!r}" + (f" after {attempts} attempts" if attempts > 1 else "")
    kind = stored.get("cause") or stored.get("type")
    text = stored.get("message") or str(error)
    typer.secho(f"{head}: ", fg=typer.colors.RED, nl=False, err=True)
    typer.echo(f"{kind}: {text}" if kind else text, err=True)
    if verbose and stored.get("traceback"):
        typer.echo(stored["traceback"], err=True)
