"""A crontab line, read once and kept as sets of numbers.

The two day fields are the hard part of crontab(5). Both restricted means that a day which matches *either* is due; but
if one of them begins with `*` (`*/2` is a restriction that does), a day must match *both*. `DayRule` names the five
cases, so that nobody after the parser has to think of it again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Final

from polos.core.cron.fields import DAY, HOUR, MINUTE, MONTH, WEEKDAY, BadField, compact
from polos.errors import InvalidSchedule

_MACROS: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
_FIELDS: Final = (MINUTE, HOUR, DAY, MONTH, WEEKDAY)
_EXAMPLE: Final = "'0 9 * * 1-5' (09:00, Monday to Friday)"
_FIVE: Final = f"write minute, hour, day of the month, month and day of the week, for example {_EXAMPLE}"
_LONGEST_MONTH: Final = (0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)  # by number, in any year


class DayRule(Enum):
    """Which days are due, once the two day fields are understood together."""

    EVERY_DAY = "every day"
    DAYS = "days of the month"
    WEEKDAYS = "days of the week"
    EITHER = "days of the month, and days of the week"
    BOTH = "days of the month that are one of the days of the week"


@dataclass(frozen=True, slots=True)
class Cron:
    """When a schedule is due, on a wall clock that knows nothing of time zones. Equal if due at the same times.

    Every tuple is ascending. A day field that the rule does not ask is full.

    Attributes:
        text: As it was written, single-spaced.
        minutes: 0 to 59.
        hours: 0 to 23.
        days: 1 to 31.
        months: 1 to 12.
        weekdays: 0 (Sunday) to 6 (Saturday).
        day_rule: How `days` and `weekdays` go together.
    """

    text: str = field(compare=False)
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    day_rule: DayRule

    @classmethod
    def parse(cls, text: str) -> Cron:
        """Read five fields as in crontab(5), or a macro: `@hourly @daily @midnight @weekly @monthly @yearly @annually`.

        Raises:
            InvalidSchedule: It is no such line, or one that is never due. The message says what to write instead.
        """
        written = re.findall(r"\S+", text, re.ASCII)
        words = _expand(written)
        if len(words) != len(_FIELDS):
            raise InvalidSchedule(f"schedule {_quote(text)} {_miscounted(words)}")
        try:
            minutes, hours, days, months, weekdays = (
                place.parse(word) for place, word in zip(_FIELDS, words, strict=True)
            )
        except BadField as problem:
            raise InvalidSchedule(f"schedule {_quote(text)}: {problem}") from problem
        rule = _combine(words, days, weekdays)
        if rule in _NEEDS_A_DATE and min(days) > max(_LONGEST_MONTH[month] for month in months):
            if rule is not DayRule.EITHER:
                raise InvalidSchedule(_never(text, days, months))
            rule = DayRule.WEEKDAYS  # the half that can be due
        return cls(
            text=" ".join(written),
            minutes=minutes,
            hours=hours,
            days=days if rule in _NEEDS_A_DATE else DAY.every,
            months=months,
            weekdays=weekdays if rule in _NEEDS_A_WEEKDAY else WEEKDAY.every,
            day_rule=rule,
        )

    def due_on(self, day: date) -> bool:
        """Is any minute of `day` due?"""
        if day.month not in self.months:
            return False
        by_date, by_weekday = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        # A field that the rule does not ask is full, so it never denies; only EITHER asks for one of two.
        return (by_date or by_weekday) if self.day_rule is DayRule.EITHER else (by_date and by_weekday)

    def due_at(self, wall: datetime) -> bool:
        """Is the minute of `wall` due? Its time zone, seconds and fold are not looked at."""
        return wall.minute in self.minutes and wall.hour in self.hours and self.due_on(wall.date())

    def __str__(self) -> str:
        return self.text


_NEEDS_A_DATE: Final = frozenset({DayRule.DAYS, DayRule.EITHER, DayRule.BOTH})
_NEEDS_A_WEEKDAY: Final = frozenset({DayRule.WEEKDAYS, DayRule.EITHER, DayRule.BOTH})


def _combine(words: Sequence[str], days: Sequence[int], weekdays: Sequence[int]) -> DayRule:
    """The rule for the two day fields. Cron goes by the first character: `1-31` is a restriction, `*/2` is a star."""
    any_date, any_weekday = len(days) == len(DAY.every), len(weekdays) == len(WEEKDAY.every)
    must_match_both = words[2].startswith("*") or words[4].startswith("*")
    if any_date and any_weekday:
        return DayRule.EVERY_DAY
    if not must_match_both:
        return DayRule.EVERY_DAY if any_date or any_weekday else DayRule.EITHER
    if any_weekday:
        return DayRule.DAYS
    return DayRule.WEEKDAYS if any_date else DayRule.BOTH


def _expand(words: list[str]) -> list[str]:
    """The five fields that a macro stands for; anything else as it is."""
    if len(words) != 1 or not words[0].startswith("@"):
        return words
    macro = words[0].lower()
    if macro in _MACROS:
        return _MACROS[macro].split()
    if macro == "@reboot":
        raise InvalidSchedule(
            "schedule '@reboot' names no time: there is no machine here that boots; "
            "invoke the workflow from your deployment, or write a time such as '@daily'"
        )
    raise InvalidSchedule(
        f"schedule {_quote(words[0])} is not a macro that cron knows; write five fields or {' '.join(_MACROS)}"
    )


def _miscounted(words: list[str]) -> str:
    """What is wrong with a line that has not five fields, and what to write instead."""
    first = words[0].lower() if words else ""
    if not first:
        return f"is empty; {_FIVE}"
    if first.startswith(("cron(", "rate(", "at(")) or (len(words) == 6 and "?" in (words[2], words[4])):
        return f"is an EventBridge expression; write it as in crontab(5), for example {_EXAMPLE}"
    if first == "@every":
        return "is not crontab; write a step, for example '*/5 * * * *' (every 5 minutes)"
    if "=" in first:
        return f"sets a variable; pass the time zone as `timezone`, and write {_quote(' '.join(words[1:]))}"
    if len(words) in (6, 7):
        rest = " ".join(words[1:6]).replace("?", "*")
        return f"has {len(words)} fields; crontab has five, no seconds or years: without seconds it is {_quote(rest)}"
    return f"has {len(words)} {'field' if len(words) == 1 else 'fields'}; {_FIVE}"


def _never(text: str, days: Sequence[int], months: Sequence[int]) -> str:
    longest = max(_LONGEST_MONTH[month] for month in months)
    return (
        f"schedule {_quote(text)} is never due: in the months it names, no day of the month is {compact(days)}; "
        f"write a day of at most {longest}, or another month"
    )


def _quote(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
