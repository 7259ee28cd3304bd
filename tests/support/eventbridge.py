"""A small reader of EventBridge Scheduler's `cron(...)`, written from its documentation and from nothing of ours.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html: six fields, exactly one of the two day
fields is `?`, Sunday is 1, no `/` in the day of the week. Refuses what Scheduler refuses, with ValueError.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_NUMBER = r"([0-9]+|[A-Z]{3})"


class EventBridgeCron:
    """One expression. `due_after` lists the wall times at which it is due."""

    def __init__(self, expression: str) -> None:
        whole = re.fullmatch(r"cron\((\S+) (\S+) (\S+) (\S+) (\S+) (\S+)\)", expression)
        if whole is None or len(expression) > 256:
            raise ValueError(f"{expression} is not six fields in at most 256 characters")
        minute, hour, day, month, weekday, year = whole.groups()
        if (day == "?") == (weekday == "?") or year != "*":
            raise ValueError(f"{expression} must have '?' in exactly one day field")
        if "/" in weekday:
            raise ValueError(f"{expression} has a step in the day of the week")
        self._minutes = sorted(_values(minute, 0, 59))
        self._hours = sorted(_values(hour, 0, 23))
        self._days = None if day == "?" else _values(day, 1, 31)
        self._months = _values(month, 1, 12, _MONTHS)
        self._weekdays = None if weekday == "?" else _values(weekday, 1, 7, _WEEKDAYS)

    def due_after(self, start: datetime, years: int = 60) -> Iterator[datetime]:
        """The naive wall times later than `start`, ascending, for some years."""
        day = start.date()
        for _ in range(366 * years):
            if self._due_on(day):
                yield from (
                    wall
                    for hour in self._hours
                    for minute in self._minutes
                    if (wall := datetime(day.year, day.month, day.day, hour, minute)) > start
                )
            day += timedelta(days=1)

    def _due_on(self, day: date) -> bool:
        weekday = day.isoweekday() % 7 + 1
        return (
            day.month in self._months
            and (self._days is None or day.day in self._days)
            and (self._weekdays is None or weekday in self._weekdays)
        )


def _values(text: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    return {value for item in text.split(",") for value in _item(item, low, high, names)}


def _item(item: str, low: int, high: int, names: tuple[str, ...]) -> range:
    if item == "*":
        return range(low, high + 1)
    match = re.fullmatch(rf"{_NUMBER}(?:-{_NUMBER}|/([0-9]+))?", item)
    if match is None:
        raise ValueError(f"{item} is not an item of a field")
    first = _number(match[1], low, names)
    last = _number(match[2], low, names) if match[2] else (high if match[3] else first)
    if not low <= first <= last <= high:
        raise ValueError(f"{item} is not within {low} to {high}")
    return range(first, last + 1, int(match[3] or 1))


def _number(word: str, low: int, names: tuple[str, ...]) -> int:
    return int(word) if word.isdigit() else names.index(word) + low
