"""Events as a stream that browsers read (Server-Sent Events), each with its id, so that a reader goes on where it was.

    id: 7
    data: {"id": "...", "sequence_id": 7, "topic": "orders", "event_type": "message", "data": ...}

Where the connection can stay open the stream has no end. Where it cannot (API Gateway, a function URL), an answer ends
as soon as it has something, or after a while: the browser asks again by itself, with `Last-Event-ID`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from polos.ports import Clock
from polos.runtime.topics import Event

CONTENT_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = 15.0
"""Seconds between signs of life: what stands between often closes connections that are silent for 30."""
PAGE: Final = 100
MAX_BYTES: Final = 4 * 1024 * 1024
FIRST_PAUSE: Final = 0.02
LONGEST_PAUSE: Final = 0.25
RETRY: Final = "retry: 500\n\n"
"""Milliseconds after which a browser asks again."""
QUIET: Final = ": still here\n\n"

Read = Callable[[int], list[Event]]
"""after -> some events of a topic with a sequence above it."""


def wait_for(read: Read, clock: Clock, after: int, seconds: float) -> list[Event]:
    """Events above `after`, as soon as there are any; [] if none came within `seconds`."""
    deadline, pause = clock.monotonic() + seconds, FIRST_PAUSE
    while True:
        events = read(after)
        left = deadline - clock.monotonic()
        if events or left <= 0:
            return fitting(events)
        clock.sleep(min(pause, left))
        pause = min(pause * 1.5, LONGEST_PAUSE)


def endless(read: Read, clock: Clock, *, after: int, goes_on: Callable[[], bool]) -> Iterator[str]:
    """The stream: events as they come, and signs of life, at each of which `goes_on()` is asked."""
    yield RETRY
    while True:
        events = wait_for(read, clock, after, HEARTBEAT)
        if events:
            after = events[-1].sequence
            yield blocks(events)
        elif goes_on():
            yield QUIET
        else:
            return


def blocks(events: Sequence[Event]) -> str:
    """Events as the stream shows them."""
    return "".join(f"id: {event.sequence}\ndata: {_one_line(event.to_json())}\n\n" for event in events)


def fitting(events: Sequence[Event], limit: int = MAX_BYTES) -> list[Event]:
    """The first of the events, as many as fit into one answer, but at least one."""
    size = 0
    kept: list[Event] = []
    for event in events:
        size += len(event.data.encode()) + 300
        if kept and size > limit:
            break
        kept.append(event)
    return kept


def _one_line(text: str) -> str:
    """JSON without line breaks: inside its strings there are none, and between its parts they mean nothing."""
    return text.replace("\r", " ").replace("\n", " ")
