"""The timeline of an execution as a waterfall on a terminal: when each operation began, how long it took, what it did.

    order  01k…          ░░━━━━━━━━━━━━━━━━━━━━━━━━━━   1.9 s
    ✓ price                ━━                           35 ms
    ↻ charge                 ━╌╌╌╌╌━╌╌╌╌╌╌╌╌━           1.2 s   attempt 3
    ✓ invoke_and_wait pack                     ━━━━━━   0.5 s   execution 01k…
      ✓ weigh                                   ━━━     0.2 s

`░` was spent in line, `╌` waiting for the next attempt, `─` waiting for something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final, cast

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from polos.cli.words import SIGNS, STATUS_STYLES, attempt_of, duration_of, headline, name_of, note_of, seconds
from polos.runtime.timeline import Item, Stage, Timeline

LEAST_BAR: Final = 12
MOST_BAR: Final = 60
MOST_NAME: Final = 36
TRACE_LINES: Final = 6
_OURS: Final = re.compile(r"[/\\\\]polos[/\\\\](core|runtime|entry|agents|tools|features)[/\\\\]")
WAITS: Final = ("wait_for", "wait_until", "wait_for_event", "suspend")


@dataclass(frozen=True, slots=True)
class Tree:
    """An execution with those that it has started, by their ids."""

    timeline: Timeline
    children: Mapping[str, Tree] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scale:
    """The time that the bars stand for: from `start` to `end`, in epoch milliseconds, on `width` columns."""

    start: int
    end: int
    width: int

    def bar(self, parts: Sequence[tuple[int, int, str, str]]) -> Text:
        """Parts from a time to a time, each with its character and style; what lies over another goes before it."""
        cells: list[tuple[str, str]] = [(" ", "")] * self.width
        for begin, end, character, style in parts:
            first = min(self.width - 1, max(0, self._column(begin)))
            last = min(self.width, max(first + 1, self._column(end)))
            cells[first:last] = [(character, style)] * (last - first)
        return Text.assemble(
            *((character * len([*same]), style) for (character, style), same in groupby(cells))
        )

    def _column(self, at: int) -> int:
        return round((at - self.start) * self.width / max(1, self.end - self.start))


def waterfall(tree: Tree, now: int, *, width: int, verbose: bool = False) -> RenderableType:
    """The whole picture: what went wrong first, then the execution, then its operations."""
    timeline = tree.timeline
    rows = [(Text(timeline.workflow, "bold"), _own(timeline, now), _took(timeline, now), "")]
    for depth, item, child in _rows(tree):
        sign, style = SIGNS[item.stage_at(now)]
        name = Text.assemble("  " * depth, (sign, style), " ", name_of(item))
        notes = "  ".join(filter(None, (attempt_of(item), note_of(item, now))))
        rows.append((name, _parts(item, child, now), duration_of(item, now), notes))
    names = min(MOST_NAME, max(name.cell_len for name, *_ in rows))
    times = max(len(took) for _, _, took, _ in rows)
    left = width - names - times - 4
    notes_width = min(left // 2, max(len(note) for *_, note in rows))
    scale = Scale(timeline.created, timeline.ended or now, max(LEAST_BAR, min(MOST_BAR, left - notes_width)))
    table = _grid(names, scale.width, times, max(1, notes_width))
    for name, parts, took, notes in rows:
        table.add_row(name, scale.bar(parts), took, Text(notes))
    state = timeline.status
    head = Text.assemble((state, STATUS_STYLES.get(state, "cyan")), "  ", headline(timeline, now))
    box = [error_box(timeline, verbose=verbose)] if timeline.error else []
    return Group(*box, head, *_facts(timeline, now), table)


def _grid(*widths: int) -> Table:
    """Columns for name, bar, duration and notes, that keep their widths."""
    table = Table(box=None, padding=(0, 1, 0, 0), show_header=False)
    for width, justify, style in zip(
        widths, ("left", "left", "right", "left"), ("", "", "", "dim"), strict=True
    ):
        table.add_column(
            width=width, no_wrap=True, overflow="ellipsis", justify=cast(Any, justify), style=style
        )
    return table


def error_box(timeline: Timeline, *, verbose: bool = False) -> Panel:
    """What went wrong, in a box: the error, the step it was in, and where in the code."""
    error: Mapping[str, Any] = timeline.error or {}
    kind = error.get("cause") or error.get("type") or timeline.status
    lines = [Text.assemble((f"{kind}: ", "bold"), str(error.get("message", "")))]
    if error.get("step"):
        attempts = error.get("attempts", 1)
        tries = f", after {attempts} attempts" if attempts > 1 else ""
        lines.append(Text(f"in step {error['step']!r}{tries}", "dim"))
    trace = _traceback(timeline, error)
    if trace:
        shown = trace if verbose else trace[-TRACE_LINES:]
        lines.append(Text("\n".join(shown), "dim"))
    title = timeline.status.replace("_", " ")
    return Panel(Group(*lines), title=title, title_align="left", border_style="red", expand=False)


def _traceback(timeline: Timeline, error: Mapping[str, Any]) -> list[str]:
    """The lines of the traceback of the step that failed, if it was one: there the mistake is; else of the workflow."""
    failed = [item.error for item in timeline.items if item.key == error.get("step") and item.error]
    for stored in (*failed, error):
        if stored.get("traceback"):
            return of_people(str(stored["traceback"]))
    return []


def of_people(trace: str) -> list[str]:
    """A traceback without the engine's own frames."""
    kept, ours = [], False
    for line in trace.splitlines():
        if line.startswith("  File "):
            ours = _OURS.search(line) is not None
        elif not line.startswith("    "):
            ours = False
        if line.strip() and not ours:
            kept.append(line)
    return kept


