"""The command `polos`: one line per command. A command is a function, loaded when it is called."""

from __future__ import annotations

from importlib.metadata import version as distribution_version
from typing import Annotated

import typer

from polos.cli.lazy import LazyGroup


class Commands(LazyGroup):
    """The commands of `polos`, and where each is."""

    homes = {  # noqa: RUF012 (a constant of the class, declared so by its base)
        "run": "polos.cli.run",
        "resume": "polos.cli.resume",
        "retry": "polos.cli.retry",
        "fork": "polos.cli.retry",
        "dev": "polos.cli.dev",
        "build": "polos.cli.build",
        "diff": "polos.cli.build",
        "deploy": "polos.cli.deploy",
        "destroy": "polos.cli.deploy",
        "logs": "polos.cli.deploy",
        "cost": "polos.cli.cost",
        "keys": "polos.cli.keys",
    }


app = typer.Typer(
    name="polos", cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


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
