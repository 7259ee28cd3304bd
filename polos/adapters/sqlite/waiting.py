"""Receivers that wait for messages, and how those who send wake them.

Inside a process a sender wakes as many waiting receivers as there are messages for them. What changes without a
wake-up (a delay made shorter, another process) is noticed by looking: `generation` counts the changes of this process.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


class Waiter:
    """One waiting receiver."""

    def __init__(self, queues: frozenset[str]) -> None:
        self.queues = queues
        self.dismissed = False
        self.hint: str | None = None
        """The queue for which it was woken last."""
        self._event = threading.Event()

    def wait(self, seconds: float) -> bool:
        """Sleep for up to `seconds`; True if woken. It has to be woken anew for the next time."""
        woken = self._event.wait(seconds)
        self._event.clear()
        return woken

    def wake(self, queue: str | None = None) -> bool:
        """True if this made a difference. `queue` has something for it."""
        if self._event.is_set():
            return False
        self.hint = queue
        self._event.set()
        return True


class Waiters:
    """The receivers of one database in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[Waiter] = []
        self.generation = 0

    @contextmanager
    def waiting(self, queues: Sequence[str]) -> Iterator[Waiter]:
        """Register a receiver of `queues`. What is sent from here on wakes it."""
        waiter = Waiter(frozenset(queues))
        with self._lock:
            self._waiting.append(waiter)
        try:
            yield waiter
        finally:
            with self._lock:
                self._waiting.remove(waiter)

    def dismiss(self) -> None:
        """Wake everybody who waits now, to go away."""
        with self._lock:
            for waiter in self._waiting:
                waiter.dismissed = True
                waiter.wake()

    def notify(self, queue: str, ready: int) -> None:
        """Something changed in `queue`: wake up to `ready` of those who wait for it, longest waiting first."""
        with self._lock:
            self.generation += 1
            for waiter in self._waiting if ready > 0 else ():
                if queue in waiter.queues and waiter.wake(queue):
                    ready -= 1
                    if ready == 0:
                        return