def _facts(timeline: Timeline, now: int) -> list[Text]:
    """What the bars do not tell."""
    facts = []
    if timeline.started is not None and timeline.started - timeline.created >= 1:
        facts.append(Text(f"in line for {seconds(timeline.started - timeline.created)}", "dim"))
    if timeline.started is None and timeline.ended is None:
        facts.append(Text(f"in line since {seconds(now - timeline.created)}", "dim"))
    if timeline.cancel_asked is not None:
        after = seconds(timeline.cancel_asked - timeline.created)
        facts.append(Text(f"asked to stop after {after}", "yellow"))
    if timeline.status == "completed" and timeline.result is not None:
        text = json.dumps(json.loads(timeline.result), ensure_ascii=False)
        facts.append(Text(f"result  {text if len(text) <= 400 else text[:399] + '…'}"))
    return facts


def _rows(tree: Tree, depth: int = 0) -> Iterator[tuple[int, Item, Timeline | None]]:
    """The operations in order, each with its depth, those of children behind what has started them."""
    for item in tree.timeline.items:
        child = tree.children.get(item.child or "")
        yield depth, item, child.timeline if child else None
        if child is not None:
            yield from _rows(child, depth + 1)


def _own(timeline: Timeline, now: int) -> list[tuple[int, int, str, str]]:
    end = timeline.ended or now
    begun = timeline.started or end
    style = STATUS_STYLES.get(timeline.status, "cyan")
    return [(begun, end, "━", style), (timeline.created, begun, "░", "dim")][
        : 2 if begun > timeline.created else 1
    ]


def _parts(item: Item, child: Timeline | None, now: int) -> list[tuple[int, int, str, str]]:
    """The bar of an operation: its attempts over the time between them; a child over its time in line."""
    if item.started is None:
        return []
    end = item.ended or now
    if child is not None:
        return [(item.started, end, "─", "dim"), *_own(child, now)]
    if item.verb in WAITS:
        return [(item.started, end, "─", "yellow")]
    _, style = SIGNS[item.stage_at(now)]
    parts = [(item.started, end, "╌", "dim")]
    for attempt in item.attempts:
        if attempt.started is not None:
            color = "red" if attempt.error else style
            parts.append((attempt.started, attempt.ended or now, "━", color))
    over = item.stage in (Stage.DONE, Stage.FAILED, Stage.RUNNING)
    return parts if len(parts) > 1 else [(item.started, end, "━" if over else "─", style)]


def _took(timeline: Timeline, now: int) -> str:
    return seconds((timeline.ended or now) - timeline.created)
