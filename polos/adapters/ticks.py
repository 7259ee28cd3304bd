"""When a repeating timer is due, in epoch seconds, for the adapters that fire their own timers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from polos.core.cron import Cron, time_zone
from polos.core.cron.times import next_times
from polos.errors import InvalidSchedule
from polos.ports import TICK


class DueTicks(NamedTuple):
    """What a repeating timer has to send now, and when it is due again (None: never)."""

    due: tuple[float, ...]
    following: float | None


def first_tick(cron: str, *, timezone: str, after: float) -> float:
    """The first due time after `after`.

    Raises:
        InvalidSchedule: The line or the zone cannot be used, or the schedule is never due.
    """
    time_zone(timezone)
    due = next_tick(cron, timezone=timezone, after=after)
    if due is None:
        raise InvalidSchedule(
            f"schedule {cron!r} is never due in {timezone}: daylight saving skips all its times"
        )
    return due


def next_tick(cron: str, *, timezone: str, after: float) -> float | None:
    """The first due time after `after`; None if there is none in the next hundred years."""
    start = datetime.fromtimestamp(after, UTC)
    times = next_times(Cron.parse(cron), after=start, timezone=timezone, count=1)
    return times[0].timestamp() if times else None


def due_ticks(cron: str, *, timezone: str, first: float, now: float, limit: int) -> DueTicks:
    """The due times from `first` on that are not after `now`: at most `limit`, and the one behind them."""
    parsed = Cron.parse(cron)
    pending: list[float] = [first]
    due: list[float] = []
    ask = 1  # mostly one tick is due; a machine that was off for days has many, and asking for each alone is slow
    while pending and pending[0] <= now and len(due) < limit:
        due.append(pending.pop(0))
        if not pending:
            start = datetime.fromtimestamp(due[-1], UTC)
            times = next_times(parsed, after=start, timezone=timezone, count=ask)
            pending = [at.timestamp() for at in times]
            ask = min(2 * ask, 64)
    return DueTicks(tuple(due), pending[0] if pending else None)


def tick_body(body: str, due: float) -> str:
    """`body` with the due time in the place of TICK."""
    return body.replace(TICK, datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
