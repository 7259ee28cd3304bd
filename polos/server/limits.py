"""How often one caller may ask: a bucket of tokens that all processes of a stack draw from.

A request costs a token. The bucket holds `burst` and is filled again at `rate` a second. A process draws a handful at a
time and spends them itself: a write for every tenth request, not for every one. What it does not spend is lost.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Final

from polos.core.ids import fraction
from polos.errors import RateLimited
from polos.ports import ABSENT, Clock, Key, Put, Records
from polos.server.signing import SERVER

ROUNDS: Final = 8
KEPT_SECONDS: Final = 3600.0
FRESH_SECONDS: Final = 10.0
"""How long a handful may be spent: a process that wakes up later asks again."""


@dataclass(frozen=True, slots=True)
class Rate:
    """`rate` requests a second on the average, `burst` of them at once."""

    rate: float = 50.0
    burst: float = 100.0

    @property
    def handful(self) -> int:
        """How many tokens a process draws at once."""
        return max(1, int(self.burst) // 10)


DEFAULT_RATE: Final = Rate()


class RateLimiter:
    """The buckets of all callers."""

    def __init__(self, records: Records, clock: Clock, rate: Rate = DEFAULT_RATE) -> None:
        self._records = records
        self._clock = clock
        self._rate = rate
        self._drawn: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def take(self, who: str) -> None:
        """Spend a token of this caller's. `RateLimited` if there is none."""
        with self._lock:
            left, at = self._drawn.get(who, (0, 0.0))
            if left > 0 and self._clock.monotonic() - at < FRESH_SECONDS:
                self._drawn[who] = (left - 1, at)
                return
        drawn = self._draw(who)
        with self._lock:
            self._drawn[who] = (drawn - 1, self._clock.monotonic())

    def _draw(self, who: str) -> int:
        key = Key(f"{SERVER}|rate|{who}", "bucket")
        for attempt in range(ROUNDS):
            record = self._records.get(key)
            now = self._clock.now()
            tokens = self._tokens(record.value if record else None, now)
            drawn = min(self._rate.handful, int(tokens))
            if drawn < 1:
                raise self._refusal((1 - tokens) / self._rate.rate)
            value = json.dumps({"tokens": tokens - drawn, "at": now})
            expect = record.version if record else ABSENT
            if self._records.write(Put(key, value, expect=expect, expires_at=now + KEPT_SECONDS)):
                return drawn
            self._clock.sleep(fraction(who, str(attempt), str(now)) * 0.02 * 2**attempt)
        raise self._refusal(1.0)  # so many draw at once that there can hardly be anything left

    def _tokens(self, text: str | None, now: float) -> float:
        if text is None:
            return self._rate.burst
        bucket = json.loads(text)
        refilled = bucket["tokens"] + max(0.0, now - bucket["at"]) * self._rate.rate
        return float(min(self._rate.burst, refilled))

    def _refusal(self, seconds: float) -> RateLimited:
        return RateLimited(
            f"this key may ask {self._rate.rate:g} times a second, {self._rate.burst:g} times at once; "
            f"there is room again in {max(seconds, 0.1):.1f} s",
            retry_after=seconds,
        )
