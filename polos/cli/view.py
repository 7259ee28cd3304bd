"""The view of one execution while it runs: a table that is redrawn on a terminal, one line per change elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from polos.cli.words import (
    SIGNS,
    STATUS_STYLES,
    attempt_of,
    duration_of,
    headline,
    name_of,
    note_of,
    now_ms,
)
from polos.runtime.timeline import Item, Stage, Timeline

FRAMES_PER_SECOND: Final = 8
UNDER_WAY: Final = (Stage.RUNNING, Stage.WAITING, Stage.RETRYING)


class View(Protocol):
    """Something that shows a timeline as it grows."""

    def show(self, timeline: Timeline) -> None:
        """Show it as it is now."""
        ...


class Silent:
    """Shows nothing: for `--json`."""

    def show(self, timeline: Timeline) -> None:
        """Nothing."""


class Lines:
    """One line for each thing that happened: for logs and pipes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._known: dict[str, tuple[Stage, int]] = {}
        self._since = now_ms()

    def show(self, timeline: Timeline) -> None:
        """Print what is new since the last call; what was over before the first one is only counted."""
        now = now_ms()
        if not self._known and (before := self._over_before(timeline)):
            self._console.print(Text.assemble(SIGNS[Stage.DONE], f" {before} recorded before"))
        for item in timeline.items:
            seen = _seen(item)
            if item.stage is Stage.RUNNING or self._known.get(item.address) == seen:
                continue
            self._known[item.address] = seen
            sign, style = SIGNS[item.stage]
            parts = (name_of(item), attempt_of(item), duration_of(item, now), note_of(item, now))
            text = Text.assemble((sign, style), " ", "  ".join(part for part in parts if part))
            self._console.print(text, soft_wrap=True)

    def _over_before(self, timeline: Timeline) -> int:
        over = [item for item in timeline.items if item.ended is not None and item.ended < self._since]
        self._known.update((item.address, _seen(item)) for item in over)
        return len(over)


def _seen(item: Item) -> tuple[Stage, int]:
    """What there is to say about an item; another line is printed when this changes."""
    return item.stage, sum(attempt.ended is not None for attempt in item.attempts)


class LiveTable:
    """A table on a terminal, redrawn some times a second."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, timeline: Timeline) -> None:
        """Redraw."""
        rows = max(5, self._live.console.size.height - 6)
        self._live.update(render(timeline, now_ms(), rows=rows))


@contextmanager
def view_on(console: Console, *, silent: bool) -> Iterator[View]:
    """The view that fits where the console writes to."""
    if silent:
        yield Silent()
    elif not console.is_terminal:
        yield Lines(console)
    else:
        # What the steps print goes above the table; into a pipe it goes as it is.
        on_screen = sys.stdout.isatty()
        with Live(console=console, refresh_per_second=FRAMES_PER_SECOND, redirect_stdout=on_screen) as live:
            yield LiveTable(live)


def render(timeline: Timeline, now: int, *, rows: int) -> RenderableType:
    """The table of an execution, at most `rows` steps high: what is under way, and the latest of what is over."""
    shown = _latest(timeline.items, rows)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(width=1)
    table.add_column(overflow="ellipsis", no_wrap=True, max_width=48)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="ellipsis", no_wrap=True, style="dim")
    for item in shown:
        sign, style = SIGNS[item.stage_at(now)]
        table.add_row(
            Text(sign, style),
            Text(name_of(item)),
            duration_of(item, now),
            attempt_of(item),
            Text(note_of(item, now)),
        )
    status = Text.assemble(
        (timeline.status, STATUS_STYLES.get(timeline.status, "cyan")), "  ", headline(timeline, now)
    )
    hidden = len(timeline.items) - len(shown)
    above = [Text(f"… {hidden} more", "dim")] if hidden else []
    return Group(status, *above, table)


def _latest(items: tuple[Item, ...], rows: int) -> list[Item]:
    if len(items) <= rows:
        return [*items]
    order = {item.address: place for place, item in enumerate(items)}
    going = [item for item in items if item.stage in UNDER_WAY][:rows]
    over = [item for item in items if item.stage not in UNDER_WAY]
    kept = going + over[len(over) - (rows - len(going)) :]
    return sorted(kept, key=lambda item: order[item.address])
