"""`polos status` and `polos result`: how far an execution is, and what it gave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from polos.cli.codes import execution_of, load_code_of
from polos.cli.documents import milliseconds, short
from polos.cli.exits import Exit
from polos.cli.options import Execution
from polos.cli.progress import working
from polos.cli.reaching import Reached, asking
from polos.cli.reporting import end_of, say_what_happened
from polos.cli.words import STATUS_STYLES, age, now_ms, seconds
from polos.errors import ExecutionError, ResultTimeout


@asking()
def status(to: Reached, execution_id: Execution) -> None:
    """Show how far an execution is: its status, its times, its error, and what it waits for.

    Exit codes: 0 it is there, whatever its status; 2 there is no such execution.
    """
    execution = execution_of(to, execution_id)
    waits = waiting_for(to, execution)
    if to.as_json:
        to.print_json({**execution, "suspensions": waits})
        return
    console = Console(highlight=False, soft_wrap=True)
    for line in lines_of(execution, waits):
        console.print(line)


def waiting_for(to: Reached, execution: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The steps of an execution that wait for an answer."""
    if execution["ended"] or execution["status"] in ("queued", "stalled"):
        return []
    if load_code_of(to, execution["id"]) is not None:
        return []
    return to.ask(to.client.list_suspensions(execution["id"]))


def lines_of(execution: Mapping[str, Any], waits: Sequence[Mapping[str, Any]]) -> list[Text]:
    """A status for people."""
    name, state = execution["id"], execution["status"]
    lines = [
        Text.assemble(
            (state, STATUS_STYLES.get(state, "cyan")),
            f"  {execution['workflow_id']}  {name}  {_times(execution)}",
        )
    ]
    if execution.get("error"):
        error = execution["error"]
        where = f" in step {error['step']!r}" if error.get("step") else ""
        kind = error.get("cause") or error.get("type") or "error"
        lines.append(Text.assemble(("  error  ", "red"), f"{kind}: {error.get('message', '')}{where}"))
    if state == "completed":
        lines.append(Text(f"  result  {short(execution.get('result'), 200)}"))
    lines += [Text(f"  {text}") for text in next_steps(name, state, waits)]
    return lines


def next_steps(execution: str, state: str, waits: Sequence[Mapping[str, Any]]) -> list[str]:
    """What a person may do now."""
    answers = [
        f"waits for an answer to {one['step_key']!r} ({short(one['data'])}):\n"
        f"    polos resume {execution} --step {one['step_key']} --data JSON"
        for one in waits
    ]
    match state:
        case "stalled":
            return [f"goes on once its cause is mended:\n    polos resume {execution}"]
        case "failed" | "cancelled" | "timed_out":
            return [f"goes on from where it failed:\n    polos retry {execution}"]
        case "paused":
            return [f"paused:\n    polos unpause {execution}"]
        case _:
            return answers


def _times(execution: Mapping[str, Any]) -> str:
    created = milliseconds(execution["created_at"]) or 0
    ended = milliseconds(execution["completed_at"])
    if ended is not None:
        return f"took {seconds(ended - created)}, {age(ended)} ago"
    return f"since {age(created)}"


@asking()
def result(
    to: Reached,
    execution_id: Execution,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it has ended.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds to wait at most; the execution goes on.")
    ] = None,
) -> None:
    """Print the result of an execution as JSON.

    Exit codes: 0 it completed; 1 it failed, was cancelled or timed out; 2 there is no such execution; 4 it stalled;
    5 it has not ended yet.
    """
    if wait or timeout is not None:
        _wait(to, execution_id, timeout)
    execution = execution_of(to, execution_id)
    if to.as_json:
        fields = ("id", "workflow_id", "status", "result", "error")
        to.print_json({name: execution.get(name) for name in fields})
    elif execution["status"] == "completed":
        typer.echo(json.dumps(execution["result"], ensure_ascii=False, indent=2))
    if not execution["ended"] and execution["status"] != "stalled":
        to.say(
            f"it has not ended: it is {execution['status']} since {_since(execution)}; --wait waits for it"
        )
        raise typer.Exit(Exit.UNDER_WAY)
    error, code = end_of(execution)
    if error is not None:
        if not to.as_json:
            say_what_happened(execution["workflow_id"], execution["status"], error)
        raise typer.Exit(code)


def _since(execution: Mapping[str, Any]) -> str:
    return seconds(now_ms() - (milliseconds(execution["created_at"]) or 0))


def _wait(to: Reached, execution_id: str, timeout: float | None) -> None:
    to.remind_of_workers()
    try:
        with working(f"waiting for {execution_id}"):
            to.ask(to.client.wait_result(execution_id, timeout))
    except (ExecutionError, ResultTimeout):
        return  # told by what the record says, below
