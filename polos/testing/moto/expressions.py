"""EventBridge Scheduler's expressions: what is wrong with one, and when it is due next. moto takes anything.

Written from https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html and from nothing of ours, so
that a test on the harness says something about our translation of crontab lines. `L`, `W` and `#` are refused: nothing
here writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS: Final = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_ITEM: Final = re.compile(r"([0-9]+|[A-Z]{3})(?:-([0-9]+|[A-Z]{3})|/([0-9]+))?")
_RATE: Final = re.compile(r"rate\(([1-9][0-9]*) (minute|hour|day)(s?)\)")
_SECONDS: Final = {"minute": 60, "hour": 3600, "day": 86_400}
_YEARS_AHEAD: Final = 8  # past the next leap day, whatever century


@dataclass(frozen=True)
class Once:
    """`at(...)`."""

    wall: datetime

    def next_after(self, after: float, zone: ZoneInfo, start: float) -> float | None:
        """The moment, unless it is not after `after`; one that was past when the schedule was made (`start`) is due."""
        at = self.wall.replace(tzinfo=zone).timestamp()
        return at if at > after or after == start else None


@dataclass(frozen=True)
class Every:
    """`rate(...)`."""

    seconds: int

    def next_after(self, after: float, zone: ZoneInfo, start: float) -> float | None:
        """The next whole number of periods since `start`."""
        del zone
        return start + (int((after - start) // self.seconds) + 1) * self.seconds


@dataclass(frozen=True)
class Calendar:
    """`cron(...)`: the sets of its fields; None for a day field that is `?`."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int] | None
    months: frozenset[int]
    weekdays: frozenset[int] | None
    years: frozenset[int] | None

    def next_after(self, after: float, zone: ZoneInfo, start: float) -> float | None:
        """The first due time after `after` by the clocks of `zone`; a time that they jump over does not happen."""
        del start
        wall = datetime.fromtimestamp(after, zone).replace(tzinfo=None)
        first = wall.date() - timedelta(days=1)
        for day in (first + timedelta(days=number) for number in range(366 * _YEARS_AHEAD)):
            if self._due_on(day):
                for at in self._times(day, zone):
                    if at > after:
                        return at
        return None

    def _due_on(self, day: date) -> bool:
        return (
            day.month in self.months
            and (self.years is None or day.year in self.years)
            and (self.days is None or day.day in self.days)
            and (self.weekdays is None or day.isoweekday() % 7 + 1 in self.weekdays)
        )

    def _times(self, day: date, zone: ZoneInfo) -> Iterator[float]:
        for hour in self.hours:
            for minute in self.minutes:
                wall = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
                if wall.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall.replace(tzinfo=None):
                    yield wall.timestamp()


Expression = Once | Every | Calendar


def parse(text: str) -> Expression:
    """Read an expression. ValueError if Scheduler would refuse it: the message says why."""
    if len(text) > 256:
        raise ValueError(f"Invalid Schedule Expression {text[:40]}...: {len(text)} characters, 256 at most")
    if text.startswith("at(") and text.endswith(")"):
        return Once(_moment(text))
    if rate := _RATE.fullmatch(text):
        count, unit, plural = int(rate[1]), rate[2], rate[3]
        if (count == 1) == bool(plural):
            raise ValueError(f"Invalid Schedule Expression {text}: one minute, two minutes")
        return Every(count * _SECONDS[unit])
    if text.startswith("cron(") and text.endswith(")"):
        return _calendar(text)
    raise ValueError(f"Invalid Schedule Expression {text}: neither at(), nor rate(), nor cron()")


def _moment(text: str) -> datetime:
    try:
        return datetime.strptime(text, "at(%Y-%m-%dT%H:%M:%S)")  # noqa: DTZ007 - the zone is a field of its own
    except ValueError as error:
        raise ValueError(f"Invalid Schedule Expression {text}: write at(yyyy-mm-ddThh:mm:ss)") from error


def _calendar(text: str) -> Calendar:
    fields = text[len("cron(") : -1].split(" ")
    if len(fields) != 6:
        raise ValueError(f"Invalid Schedule Expression {text}: {len(fields)} fields, 6 are needed")
    minute, hour, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise ValueError(f"Invalid Schedule Expression {text}: exactly one day field must be ?")
    if "/" in weekday:
        raise ValueError(f"Invalid Schedule Expression {text}: no steps in the day of the week")
    return Calendar(
        minutes=tuple(sorted(_values(minute, 0, 59))),
        hours=tuple(sorted(_values(hour, 0, 23))),
        days=None if day == "?" else _values(day, 1, 31),
        months=_values(month, 1, 12, _MONTHS),
        weekdays=None if weekday == "?" else _values(weekday, 1, 7, _WEEKDAYS),
        years=None if year == "*" else _values(year, 1970, 2199),
    )


def _values(field: str, low: int, high: int, names: tuple[str, ...] = ()) -> frozenset[int]:
    return frozenset(value for item in field.split(",") for value in _item(item, low, high, names))


def _item(item: str, low: int, high: int, names: tuple[str, ...]) -> range:
    if item == "*":
        return range(low, high + 1)
    found = _ITEM.fullmatch(item)
    if found is None:
        raise ValueError(f"Invalid Schedule Expression: {item!r} is no item of a field")
    first = _number(found[1], low, names)
    last = _number(found[2], low, names) if found[2] else (high if found[3] else first)
    if not low <= first <= last <= high or found[3] == "0":
        raise ValueError(f"Invalid Schedule Expression: {item!r} is not within {low} to {high}")
    return range(first, last + 1, int(found[3] or 1))


def _number(word: str, low: int, names: tuple[str, ...]) -> int:
    if word.isdigit():
        return int(word)
    if word not in names:
        raise ValueError(f"Invalid Schedule Expression: {word!r} is no name of this field")
    return names.index(word) + low
