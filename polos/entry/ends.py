"""Waiting for executions to end: told at once of ends in this process, noticing within a moment those in others."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from polos.errors import ResultTimeout
from polos.runtime.executions import Meta
from polos.runtime.service import Service

LOOK_SECONDS: Final = 0.05
"""Between looks whether another process has written anything to the store."""
READ_SECONDS: Final = 1.0
"""Between readings of the record when nobody said anything: it may have stalled in this process."""


class Ends:
    """Who waits for which execution. `version()` changes when another process has written; `check()` may raise."""

    def __init__(self, service: Service, *, version: Callable[[], int], check: Callable[[], None]) -> None:
        self._service = service
        self._version = version
        self._check = check
        self._lock = threading.Lock()
        self._waiting: dict[str, list[Callable[[], None]]] = {}

    def tell(self, execution: str) -> None:
        """It has ended, in this process."""
        with self._lock:
            wakes = list(self._waiting.get(execution, ()))
        for wake in wakes:
            wake()

    def wait(self, execution: str, timeout: float | None = None) -> Meta:
        """Block until it ends or stalls. `ResultTimeout` after `timeout` seconds."""
        search = _Search(self._service, execution, timeout)
        while True:
            self._check()
            told = threading.Event()
            with self._watching(search.watched, told.set):
                if search.look():
                    return search.meta
                seen, nap = self._version(), search.nap()
                while nap > 0 and not told.wait(min(nap, LOOK_SECONDS)) and self._version() == seen:
                    nap -= LOOK_SECONDS

    async def wait_async(self, execution: str, timeout: float | None = None) -> Meta:
        """The same, without blocking the event loop."""
        search = _Search(self._service, execution, timeout)
        while True:
            self._check()
            signal = _Signal()
            with self._watching(search.watched, signal.tell):
                if search.look():
                    return search.meta
                seen, nap = self._version(), search.nap()
                while nap > 0 and not await signal.wait(min(nap, LOOK_SECONDS)) and self._version() == seen:
                    nap -= LOOK_SECONDS

    @contextmanager
    def _watching(self, execution: str, wake: Callable[[], None]) -> Iterator[None]:
        with self._lock:
            self._waiting.setdefault(execution, []).append(wake)
        try:
            yield
        finally:
            with self._lock:
                self._waiting[execution].remove(wake)
                if not self._waiting[execution]:
                    del self._waiting[execution]


class _Signal:
    """What a coroutine waits for: to be told from any thread, or the time to be over."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()
        self._told = False

    def tell(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._told = True
        self._event.set()

    async def wait(self, seconds: float) -> bool:
        """Whether it was told within that time. Lighter than `asyncio.wait_for`, which makes a task."""
        if not self._told:
            self._event.clear()
        timer = self._loop.call_later(seconds, self._event.set)
        try:
            await self._event.wait()
        finally:
            timer.cancel()
        return self._told


class _Search:
    """One waiting for an execution, or for the last one it is continued as."""

    def __init__(self, service: Service, execution: str, timeout: float | None) -> None:
        self._service = service
        self._execution = execution
        self._timeout = timeout
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self.watched = execution
        self.meta: Meta
        self._moved = False

    def look(self) -> bool:
        """Whether it is over: then `meta` says how. Raises `ResultTimeout` when it is not and time is."""
        self.meta = self._service.latest(self._execution)
        if self.meta.ended or self.meta.status == "stalled":
            return True
        self._moved, self.watched = self.meta.info.execution != self.watched, self.meta.info.execution
        if self._deadline is not None and time.monotonic() >= self._deadline:
            raise ResultTimeout(
                f"execution {self._execution} of {self.meta.info.workflow!r} has not ended after {self._timeout} s "
                f"(it is {self.meta.status}); it goes on: ask again with its handle"
            )
        return False

    def nap(self) -> float:
        """Seconds until it has to be looked at again, whatever happens."""
        if self._moved:  # it was continued as another, whose end was not listened for yet
            return 0.0
        left = READ_SECONDS if self._deadline is None else self._deadline - time.monotonic()
        return max(0.001, min(READ_SECONDS, left))
