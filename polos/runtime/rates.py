"""Rate limits: at most `limit` starts in any window of `seconds`, in order of arrival.

One record per queue and concurrency key holds the times of the last `limit` grants, future ones included. Who comes
takes the next time that fits, at once or later, and keeps it: its message is sent again for that time.
"""

from __future__ import annotations

import json
from typing import Final

from polos.core.definitions import RateLimit
from polos.core.ids import fraction
from polos.errors import PolosError
from polos.ports import ABSENT, Key, Ports, Put

KEPT_SECONDS: Final = 86_400.0
ROUNDS: Final = 200
LATE_SECONDS: Final = 5.0
"""Who comes so much later than its time, its process having died, takes a new one: others have theirs around now."""


def granted(ports: Ports, partition: str, who: str) -> float | None:
    """The time at which `who` may start, if it has been given one."""
    record = ports.records.get(Key(partition, f"granted|{who}"))
    return None if record is None else float(record.value)


def reserve(ports: Ports, partition: str, limit: RateLimit, who: str) -> float:
    """The time (epoch seconds) at which `who` may start: now or later. A repeat gives the same time, if in time."""
    own, times = Key(partition, f"granted|{who}"), Key(partition, "times")
    for attempt in range(ROUNDS):
        now = ports.clock.now()
        given = ports.records.get(own)
        if given is not None and float(given.value) >= now - LATE_SECONDS:
            return float(given.value)
        record = ports.records.get(times)
        last: list[float] = json.loads(record.value) if record else []
        at = now if len(last) < limit.limit else max(now, last[-limit.limit] + limit.seconds)
        at = max([at, *last[-1:]])
        kept = [*last, at][-limit.limit :]
        written = ports.records.write(
            Put(times, json.dumps(kept), expect=record.version if record else ABSENT),
            Put(own, repr(at), expect=given.version if given else ABSENT, expires_at=at + KEPT_SECONDS),
        )
        if written:
            return at
        if attempt > 1:
            ports.clock.sleep(fraction(who, str(attempt)) * min(1.0, 0.005 * 2 ** min(attempt, 20)))
    raise PolosError(f"the rate limit of {partition!r} is contended beyond reason")
