"""Timelines in words: what a step is called, how long it took, what is to be said about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from polos.runtime.timeline import Item, Stage, Timeline

SIGNS: Final = {
    Stage.RUNNING: ("●", "cyan"),
    Stage.WAITING: ("◷", "yellow"),
    Stage.RETRYING: ("↻", "yellow"),
    Stage.DONE: ("✓", "green"),
    Stage.FAILED: ("✗", "red"),
    Stage.ABANDONED: ("–", "dim"),
}
STATUS_STYLES: Final = {
    "completed": "green",
    "failed": "red",
    "stalled": "red",
    "timed_out": "red",
    "cancelled": "dim",
    "continued": "dim",
    "queued": "dim",
    "waiting": "yellow",
    "paused": "yellow",
}
LONGEST_NOTE: Final = 100


def now_ms() -> int:
    """The wall clock in epoch milliseconds: a view shows ages."""
    return int(datetime.now(UTC).timestamp() * 1000)


def name_of(item: Item) -> str:
    """The step key, behind its verb unless that is `run`."""
    if item.address == "run:$body":
        return "the workflow's function"
    if item.address.startswith("$"):  # what was done to the execution: a pause, its end
        return item.address[1:].partition("#")[0]
    verb = {"run": "", "batch_item": "child "}.get(item.verb, f"{item.verb} ")
    return verb + item.key


def attempt_of(item: Item) -> str:
    """Which attempt it is at, unless it is the first."""
    number = max((attempt.number for attempt in item.attempts), default=1)
    return f"attempt {number}" if number > 1 else ""


def duration_of(item: Item, now: int) -> str:
    """How long it took, or has taken so far."""
    if item.started is None or item.stage is Stage.ABANDONED:
        return ""
    return seconds((item.ended or now) - item.started)


def note_of(item: Item, now: int) -> str:
    """What else is worth knowing: the error, when it goes on, which child."""
    notes = []
    error = item.error
    if error:
        notes.append(f"{error.get('type', 'error')}: {error.get('message', '')}")
    if item.stage_at(now) is Stage.RETRYING and item.due is not None:
        notes.append(f"again in {seconds(max(0, item.due - now))}")
    elif item.stage is Stage.WAITING and item.due is not None:
        notes.append(f"until {moment(item.due)}")
    if item.child is not None:
        notes.append(f"execution {item.child}")
    text = ", ".join(notes).replace("\n", " ")
    return text if len(text) <= LONGEST_NOTE else text[: LONGEST_NOTE - 1] + "…"


def seconds(milliseconds: int) -> str:
    """A duration: `35 ms`, `1.2 s`, `3:07 min`, `2:05 h`."""
    if milliseconds < 1000:
        return f"{max(0, milliseconds)} ms"
    whole = milliseconds // 1000
    if whole < 60:
        return f"{milliseconds / 1000:.1f} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02} h"


def age(milliseconds: int) -> str:
    """How long ago a time is, roughly: `12 s`, `5 min`, `3 h`, `2 d`."""
    past = max(0, now_ms() - milliseconds) // 1000
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if past >= size:
            return f"{past // size} {unit}"
    return f"{past} s"


def moment(milliseconds: int) -> str:
    """A point in time on this machine's clock; with its date unless that is today."""
    then = datetime.fromtimestamp(milliseconds / 1000, UTC).astimezone()
    today = datetime.now(UTC).astimezone().date()
    return f"{then:%H:%M:%S}" if then.date() == today else f"{then:%Y-%m-%d %H:%M:%S}"


def headline(timeline: Timeline, now: int) -> str:
    """Workflow, execution, and how long it has been going on."""
    took = seconds((timeline.ended or now) - timeline.created)
    return f"{timeline.workflow}  {timeline.execution}  {took}"
