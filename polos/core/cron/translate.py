"""A crontab line as EventBridge Scheduler expressions, which are due at exactly the same minutes.

The two dialects look alike and differ where it hurts (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html):

| | crontab(5) | EventBridge `cron(minute hour day month weekday year)` |
|---|---|---|
| days of the week | 0 to 7, 0 and 7 are Sunday | 1 to 7, 1 is Sunday: so we write names, always |
| the two day fields | both restricted: a day that matches either is due | exactly one of them must be `?` |
| steps | in every field | not in the day of the week |

So a line that restricts both day fields becomes two schedules. On a day that matches both, both are due: whoever
receives the ticks names a run by schedule and minute, and starts it once. Fields are printed from sets, so that what is
written never depends on how the user wrote it. No expression is longer than 240 characters; Scheduler takes 256.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from polos.core.cron.fields import DAY, HOUR, MINUTE, MONTH, WEEKDAY_NAMES, Field, compact
from polos.core.cron.parse import Cron, DayRule
from polos.errors import InvalidSchedule

_SHORTEST_STEP: Final = 3  # two values are shorter as a list, and do not look like a rhythm: `*/45` is 0,45


def to_eventbridge(cron: Cron) -> tuple[str, ...]:
    """One or two `cron(...)` expressions which together are due at exactly the minutes of `cron`, some of them twice.

    Raises:
        InvalidSchedule: A day must match both day fields (one begins with `*`, as in `0 0 */2 * 1`), and Scheduler has
            no expression for that. The message names what to write instead.
    """
    on_days = _expression(cron, day=_print(DAY, cron.days), weekday="?")
    on_weekdays = _expression(
        cron, day="?", weekday=",".join(WEEKDAY_NAMES[number].upper() for number in cron.weekdays)
    )
    match cron.day_rule:
        case DayRule.EVERY_DAY | DayRule.DAYS:
            return (on_days,)
        case DayRule.WEEKDAYS:
            return (on_weekdays,)
        case DayRule.EITHER:
            return (on_days, on_weekdays)
        case DayRule.BOTH:
            raise InvalidSchedule(_no_translation(cron))


def _expression(cron: Cron, *, day: str, weekday: str) -> str:
    minute, hour, month = _print(MINUTE, cron.minutes), _print(HOUR, cron.hours), _print(MONTH, cron.months)
    return f"cron({minute} {hour} {day} {month} {weekday} *)"


def _print(place: Field, values: Sequence[int]) -> str:
    """`*` for all values, `first/step` for a rhythm that goes on to the end of the field, else a list of ranges."""
    if len(values) == len(place.every):
        return "*"
    if len(values) >= _SHORTEST_STEP:
        step = values[1] - values[0]
        if step > 1 and tuple(values) == tuple(range(values[0], place.top + 1, step)):
            return f"{values[0]}/{step}"
    return compact(values)


def _no_translation(cron: Cron) -> str:
    minute, hour, day, month, weekday = cron.text.split()
    either = f"{minute} {hour} {day.replace('*', '1-31')} {month} {weekday.replace('*', '0-6')}"
    return (
        f"schedule '{cron.text}' restricts both day fields and one begins with '*', so a day must match both; "
        f"EventBridge Scheduler has no expression for that. Write '{minute} {hour} {day} {month} *' or "
        f"'{minute} {hour} * {month} {weekday}' and let the workflow return at once on the other days; "
        f"or, if days that match either are meant, '{either}'"
    )
