"""Following an execution that a server runs: the same view, result and exit codes as for one that runs here."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

import typer
from rich.console import Console

from polos.cli.documents import document_of, timeline_of
from polos.cli.exits import Exit
from polos.cli.reaching import Reached
from polos.cli.reporting import end_of, say_what_happened
from polos.cli.view import View, view_on

LOOK_SECONDS: Final = 0.5


def follow_remote(to: Reached, execution: str) -> None:
    """Show an execution until it ends, print what it gave, and leave with the exit code that fits."""
    try:
        with view_on(Console(stderr=True, highlight=False), silent=to.as_json) as view:
            told = to.ask(_watch(to, execution, view))
    except KeyboardInterrupt:
        typer.echo(f"interrupted; it goes on: polos show {execution} --follow", err=True)
        raise typer.Exit(Exit.INTERRUPTED) from None
    error, code = end_of(told)
    if to.as_json:
        to.print_json(document_of(told, to.ask(to.client.get_timeline(told["id"]))))
    elif error is None:
        typer.echo(json.dumps(told["result"], ensure_ascii=False, indent=2))
    if error is None:
        return
    if not to.as_json:
        say_what_happened(told["workflow_id"], told["status"], error)
    if told["status"] == "stalled":
        to.say(f"once that is mended, it goes on: polos resume {told['id']}")
    raise typer.Exit(code)


async def _watch(to: Reached, execution: str, view: View) -> dict[str, Any]:
    """The execution's document when it has ended or stalled; that of the last one if it was continued as another."""
    while True:
        told = await to.client.get_execution(execution)
        view.show(timeline_of(await to.client.get_timeline(execution), told))
        if told["ended"] or told["status"] == "stalled":
            return told
        await asyncio.sleep(LOOK_SECONDS)
