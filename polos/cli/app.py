"""The command `polos`: one line per command, grouped by task. A command is loaded when it is called."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version as distribution_version
from typing import Annotated, ClassVar, Final

import typer

from polos.cli.lazy import Home, LazyGroup

BEGIN: Final = "Begin"
RUN: Final = "Run"
LOOK: Final = "Look"
ACT: Final = "Act"
THINGS: Final = "What there is"
DEPLOY: Final = "Deploy"


class Commands(LazyGroup):
    """The commands of `polos`, and where each is."""

    homes: ClassVar[Mapping[str, Home]] = {
        "init": Home("polos.cli.init", "Begin a project: an app, its tests, and a README.", BEGIN),
        "dev": Home(
            "polos.cli.dev", "Serve an app here: API, dashboard, workers; reloads on a change.", BEGIN
        ),
        "doctor": Home(
            "polos.cli.doctor", "Check the installation and the project, and say each fix.", BEGIN
        ),
        "run": Home("polos.cli.run", "Run a workflow, and print its result.", RUN),
        "invoke": Home("polos.cli.invoke", "Start a workflow without waiting, and print its id.", RUN),
        "chat": Home("polos.cli.chat", "Talk to an agent: streams, shows tools, asks for approvals.", RUN),
        "list": Home("polos.cli.listing", "List executions, newest first; --watch goes on.", LOOK, "list_"),
        "status": Home("polos.cli.status", "Show how far an execution is.", LOOK),
        "result": Home("polos.cli.status", "Print the result of an execution; --wait waits for it.", LOOK),
        "show": Home("polos.cli.show", "Draw the timeline of an execution: steps, retries, children.", LOOK),
        "logs": Home("polos.cli.logs", "Print what happened in an execution, or the logs of a stack.", LOOK),
        "cancel": Home("polos.cli.acting", "Ask executions to stop.", ACT),
        "pause": Home("polos.cli.acting", "Begin nothing more in an execution, until `unpause`.", ACT),
        "unpause": Home("polos.cli.acting", "Go on with a paused execution.", ACT),
        "resume": Home(
            "polos.cli.resume", "Go on after a crash or a stall; or answer a step that waits.", ACT
        ),
        "retry": Home("polos.cli.retry", "Go on from the step that failed, as a new execution.", ACT),
        "fork": Home("polos.cli.retry", "Run again from any step, or with another input.", ACT),
        "workflow": Home("polos.cli.catalog", "The workflows of an app.", THINGS),
        "agent": Home("polos.cli.catalog", "The agents of an app.", THINGS),
        "tool": Home("polos.cli.catalog", "The tools of an app.", THINGS),
        "queue": Home("polos.cli.queues", "Queues: their limits, and how full they are.", THINGS),
        "schedule": Home("polos.cli.schedules", "Schedules: list, create, pause, resume, delete.", THINGS),
        "session": Home(
            "polos.cli.sessions", "Sessions: who talked to which agent, and what was said.", THINGS
        ),
        "key": Home("polos.cli.keys", "API keys: create, list, revoke.", THINGS),
        "build": Home("polos.cli.build", "Render template, handlers and package of an app.", DEPLOY),
        "diff": Home("polos.cli.build", "Show what `polos build` would change.", DEPLOY),
        "deploy": Home("polos.cli.deploy", "Build, upload, and create or update the stack on AWS.", DEPLOY),
        "destroy": Home("polos.cli.deploy", "Delete a stack and all that it made.", DEPLOY),
        "cost": Home("polos.cli.cost", "Count what a workflow would cost on AWS.", DEPLOY),
    }
    aliases: ClassVar[Mapping[str, str]] = {
        "keys": "key",
        "ls": "list",
        "workflows": "workflow",
        "agents": "agent",
        "tools": "tool",
        "queues": "queue",
        "schedules": "schedule",
        "sessions": "session",
    }


app = typer.Typer(name="polos", cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False)


def _version(value: bool) -> None:
    if value:
        typer.echo(distribution_version("polos-worker"))
        raise typer.Exit


@app.callback(
    help="Durable workflows and AI agents.\n\n"
    "Commands work on the store of this directory, .polos/polos.db, also while `polos dev` runs; or on a server, with "
    "--api-url or POLOS_API_URL. Results go to stdout, everything else to stderr; --json gives data.",
    epilog="Exit codes: 0 done; 1 failed, cancelled or timed out; 2 wrong usage or input; 3 store or server cannot be "
    "used; 4 stalled; 5 not ended yet; 130 interrupted. `polos COMMAND --help` tells more.",
)
def polos_command(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Durable workflows and AI agents."""
