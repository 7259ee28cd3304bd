"""The command `polos-worker`: `polos-worker start [MODULE...]` runs workflows until SIGTERM."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from polos.cli.exits import command
from polos.cli.options import Project, Store, Verbose
from polos.entry.worker import DRAIN_SECONDS, Worker, serve

app = typer.Typer(
    name="polos-worker", no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False
)


@app.callback()
def worker_command() -> None:
    """Run workflows in a process of their own.

    Exit codes: 0 stopped in good order; 2 the code cannot be loaded; 3 the store cannot be used; 75 start it again: a
    step that went on after its timeout was stopped with its process.
    """


@app.command()
@command
def start(
    modules: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODULE]...", help="Files or modules that define workflows."),
    ] = None,
    *,
    store: Store = None,
    project: Project = "default",
    threads: Annotated[int, typer.Option(min=1, help="How many messages are handled at a time.")] = 32,
    drain: Annotated[float, typer.Option(min=0, help="Seconds to finish what runs.")] = DRAIN_SECONDS,
    verbose: Verbose = False,
) -> None:
    """Work until SIGTERM or Ctrl-C, then finish what has begun.

    Without modules: what POLOS_APP names, or app.py, main.py or workflows.py in the working directory.
    """
    logging.getLogger("polos.worker").setLevel(logging.DEBUG if verbose else logging.INFO)
    worker = Worker(store=store, project_id=project, max_concurrent_workflows=threads, drain_seconds=drain)
    serve(modules or (), worker)


def main() -> None:
    """The command `polos-worker`."""
    app()
