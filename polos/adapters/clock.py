"""The clocks: the real one, and one that a test holds in its hands."""

from __future__ import annotations

import threading
import time
from typing import Final

VIRTUAL_START: Final = 1_795_000_000.0
"""Where a `VirtualClock` begins unless told otherwise: 2026-11-18T13:46:40Z, the same in every run."""


class SystemClock:
    """The clocks of this machine."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of a clock that never goes back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`; at once for zero and less."""
        if seconds > 0:
            time.sleep(seconds)


class VirtualClock:
    """Time that passes only when somebody lets it: `sleep` and `advance` move it and return at once.

    One clock for all threads. Whoever sleeps on it moves it for everybody: a simulation runs one thing at a time.
    """

    def __init__(self, start: float = VIRTUAL_START) -> None:
        self._start = start
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> float:
        """Seconds since the epoch, as far as this world knows."""
        return self._now

    def monotonic(self) -> float:
        """Seconds since this clock was made."""
        return self._now - self._start

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass; nothing for zero and less."""
        if seconds > 0:
            self.advance(seconds)

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass. ValueError if they are negative: no clock of ours goes back."""
        if seconds < 0:
            raise ValueError(f"a clock does not go back: advance(seconds) takes 0 or more, got {seconds}")
        with self._lock:
            self._now += seconds

    def advance_to(self, at: float) -> None:
        """Let time pass until `at` (epoch seconds); nothing if that is over already."""
        with self._lock:
            self._now = max(self._now, at)
