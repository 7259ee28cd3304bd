"""Running one execution in the foreground: the embedded runtime, a view of it, and its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import typer
from rich.console import Console

from polos.cli.exits import Exit
from polos.cli.reporting import Manner, report, say_how_to_resume
from polos.cli.view import View, view_on
from polos.entry.embedded import Embedded
from polos.errors import ResultTimeout
from polos.runtime.executions import Meta
from polos.runtime.timeline import TimelineReader

REDRAW_SECONDS: Final = 0.1
INTERRUPT_DRAIN: Final = 0.5
"""Seconds that running steps have left after Ctrl-C: what is not over by then runs again at the resume."""


@contextmanager
def embedded(store: Path | None, project: str, *, work: bool = True) -> Iterator[Embedded]:
    """The runtime over the store's file, at work or only looking."""
    runtime = Embedded(store, project=project, work=work)
    drain = 10.0
    try:
        yield runtime
    except typer.Exit as leaving:
        drain = INTERRUPT_DRAIN if leaving.exit_code == Exit.INTERRUPTED else drain
        raise
    finally:
        runtime.close(drain_seconds=drain)


def follow(runtime: Embedded, execution: str, manner: Manner, *, kicked: int | None = None) -> None:
    """Show an execution until it ends, print what it gave, and leave with the exit code that fits.

    `kicked`: the version of its record when it was woken from a stall, which that version still tells of.
    """
    reader = TimelineReader(runtime.service, execution)
    try:
        with view_on(Console(stderr=True, highlight=False), silent=manner.as_json) as view:
            meta = _watch(runtime, reader, view, kicked)
    except KeyboardInterrupt:
        say_how_to_resume("interrupted; it goes on", execution, manner.source)
        raise typer.Exit(Exit.INTERRUPTED) from None
    report(runtime.service, meta, reader.read(), manner)


def _watch(runtime: Embedded, reader: TimelineReader, view: View, kicked: int | None) -> Meta:
    while True:
        begun = time.monotonic()
        view.show(reader.read())
        # A look costs a replay of the journal: it may take a tenth of the time, not more.
        pause = max(REDRAW_SECONDS, 10 * (time.monotonic() - begun))
        try:
            meta = runtime.wait(reader.execution, pause)
        except ResultTimeout:
            continue
        if meta.status == "stalled" and meta.version == kicked:
            time.sleep(REDRAW_SECONDS)
            continue
        view.show(reader.read())
        return meta
