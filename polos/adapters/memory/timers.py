"""Timers as two dictionaries; `fire_due` is the hand that moves the clockwork."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from polos.adapters.limits import check_messages, check_name
from polos.adapters.ticks import due_ticks, first_tick, tick_body
from polos.ports import Clock, Outgoing, Queue

_TICKS_AT_ONCE: Final = 1_000


@dataclass(slots=True)
class _Once:
    due: float
    queue: str
    body: str


@dataclass(slots=True)
class _Repeating:
    due: float
    cron: str
    timezone: str
    queue: str
    body: str


class MemoryTimers:
    """`polos.ports.Timers` in this process. Nothing fires by itself: call `fire_due` whenever time has passed."""

    def __init__(self, clock: Clock, lock: threading.RLock, queue: Queue) -> None:
        self._clock = clock
        self._lock = lock
        self._queue = queue
        self._once: dict[str, _Once] = {}
        self._repeating: dict[str, _Repeating] = {}

    def at(self, name: str, due: float, queue: str, body: str) -> None:
        """See `polos.ports.Timers.at`."""
        check_name(name, "timer")
        message = Outgoing(body)
        check_messages(queue, [message], 0)
        with self._lock:
            if due > self._clock.now():
                self._once.setdefault(name, _Once(due, queue, body))
            elif name not in self._once:
                self._queue.send(queue, [message])

    def cancel(self, name: str) -> None:
        """See `polos.ports.Timers.cancel`."""
        check_name(name, "timer")
        with self._lock:
            self._once.pop(name, None)

    def repeat(self, name: str, *, cron: str, timezone: str, queue: str, body: str) -> None:
        """See `polos.ports.Timers.repeat`."""
        check_name(name, "timer")
        check_messages(queue, [Outgoing(body)], 0)
        due = first_tick(cron, timezone=timezone, after=self._clock.now())
        with self._lock:
            self._repeating[name] = _Repeating(due, cron, timezone, queue, body)

    def stop(self, name: str) -> None:
        """See `polos.ports.Timers.stop`."""
        check_name(name, "timer")
        with self._lock:
            self._repeating.pop(name, None)

    def next_due(self) -> float | None:
        """When the next timer is due (epoch seconds, may be past); None if there is none."""
        with self._lock:
            due = [timer.due for timer in self._once.values()]
            due += [timer.due for timer in self._repeating.values()]
            return min(due, default=None)

    def fire_due(self, *, early: float = 0.0) -> int:
        """Send what is due, in order of due times; how many messages that were.

        Args:
            early: So many seconds too soon for one-shot timers, as `polos.ports.Timers.at` allows. Ticks are on time.
        """
        with self._lock:
            now = self._clock.now()
            fired = [(timer.due, timer.queue, timer.body) for timer in self._due_once(now + early)]
            for timer in list(self._repeating.items()):
                fired += self._due_ticks(*timer, now)
            for _, queue, body in sorted(fired, key=lambda one: one[0]):
                self._queue.send(queue, [Outgoing(body)])
            return len(fired)

    def _due_once(self, until: float) -> list[_Once]:
        due = [name for name, timer in self._once.items() if timer.due <= until]
        return [self._once.pop(name) for name in due]

    def _due_ticks(self, name: str, timer: _Repeating, now: float) -> list[tuple[float, str, str]]:
        if timer.due > now:
            return []
        due, following = due_ticks(
            timer.cron, timezone=timer.timezone, first=timer.due, now=now, limit=_TICKS_AT_ONCE
        )
        if following is None:
            del self._repeating[name]
        else:
            timer.due = following
        return [(at, timer.queue, tick_body(timer.body, at)) for at in due]
