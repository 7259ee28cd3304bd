"""From the wall clock of a time zone to instants, with daylight saving as EventBridge Scheduler has it.

A wall time that the clocks jump over does not happen: it is skipped. A wall time that they pass twice happens once, for
schedules of every hour and minute too; we take the first pass. (Scheduler's user guide, "Daylight savings time":
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html.) croniter and cronsim differ: they run a
skipped time later, and some repeated times twice. Doing as Scheduler does on every backend means that a schedule tried
out on one machine is due at the same instants on AWS.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from polos.core.cron.fields import HOUR
from polos.core.cron.parse import Cron
from polos.errors import InvalidSchedule

# Names that zoneinfo opens but that mean something else on every machine, or nothing to AWS.
_NOT_ZONES: Final = ("localtime", "posixrules", "Factory", "posix/", "right/")
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """Wall times from `start` (included) to `end` (excluded) do not exist: the clocks go from `start` to `end`."""

    start: datetime
    end: datetime


def time_zone(name: str) -> ZoneInfo:
    """The zone of an IANA name such as `Europe/Berlin`.

    Raises:
        InvalidSchedule: There is no such zone. The message names similar ones.
    """
    try:
        if name.startswith(_NOT_ZONES):
            raise KeyError(name)
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # not found, not a name, a directory
        raise InvalidSchedule(f"there is no time zone {name[:80]!r}; {_similar(name)}") from error


def instant(wall: datetime, zone: ZoneInfo) -> datetime | None:
    """The first instant (UTC) at which the clocks of `zone` show the naive `wall`, or None if they jump over it."""
    at = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return at if at.astimezone(zone).replace(tzinfo=None) == wall else None


def gaps(zone: ZoneInfo, year: int) -> Iterator[Gap]:
    """The gaps of `zone` that begin in `year`, in order."""
    day, end = (
        datetime(year, 1, 1, tzinfo=UTC) - timedelta(days=1),
        datetime(year, 12, 31, tzinfo=UTC) + timedelta(days=1),
    )
    while day <= end:
        before, after = _offset(day, zone), _offset(day + timedelta(days=1), zone)
        if after > before:
            at = _change(day, zone).replace(tzinfo=None)
            if (at + before).year == year:
                yield Gap(start=at + before, end=at + after)
        day += timedelta(days=1)


def gap_warning(cron: Cron, timezone: str, year: int) -> str | None:
    """What to tell the user if a run of `cron` in `year` is skipped because its wall time does not exist, else None.

    A schedule for every hour is not warned about: no hour of real time goes by without it.

    Raises:
        InvalidSchedule: There is no such time zone.
    """
    zone = time_zone(timezone)
    if cron.hours == HOUR.every:
        return None
    for gap in gaps(zone, year):
        wall = gap.start
        while wall < gap.end:
            if cron.due_at(wall):
                return _skipped(cron, timezone, wall, gap)
            wall += _MINUTE
    return None


def _skipped(cron: Cron, timezone: str, wall: datetime, gap: Gap) -> str:
    end = f"{gap.end:%H:%M}" if gap.end.date() == wall.date() else f"{gap.end:%Y-%m-%d %H:%M}"
    return (
        f"schedule '{cron.text}' is skipped on {wall:%Y-%m-%d}: {wall:%H:%M} does not exist in {timezone} on that day, "
        f"when the clocks go from {gap.start:%H:%M} to {end}. Choose another hour, or time zone UTC"
    )


def _offset(at: datetime, zone: ZoneInfo) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta(0)


def _change(day: datetime, zone: ZoneInfo) -> datetime:
    """The instant within 24 hours of `day` at which the offset of `zone` changes, to the second."""
    offset, low, high = _offset(day, zone), 0, 24 * 60 * 60
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(day + timedelta(seconds=middle), zone) == offset:
            low = middle
        else:
            high = middle
    return day + timedelta(seconds=high)


def _similar(name: str) -> str:
    """Zones that look or end like `name`: `berlin` is Europe/Berlin, `New York` is America/New_York."""
    wanted = name[:80].strip().lower().replace(" ", "_")
    known = {zone.lower(): zone for zone in sorted(available_timezones()) if not zone.startswith(_NOT_ZONES)}
    if not known:
        return "this machine has no time zone database: install the 'tzdata' package"
    if wanted in known:
        return f"write '{known[wanted]}'"
    cities = [zone for lower, zone in known.items() if lower.rsplit("/", 1)[-1] == wanted]
    likely = cities or [known[lower] for lower in difflib.get_close_matches(wanted, known, n=3, cutoff=0.7)]
    if likely:
        return f"did you mean {' or '.join(likely)}?"
    return "write an IANA name such as 'UTC', 'Europe/Berlin' or 'America/New_York'"
