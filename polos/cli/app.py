"""The command `polos`: one line per command. A command is a function in a module of its own."""

from __future__ import annotations

from importlib.metadata import version as distribution_version
from typing import Annotated

import typer

from polos.cli.build import build, diff
from polos.cli.cost import cost
from polos.cli.deploy import deploy, destroy, logs
from polos.cli.dev import dev
from polos.cli.resume import resume
from polos.cli.retry import fork, retry
from polos.cli.run import run

COMMANDS = (run, resume, retry, fork, dev, build, diff, deploy, destroy, logs, cost)

app = typer.Typer(name="polos", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)


def _version(value: bool) -> None:
    if value:
        typer.echo(distribution_version("polos-worker"))
        raise typer.Exit


@app.callback()
def polos_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Durable workflows and AI agents.

    Exit codes: 0 done; 1 the execution failed, was cancelled or timed out; 2 wrong usage or input; 3 the store cannot
    be used; 4 the execution stalled and goes on once that is mended; 130 interrupted, `polos resume` goes on.
    """


for command in COMMANDS:
    app.command()(command)
