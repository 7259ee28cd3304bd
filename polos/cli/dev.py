"""`polos dev`: one process with the API, the dashboard, workers and schedules, over one local file.

It takes new code when a source changes: see `polos.entry.reloading`. What runs goes on, the server stays where it is.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final

import typer

from polos.cli import STARTED
from polos.cli.exits import BadUsage, command, message
from polos.cli.options import AsJson, Project, Store, Verbose
from polos.core.definitions import Registry
from polos.entry.embedded import Embedded
from polos.entry.embedded_client import EmbeddedClient
from polos.entry.loading import default_source, named_sources
from polos.entry.memory import settle_memory
from polos.entry.reloading import App, Watcher
from polos.errors import CannotLoad, NotFound
from polos.ports import Clock
from polos.runtime.client import set_default
from polos.runtime.control import Control, Filter
from polos.runtime.schedules import apply_code

DEFAULT_PORT: Final = 8080
DRAIN_SECONDS: Final = 10.0
SETTLE_SECONDS: Final = 0.05
"""Editors write a file in several steps: when nothing has changed for so long, it is done."""
PATIENCE_SECONDS: Final = 5.0
"""How long new code waits for steps that run."""
MOST_STALLED: Final = 200
MOST_ENDS: Final = 1000


@command
def dev(
    apps: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[APP]...",
            help="Files or modules that define workflows; else POLOS_APP, app.py, main.py, workflows.py.",
        ),
    ] = None,
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="Where it listens, on this machine only; 0: any.")
    ] = DEFAULT_PORT,
    reload: Annotated[bool, typer.Option("--reload/--no-reload", help="Take new code on a change.")] = True,
    drain: Annotated[
        float, typer.Option(min=0, help="Seconds that running steps have left at the end.")
    ] = DRAIN_SECONDS,
    as_json: AsJson = False,
    store: Store = None,
    project: Project = "default",
    verbose: Verbose = False,
) -> None:
    """Serve an app: API and dashboard on http://localhost:8080, workers and schedules; no key, no Docker, no AWS.

    When a source changes, the app is imported again, and what runs goes on with the new code. Code that does not import
    is told, and the one before serves until that is mended. Executions live in the store's file: they survive restarts.

    --json tells what happens in lines of JSON: ready, reloaded, refused, stopping.

    Exit codes: 0 stopped by Ctrl-C or SIGTERM, when what ran was done; 2 the app cannot be loaded; 3 the store or the
    port cannot be used.
    """
    teller = Teller(as_json=as_json)
    _show_what_workflows_log(verbose=verbose)
    running = Registry()
    app = App(_sources(apps), running=running)
    app.load()
    stop = _stopped_by_signals()
    ended: deque[str] = deque(maxlen=MOST_ENDS)
    runtime = Embedded(store, project=project, registry=running, on_end=ended.append, app=app.name)
    if not os.environ.get("POLOS_API_URL"):  # code that asks the default client means this process
        set_default(lambda: EmbeddedClient(runtime))
    try:
        watcher = Watcher(app.roots) if reload else None
        _serve(Running(runtime, app, watcher, teller=teller, ended=ended), port, stop)
    finally:
        runtime.close(drain_seconds=drain)


def _serve(running: Running, port: int, stop: threading.Event) -> None:
    """The server, for as long as it goes on."""
    from polos.server.local import serve  # noqa: PLC0415 (half a second, while the workers have begun)

    server = serve(running.runtime, port=port, local_mode=True)
    try:
        settle_memory()
        running.begin(server.url)
        running.until(stop)
        running.teller.tell(
            "stopping", "stopping: what runs has some seconds to end; a second Ctrl-C ends it now"
        )
    finally:
        server.close()


class Teller:
    """What the terminal is told, as text on stderr or as lines of JSON on stdout."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json

    def tell(self, event: str, text: str, *, color: str | None = None, **fields: Any) -> None:
        """One thing that has happened."""
        if self._as_json:
            typer.echo(json.dumps({"event": event, **fields}, ensure_ascii=False))
        else:
            typer.secho(text, fg=color, err=True)

    def ready(self, url: str, registry: Registry, place: str, *, watched: int | None) -> None:
        """It serves."""
        ids = [definition.id for definition in registry]
        took = STARTED.elapsed()
        files = f"{watched} file{'s' if watched != 1 else ''}"
        watches = "" if watched is None else f" Watches {files}."
        text = (
            f"{url}  runs {', '.join(ids)}\n"
            f"Ready in {took:.2f} s; keeps executions in {place}.{watches} Ctrl-C stops it, and nothing is lost."
        )
        self.tell("ready", text, url=url, workflows=ids, store=place, seconds=round(took, 3))


