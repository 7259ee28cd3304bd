"""A crontab line as a short English sentence, for the command line and the dashboard. It names no time zone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from polos.core.cron.fields import HOUR, MINUTE, MONTH, Field, runs
from polos.core.cron.parse import Cron, DayRule

_WEEKDAYS: Final = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_MOST_TIMES: Final = 6  # that are listed one by one
_SHORTEST_RANGE: Final = 3


def describe(cron: Cron) -> str:
    """When `cron` is due, in words: `At 09:00, Monday to Friday`, `Every 5 minutes`. No full stop, no time zone."""
    sentence = _times(cron.minutes, cron.hours) + _days(cron) + _months(cron.months)
    return sentence[0].upper() + sentence[1:]


def _times(minutes: Sequence[int], hours: Sequence[int]) -> str:
    return _every_hour(minutes) if hours == HOUR.every else _some_hours(minutes, hours)


def _every_hour(minutes: Sequence[int]) -> str:
    if step := _rhythm(MINUTE, minutes):
        return "every minute" if step == 1 else f"every {step} minutes"
    if minutes == (0,):
        return "every hour"
    return f"at {_minutes(minutes)} of every hour"


def _some_hours(minutes: Sequence[int], hours: Sequence[int]) -> str:
    if len(hours) >= _SHORTEST_RANGE and (step := _rhythm(HOUR, hours)):
        return f"every {step} hours" + ("" if minutes == (0,) else f" at {_minutes(minutes)}")
    if len(minutes) == 1 and _is_run(hours):
        return f"every hour from {_clock(hours[0], minutes[0])} to {_clock(hours[-1], minutes[0])}"
    if len(minutes) * len(hours) <= _MOST_TIMES:
        return "at " + _series([_clock(hour, minute) for hour in hours for minute in minutes])
    if (step := _rhythm(MINUTE, minutes)) and hours[-1] - hours[0] == len(hours) - 1:
        rhythm = "every minute" if step == 1 else f"every {step} minutes"
        return f"{rhythm} from {_clock(hours[0], minutes[0])} to {_clock(hours[-1], minutes[-1])}"
    return f"at {_minutes(minutes)} of the hours {_series(_spans(hours))}"


def _days(cron: Cron) -> str:
    match cron.day_rule:
        case DayRule.EVERY_DAY:
            round_the_clock = cron.hours == HOUR.every or (
                len(cron.hours) >= _SHORTEST_RANGE and _rhythm(HOUR, cron.hours)
            )
            return "" if round_the_clock else " every day"
        case DayRule.DAYS:
            return f" on {_dates(cron.days)}"
        case DayRule.WEEKDAYS:
            return _weekdays(cron.weekdays)
        case DayRule.EITHER:
            return f" on {_dates(cron.days)}, and also{_weekdays(cron.weekdays).removeprefix(',')}"
        case DayRule.BOTH:
            return f" on {_dates(cron.days)} if it is a {_series(_week(cron.weekdays), 'or')}"


def _dates(days: Sequence[int]) -> str:
    if len(days) == 1:
        return f"day {days[0]} of the month"
    if (
        len(days) > _MOST_TIMES
        and tuple(days) == tuple(range(days[0], days[-1] + 1, days[1] - days[0]))
        and not _is_run(days)
    ):
        return f"days {days[0]}, {days[1]}, {days[2]} and so on to {days[-1]} of the month"
    return f"days {_series(_spans(days))} of the month"


def _weekdays(weekdays: Sequence[int]) -> str:
    names = _week(weekdays)
    # The week of a sentence begins on Monday: 1-5 is a run, and so is 0,4-6 (Thursday to Sunday).
    if _is_run(sorted(number or 7 for number in weekdays)):
        return f", {names[0]} to {names[-1]}"
    return f" on {_series(names)}"


def _week(weekdays: Iterable[int]) -> list[str]:
    return [_WEEKDAYS[number % 7] for number in sorted(number or 7 for number in weekdays)]


def _months(months: Sequence[int]) -> str:
    if months == MONTH.every:
        return ""
    if _is_run(months):
        return f" from {_MONTHS[months[0] - 1]} to {_MONTHS[months[-1] - 1]}"
    return f" in {_series([_MONTHS[number - 1] for number in months])}"


def _minutes(minutes: Sequence[int]) -> str:
    return ("minute " if len(minutes) == 1 else "minutes ") + _series(_spans(minutes))


def _rhythm(place: Field, values: Sequence[int]) -> int:
    """The step of values that come round evenly, from the field's first on and across its end (`*/5`); else 0."""
    size = len(place.every)
    step, left_over = divmod(size, len(values))
    return step if not left_over and step < size and tuple(values) == place.every[::step] else 0


def _is_run(values: Sequence[int]) -> bool:
    return len(values) >= _SHORTEST_RANGE and values[-1] - values[0] == len(values) - 1


def _spans(values: Sequence[int]) -> list[str]:
    """`values` said one by one, with three or more in a row said as a range."""
    said: list[str] = []
    for first, last in runs(values):
        if last - first + 1 >= _SHORTEST_RANGE:
            said.append(f"{first} to {last}")
        else:
            said.extend(str(value) for value in range(first, last + 1))
    return said


def _series(items: Sequence[str], last: str = "and") -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}"


def _clock(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"
