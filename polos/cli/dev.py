"""`polos dev`: one process with the API, workers and schedules, over one local file."""

from __future__ import annotations

import signal
import threading
from typing import Annotated

import typer

from polos.cli.exits import BadUsage, command
from polos.cli.following import embedded
from polos.cli.options import Project, Store, Verbose
from polos.entry.loading import default_source, load_source
from polos.entry.memory import settle_memory
from polos.server.local import DEFAULT_PORT, serve


@command
def dev(
    modules: Annotated[
        list[str] | None,
        typer.Argument(metavar="[APP]...", help="Files or modules that define workflows."),
    ] = None,
    *,
    port: Annotated[int, typer.Option(help="Where the API listens, on this machine only.")] = DEFAULT_PORT,
    store: Store = None,
    project: Project = "default",
    verbose: Verbose = False,
) -> None:
    """Serve the API and run everything the app defines, until Ctrl-C or SIGTERM; no key is needed from this machine.

    What was under way goes on when it is started again: executions live in the store's file.
    """
    sources = modules or [found for found in (default_source(),) if found is not None]
    if not sources:
        raise BadUsage(
            "which app? name it: polos dev app.py (looked for app.py, main.py and workflows.py here)"
        )
    for source in sources:
        load_source(source)
    settle_memory()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with embedded(store, project) as runtime:
        server = serve(runtime, port=port, local_mode=True)
        ids = ", ".join(definition.id for definition in runtime.host.registry)
        typer.echo(f"{server.url}  runs {ids}", err=True)
        typer.echo("Ctrl-C stops it; what is under way goes on at the next start.", err=True)
        stop.wait()
        server.close()
