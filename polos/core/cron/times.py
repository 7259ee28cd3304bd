"""The instants at which a schedule is due.

Here croniter does the walking, because a well-kept library beats our own code: months, leap years and the two day
fields are its trade. It walks the *wall clock* (naive datetimes), over fields already reduced to plain lists of
numbers, so none of the syntax on which it and crontab(5) differ reaches it. (Version 7 at least: those before 6.2 lose
1 March of `0 0 1,30 * *`.) What it does with time zones is not what EventBridge Scheduler does: that step is ours
(`zones`).

This module is not imported by the package: croniter and dateutil are only for who asks for times.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final, cast
from zoneinfo import ZoneInfo

from croniter import croniter

from polos.core.cron.fields import DAY, HOUR, MINUTE, MONTH, WEEKDAY, Field
from polos.core.cron.parse import Cron, DayRule
from polos.core.cron.zones import instant, time_zone

# A line that must match both day fields can rest for 40 years (29 February on a Sunday, across 2100). One whose every
# time falls into a gap is never due: the walk has to end somewhere.
_HORIZON: Final = timedelta(days=100 * 366)


def next_times(cron: Cron, *, after: datetime, timezone: str, count: int) -> list[datetime]:
    """The first `count` instants after `after` at which `cron` is due on the clocks of `timezone`: UTC, ascending.

    Fewer if the schedule is not due so often in the next 100 years (one that daylight saving always skips).

    Args:
        after: An aware datetime. An instant equal to it is not among the results.
        timezone: An IANA name.

    Raises:
        InvalidSchedule: There is no such time zone.
        ValueError: `after` is naive, or `count` is negative.
    """
    if count < 0:
        raise ValueError(f"count is how many times to list, 0 or more; got {count}")
    zone = time_zone(timezone)
    times: list[datetime] = []
    if count == 0:
        return times
    # After the clocks went back, the wall shows times it has shown before. Those were due then, so all that is needed
    # is to skip what is not later than `after`.
    for wall in _walk(cron, _wall(after, zone), back=False):
        at = instant(wall, zone)
        if at is not None and at > after:
            times.append(at)
        if len(times) == count:
            break
    return times


def previous_time(cron: Cron, *, before: datetime, timezone: str) -> datetime | None:
    """The last instant earlier than `before` at which `cron` was due on the clocks of `timezone`, in UTC.

    None if there was none in 100 years (one that daylight saving always skips).

    Raises:
        InvalidSchedule: There is no such time zone.
        ValueError: `before` is naive.
    """
    zone = time_zone(timezone)
    wall = _wall(before, zone)
    # In the second pass through a repeated hour, times that the wall shows later were due already: begin behind them.
    repeated = _offset_of(wall, zone, fold=0) - _offset_of(wall, zone, fold=1)
    start = wall + max(repeated, timedelta(0)) * before.astimezone(zone).fold
    for earlier in _walk(cron, start, back=True):
        at = instant(earlier, zone)
        if at is not None and at < before:
            return at
    return None


def _walk(cron: Cron, start: datetime, *, back: bool) -> Iterator[datetime]:
    """The due wall times after (or before) `start`, nearest first, to the horizon."""
    walker = croniter(_plain(cron), start, ret_type=datetime, day_or=cron.day_rule is not DayRule.BOTH)
    step = walker.get_prev if back else walker.get_next
    while True:
        wall = cast(datetime, step())
        if abs(wall - start) > _HORIZON:
            return
        yield wall


def _plain(cron: Cron) -> str:
    """`cron` as lists of numbers, which every reader of crontab lines reads alike."""
    return " ".join(
        _plain_field(place, values)
        for place, values in (
            (MINUTE, cron.minutes),
            (HOUR, cron.hours),
            (DAY, cron.days),
            (MONTH, cron.months),
            (WEEKDAY, cron.weekdays),
        )
    )


def _plain_field(place: Field, values: tuple[int, ...]) -> str:
    return "*" if values == place.every else ",".join(map(str, values))


def _wall(at: datetime, zone: ZoneInfo) -> datetime:
    """What the clocks of `zone` show at `at`, as a naive datetime."""
    if at.tzinfo is None:
        raise ValueError(
            f"{at} has no time zone; pass an aware datetime, for example datetime(2026, 1, 1, tzinfo=UTC)"
        )
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _offset_of(wall: datetime, zone: ZoneInfo, *, fold: int) -> timedelta:
    return wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0)
