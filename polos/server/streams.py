"""Events as a stream that browsers read (Server-Sent Events), with ids, so that a reader goes on where it was.

    id: 7
    data: {"id": "...", "sequence_id": 7, "topic": "orders", "event_type": "message", "data": ...}

Where the connection can stay open the stream has no end. Where it cannot (API Gateway, a function URL), an answer ends
as soon as it has something, or after a while: the browser asks again by itself, with `Last-Event-ID`. A stream that is
over says so with an event named `end`, and a browser that asks again gets 204, which tells it to stop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

from polos.ports import Clock

CONTENT_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = 15.0
"""Seconds between signs of life: what stands between often closes connections that are silent for 30."""
MAX_BYTES: Final = 4 * 1024 * 1024
RETRY: Final = "retry: 500\n\n"
"""Milliseconds after which a browser asks again."""
QUIET: Final = ": still here\n\n"
END: Final = "event: end\ndata: {}\n\n"
PAUSES: Final = (0.02, 0.25)
"""Seconds between two looks: the first ones, and when nothing comes for long."""
MOMENT: Final = 0.001
"""What is left of a wait that is not worth another look, and may be less than a clock can tell."""

T = TypeVar("T")


class Chunk(Protocol):
    """Some news of a stream, which may be none."""

    @property
    def text(self) -> str:
        """The events as the stream shows them; "" for none."""
        ...

    @property
    def over(self) -> bool:
        """Whether nothing will follow."""
        ...


@dataclass(frozen=True, slots=True)
class News:
    """See `Chunk`."""

    text: str
    over: bool = False


Next = Callable[[float], Chunk]
"""Waits up to so many seconds for the next chunk."""


def until(
    look: Callable[[], T],
    satisfied: Callable[[T], bool],
    clock: Clock,
    seconds: float,
    *,
    pauses: tuple[float, float] = PAUSES,
) -> T:
    """What `look` gives, once it satisfies, or what it gives after `seconds`."""
    deadline, pause = clock.monotonic() + seconds, pauses[0]
    while True:
        found = look()
        left = deadline - clock.monotonic()
        if left < MOMENT or satisfied(found):
            return found
        clock.sleep(min(pause, left))
        pause = min(pause * 1.5, pauses[1])


def endless(following: Next, goes_on: Callable[[], bool]) -> Iterator[str]:
    """The stream as long as it lasts, with signs of life, at each of which `goes_on()` is asked.

    The first look is taken here: what is wrong with the request is raised before the answer has begun.
    """
    return _lasting(following(0.0), following, goes_on)


def _lasting(chunk: Chunk, following: Next, goes_on: Callable[[], bool]) -> Iterator[str]:
    yield RETRY
    while not chunk.over:
        if chunk.text:
            yield chunk.text
        chunk = following(HEARTBEAT)
        if not chunk.text and not chunk.over:
            if not goes_on():
                return
            yield QUIET
    yield chunk.text + END


def at_once(following: Next, seconds: float) -> str | None:
    """As much of the stream as an answer holds that cannot stay open; None: there will never be more."""
    chunk = following(seconds)
    if chunk.over and not chunk.text:
        return None
    return RETRY + (chunk.text or QUIET) + (END if chunk.over else "")


def block(data: str, id: str = "") -> str:
    """One event as the stream shows it. `data` is JSON: line breaks in it stand between parts and mean nothing."""
    line = data.replace("\r", " ").replace("\n", " ")
    return f"id: {id}\ndata: {line}\n\n" if id else f"data: {line}\n\n"


def fitting(items: Sequence[T], size: Callable[[T], int]) -> list[T]:
    """The first of the items, as many as fit into one answer, but at least one."""
    total = 0
    kept: list[T] = []
    for item in items:
        total += size(item)
        if kept and total > MAX_BYTES:
            break
        kept.append(item)
    return kept
