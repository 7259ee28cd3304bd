"""A worker process: loads the code it is told, runs it until it is told to stop, and finishes what it has begun.

    python -m polos.runtime.worker flows.py shop.orders       # or: polos-worker start flows.py shop.orders

It works on the embedded store: `--store`, else `POLOS_STORE`, else `.polos/polos.db`. SIGTERM and Ctrl-C drain: nothing
new is taken, what runs may end within `--drain` seconds, and what does not goes on in another worker. A second signal
ends the process at once; nothing is lost by that either.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

from polos.core.definitions import registry
from polos.entry.embedded import DEFAULT_STORE, Embedded
from polos.entry.loading import APP_FILES, default_source, load_source, named_sources
from polos.entry.memory import settle_memory
from polos.errors import CannotLoad, PolosError, StoreError

DRAIN_SECONDS: Final = 30.0
EXIT_BAD_INPUT: Final = 2
EXIT_STORE: Final = 3

log = logging.getLogger("polos.worker")


class Worker:
    """Runs everything that is registered in this process, until it is stopped.

    `client`, `deployment_id`, `agents`, `tools`, `workflows` are taken for programs that pass them: what was defined is
    registered already. `max_concurrent_workflows` is how many messages are handled at the same time.
    """

    def __init__(
        self,
        client: Any = None,
        *,
        deployment_id: str | None = None,
        agents: Sequence[Any] | None = None,
        tools: Sequence[Any] | None = None,
        workflows: Sequence[Any] | None = None,
        max_concurrent_workflows: int = 100,
        store: str | os.PathLike[str] | None = None,
        project_id: str | None = None,
        drain_seconds: float = DRAIN_SECONDS,
    ) -> None:
        del client, deployment_id, agents, tools, workflows
        self._store = store
        self._project = project_id or os.environ.get("POLOS_PROJECT_ID") or "default"
        self._threads = max_concurrent_workflows
        self._drain = drain_seconds
        self._stop = threading.Event()

    def stop(self) -> None:
        """Let `run` drain and return. May be called from any thread or signal handler."""
        self._stop.set()

    async def run(self) -> None:
        """Work until `stop()`, without blocking the event loop."""
        try:
            await asyncio.to_thread(self.run_blocking)
        except asyncio.CancelledError:
            self.stop()
            raise

    def run_blocking(self) -> None:
        """Work until `stop()`."""
        embedded = Embedded(self._store, project=self._project, threads=self._threads)
        try:
            names = ", ".join(definition.id for definition in registry)
            log.info("working on %s: %s", embedded.store.database.path, names)
            self._stop.wait()
            log.info("stopping: waiting up to %.0f s for what is running", self._drain)
        finally:
            embedded.close(drain_seconds=self._drain)


def load_all(sources: Iterable[str]) -> list[str]:
    """Import the given files and modules, or else what `POLOS_APP` names, or an app in the working directory.

    Gives what was loaded. Raises `CannotLoad`; also when something was loaded and no workflow is registered.
    """
    named = named_sources(os.environ.get("POLOS_APP") or "")
    wanted = [*sources] or named or [*filter(None, [default_source()])]
    if not wanted:
        raise CannotLoad(
            "the worker's code",
            "no module was given: name files or modules (`python -m polos.runtime.worker flows.py`), set POLOS_APP, or "
            f"start it where there is one of {', '.join(APP_FILES)}",
        )
    for source in wanted:
        load_source(source)
    if not len(registry):
        raise CannotLoad(
            ", ".join(wanted), "it was imported, but defines no workflow; decorate functions with @workflow"
        )
    return wanted


def serve(sources: Iterable[str], worker: Worker) -> None:
    """Load the code and run the worker until SIGTERM or SIGINT."""
    loaded = load_all(sources)
    log.info("loaded %s", ", ".join(loaded))
    settle_memory()
    with stopped_by_signals(worker):
        worker.run_blocking()


@contextmanager
def stopped_by_signals(worker: Worker) -> Iterator[None]:
    """The first SIGTERM or SIGINT stops the worker in good order, a second one ends the process."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        worker.stop()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(arguments: Sequence[str] | None = None) -> int:
    """`python -m polos.runtime.worker`: the exit code is 0, 2 (the code cannot be loaded) or 3 (the store)."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    worker = Worker(
        store=options.store,
        project_id=options.project,
        max_concurrent_workflows=options.threads,
        drain_seconds=options.drain,
    )
    try:
        serve(options.modules, worker)
    except PolosError as error:
        if options.verbose:
            log.exception("the worker cannot run")
        sys.stderr.write(f"polos: {error}\n")
        return EXIT_STORE if isinstance(error, StoreError) else EXIT_BAD_INPUT
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m polos.runtime.worker", description="Run workflows until SIGTERM."
    )
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="files or modules that define workflows")
    parser.add_argument("--store", type=Path, help=f"the store's file (POLOS_STORE, else {DEFAULT_STORE})")
    parser.add_argument("--project", help="the project (POLOS_PROJECT_ID, else 'default')")
    parser.add_argument("--threads", type=int, default=32, help="how many messages at a time (%(default)s)")
    parser.add_argument("--drain", type=float, default=DRAIN_SECONDS, help="seconds to finish (%(default)s)")
    parser.add_argument("--verbose", action="store_true", help="show tracebacks and debug messages")
    return parser
