"""A worker process: loads the code it is told, runs it until it is told to stop, and finishes what it has begun.

    python -m polos.runtime.worker flows.py shop.orders       # or: polos-worker start flows.py shop.orders

It works on the embedded store: `--store`, else `POLOS_STORE`, else `.polos/polos.db`. Where the environment describes a
stack (`polos.adapters.aws.settings`), it is a container that takes the messages of that stack, by long polling.

SIGTERM and Ctrl-C drain: nothing new is taken, what runs may end within `--drain` seconds, and what does not goes on in
another worker. A second signal ends the process at once; nothing is lost by that either.

Exit codes: 0 stopped in good order; 2 the code cannot be loaded; 3 the store cannot be used; 75 a sync step went on
after its timeout, and could be stopped only with its process: start it again.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final, Protocol

from polos.core.definitions import registry
from polos.entry.embedded import DEFAULT_STORE, Embedded
from polos.entry.loading import APP_FILES, default_source, load_source, named_sources
from polos.entry.memory import settle_memory
from polos.errors import CannotLoad, PolosError, StepStuck, StoreError

DRAIN_SECONDS: Final = 30.0
EXIT_BAD_INPUT: Final = 2
EXIT_STORE: Final = 3
EXIT_STUCK: Final = 75
LOOK_SECONDS: Final = 0.5
"""Between looks whether the worker has to end by itself."""

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
        """Work until `stop()`.

        Raises:
            StoreError: The store cannot be used, or not any more.
            StepStuck: A step can only be stopped with this process.
        """
        runtime = self._open()
        try:
            log.info("working on %s: %s", runtime.place, ", ".join(definition.id for definition in registry))
            while not self._stop.wait(LOOK_SECONDS) and not runtime.broken and not runtime.stuck:
                pass
            log.info("stopping: waiting up to %.0f s for what is running", self._drain)
        finally:
            runtime.close(drain_seconds=self._drain)
        if runtime.broken:
            raise runtime.broken
        if runtime.stuck:
            raise StepStuck(runtime.stuck)

    def _open(self) -> Runtime:
        if self._store is None and not os.environ.get("POLOS_STORE") and in_a_stack(os.environ):
            from polos.entry.container import open_container  # noqa: PLC0415 (boto3, only where there is a stack)

            return open_container(os.environ, project=self._project, threads=self._threads)
        return Embedded(self._store, project=self._project, threads=self._threads)


class Runtime(Protocol):
    """What a worker process keeps running: `Embedded`, or `Container`."""

    @property
    def place(self) -> str:
        """What it works on, for people."""
        ...

    @property
    def broken(self) -> StoreError | None:
        """Why it has stopped by itself, if it has."""
        ...

    @property
    def stuck(self) -> Sequence[str]:
        """Steps that went on after their timeout."""
        ...

    def close(self, *, drain_seconds: float) -> None:
        """Stop."""
        ...


def in_a_stack(environ: Mapping[str, str]) -> bool:
    """Whether the environment describes a stack on AWS."""
    return "POLOS_LOG_TABLE" in environ


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
    """`python -m polos.runtime.worker`. Gives the exit code."""
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
        return exit_code(error)
    return 0


def exit_code(error: PolosError) -> int:
    """The code that a worker process ends with."""
    match error:
        case StoreError():
            return EXIT_STORE
        case StepStuck():
            return EXIT_STUCK
        case _:
            return EXIT_BAD_INPUT


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