class Running:
    """The time between the start and the end: looks at the sources, and whether the worker is well."""

    def __init__(
        self, runtime: Embedded, app: App, watcher: Watcher | None, *, teller: Teller, ended: deque[str]
    ) -> None:
        self.runtime = runtime
        self._clock: Clock = runtime.host.ports.clock
        self._app = app
        self._watcher = watcher
        self.teller = teller
        self._ended = ended
        self._stuck = 0

    def begin(self, url: str) -> None:
        """Try again what had stalled, and tell that it serves."""
        _wake_stalled(self.runtime)
        watched = len(self._watcher) if self._watcher else None
        self.teller.ready(url, self.runtime.host.registry, self.runtime.place, watched=watched)

    def until(self, stop: threading.Event) -> None:
        """Until it is told to stop. Raises `StoreError` when the store cannot be used any more."""
        while not stop.wait(self._watcher.pause if self._watcher else 0.5):
            if self.runtime.broken:
                raise self.runtime.broken
            self._tell_of_stuck()
            self._tell_of_failures()
            if self._watcher and (changed := self._watcher.changed()):
                while more := self._settled(stop):
                    changed += more
                self._let_steps_end(stop)
                self._reload(changed)

    def _let_steps_end(self, stop: threading.Event) -> None:
        """What a step gives may be stored by the name of a class of the app: better before that class is replaced.

        Those that take longer go on beside the new code.
        """
        end = self._clock.monotonic() + PATIENCE_SECONDS
        while self.runtime.busy and self._clock.monotonic() < end and not stop.wait(SETTLE_SECONDS):
            pass

    def _settled(self, stop: threading.Event) -> list[Path]:
        stop.wait(SETTLE_SECONDS)
        return self._watcher.changed() if self._watcher else []

    def _reload(self, changed: Sequence[Path]) -> None:
        names = [_shown(path) for path in dict.fromkeys(changed)]
        what = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        begun = self._clock.monotonic()
        try:
            self._app.reload()
        except CannotLoad as error:
            text = f"{what} changed: {message(error)}\nThe code from before goes on until that is mended."
            self.teller.tell("refused", text, color=typer.colors.RED, changed=names, error=str(error))
            return
        apply_code(self.runtime.host, self.runtime.service.project, app=self._app.name)
        woken = _wake_stalled(self.runtime)
        took = self._clock.monotonic() - begun
        ids = [definition.id for definition in self.runtime.host.registry]
        again = f"; {woken} that had stalled are tried again" if woken else ""
        text = f"{what} changed: reloaded in {1000 * took:.0f} ms{again}"
        self.teller.tell(
            "reloaded", text, color=typer.colors.GREEN, changed=names, workflows=ids, seconds=round(took, 3)
        )

    def _tell_of_failures(self) -> None:
        """Those that nobody else is told of: an execution that another has started fails into that one."""
        while self._ended:
            execution = self._ended.popleft()
            try:
                meta = self.runtime.service.meta(execution)
            except NotFound:  # of another project, which this process works for too
                continue
            if meta.status in ("failed", "timed_out") and meta.info.parent_execution is None:
                error = dict(meta.error or {})
                kind = error.get("cause") or error.get("type") or meta.status
                text = f"{meta.info.workflow} {meta.status.replace('_', ' ')}: {kind}: {error.get('message', '')}"
                self.teller.tell(
                    "failed",
                    f"{text}\n  polos show {execution}",
                    color=typer.colors.RED,
                    workflow=meta.info.workflow,
                    execution=execution,
                    error=error,
                )

    def _tell_of_stuck(self) -> None:
        stuck = self.runtime.stuck
        if len(stuck) > self._stuck:
            steps = stuck[self._stuck :]
            text = f"went on after its timeout, and holds a thread until `polos dev` ends: {', '.join(steps)}"
            self.teller.tell("stuck", text, color=typer.colors.YELLOW, steps=steps)
            self._stuck = len(stuck)


def _show_what_workflows_log(*, verbose: bool) -> None:
    """What `ctx.logger` is told goes to the terminal; of the engine, warnings do."""
    level = logging.DEBUG if verbose else logging.INFO
    logging.getLogger("polos.workflow").setLevel(level)
    for handler in logging.getLogger("polos").handlers:
        handler.setLevel(level)


def _sources(apps: Sequence[str] | None) -> list[str]:
    named = apps or named_sources(os.environ.get("POLOS_APP") or "")
    sources = [*named] or [found for found in (default_source(),) if found is not None]
    if not sources:
        raise BadUsage(
            "which app? name it: polos dev app.py (looked for app.py, main.py and workflows.py here); "
            "`polos init` makes a new one"
        )
    return sources


def _stopped_by_signals() -> threading.Event:
    """Set by the first SIGTERM or SIGINT; a second one ends the process at once."""
    stop = threading.Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        del frame
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    return stop


def _wake_stalled(runtime: Embedded) -> int:
    """Try again what had stalled: the code that it stalled for may be here now. What does not fit stalls once more."""
    found, _ = Control(runtime.service).find(Filter(status="stalled"), limit=MOST_STALLED)
    known = [meta for meta in found if meta.info.workflow in runtime.host.registry]
    for meta in known:
        runtime.service.kick(meta.info.execution)
    return len(known)


def _shown(path: Path) -> str:
    here = Path.cwd().resolve()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
