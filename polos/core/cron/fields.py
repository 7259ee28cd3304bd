"""The five fields of a crontab line, each read to the set of numbers it stands for.

A set is the one form from which the next time, the EventBridge expression and the English sentence all follow exactly.
The syntax is crontab(5)'s (https://man7.org/linux/man-pages/man5/crontab.5.html) as Debian runs it: numbers, names,
ranges `a-b`, steps `*/n` and `a-b/n`, lists with commas. `a/n` is the one extension: from `a` to the end of the field.

We read the fields ourselves, and not with croniter, for two reasons. It gives a meaning to what crontab refuses
(`22-2`, `fri-mon`) and takes `5-5` for the whole field. And its errors do not say what to write instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

WEEKDAY_NAMES: Final = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
MONTH_NAMES: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")

_ITEM: Final = re.compile(r"(?P<first>\*|[a-z]+|[0-9]+)(-(?P<last>[a-z]+|[0-9]+))?(/(?P<step>[0-9]+))?")
_NTH_WEEKDAY: Final = re.compile(r"([a-z]+|[0-7])#([1-5])")
_SHORTEST_RANGE: Final = 3  # `1,2` is no longer than `1-2`, and reads better


class BadField(ValueError):
    """One field of an expression cannot be read. The message says why, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Field:
    """A place in the line: what it is called and which values it takes.

    Attributes:
        low: The smallest value.
        high: The largest value that may be written.
        top: The largest value after folding: 6 for the day of the week, where 7 is another way to write 0.
        names: Lower-case name -> value.
    """

    name: str
    low: int
    high: int
    top: int
    names: Mapping[str, int] = field(default_factory=dict)

    @property
    def every(self) -> tuple[int, ...]:
        """All values, ascending: what `*` stands for."""
        return tuple(range(self.low, self.top + 1))

    def parse(self, text: str) -> tuple[int, ...]:
        """The values that `text` stands for, ascending, each once.

        Raises:
            BadField: `text` is not crontab syntax, or a value is out of range.
        """
        return tuple(sorted({self._fold(value) for item in text.split(",") for value in self._item(item)}))

    def _item(self, item: str) -> Iterable[int]:
        match = _ITEM.fullmatch(item.lower())
        if match is None:
            raise BadField(_explain(self, item))
        step = self._step(item, match["step"])
        if match["first"] == "*":
            if match["last"]:
                raise BadField(
                    f"{self.name} {_shown(item)} is a range from '*'; write '*', or a range of numbers"
                )
            return self.every[::step]
        first = self._value(item, match["first"])
        if match["last"]:
            return self._range(item, first, self._value(item, match["last"]), step)
        if match["step"]:
            return self._onward(item, first, step)
        return (first,)

    def _onward(self, item: str, first: int, step: int) -> Iterable[int]:
        """`a/n`. Where the week has two ends, Saturday (6) and Sunday (7), the libraries disagree: both must agree."""
        values = set(range(self._fold(first), self.top + 1, step))
        if values == {self._fold(value) for value in range(first, self.high + 1, step)}:
            return values
        raise BadField(
            f"{self.name} {_shown(item)} may or may not come round to the second Sunday; list the days you mean, "
            f"for example '{','.join(WEEKDAY_NAMES[value] for value in sorted(values))}'"
        )

    def _range(self, item: str, first: int, last: int, step: int) -> range:
        if first > last:
            raise BadField(
                f"{self.name} {_shown(item)} runs past the end of the field, which crontab does not do; "
                f"write '{self._unwrapped(first, last, step)}'"
            )
        return range(first, last + 1, step)

    def _unwrapped(self, first: int, last: int, step: int) -> str:
        size = len(self.every)
        length = (self._fold(last) - self._fold(first)) % size + 1
        values = [self.low + (first - self.low + offset) % size for offset in range(0, length, step)]
        if self.names:  # in the order of the range, as it was meant
            names = {value: name for name, value in self.names.items()}
            return ",".join(names[value] for value in values)
        return compact(values)

    def _value(self, item: str, word: str) -> int:
        if not word.isdigit():
            if word not in self.names:
                raise BadField(_explain(self, item))
            return self.names[word]
        number = _number(word)
        if self.low <= number <= self.high:
            return number
        raise BadField(
            f"{self.name} {_shown(item)} is out of range; expected {self.low} to {self.high}{_midnight(self, number)}"
        )

    def _step(self, item: str, word: str | None) -> int:
        if word is None:
            return 1
        step = _number(word)
        if step == 0:
            raise BadField(f"{self.name} {_shown(item)} has a step of 0; write a step of 1 or more")
        if step > len(self.every):
            raise BadField(
                f"{self.name} {_shown(item)} has a step larger than the field ({len(self.every)} values); steps "
                "count within one field and begin anew with the next, so list the values you mean"
            )
        return step

    def _fold(self, value: int) -> int:
        return value if value <= self.top else self.low


MINUTE: Final = Field("minute", 0, 59, 59)
HOUR: Final = Field("hour", 0, 23, 23)
DAY: Final = Field("day of the month", 1, 31, 31)
MONTH: Final = Field("month", 1, 12, 12, {name: number for number, name in enumerate(MONTH_NAMES, start=1)})
WEEKDAY: Final = Field(
    "day of the week", 0, 7, 6, {name: number for number, name in enumerate(WEEKDAY_NAMES)}
)


def runs(values: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The maximal runs of consecutive numbers in ascending `values`, as (first, last)."""
    first = last = None
    for value in values:
        if first is None or last is None:
            first = last = value
        elif value == last + 1:
            last = value
        else:
            yield first, last
            first = last = value
    if first is not None and last is not None:
        yield first, last


def compact(values: Iterable[int]) -> str:
    """`values` in the shortest crontab form: `[0, 1, 2, 5]` is `0-2,5`."""
    parts: list[str] = []
    for first, last in runs(sorted(values)):
        if last - first + 1 >= _SHORTEST_RANGE:
            parts.append(f"{first}-{last}")
        else:
            parts.extend(str(value) for value in range(first, last + 1))
    return ",".join(parts)


def _number(word: str) -> int:
    # No field knows a number of more than four digits, and int() refuses very long ones with an error of its own.
    return int(word) if len(word) <= 4 else 10_000


def _shown(item: str) -> str:
    return repr(item if len(item) <= 40 else item[:37] + "...")


def _midnight(place: Field, number: int) -> str:
    return " (midnight is hour 0)" if place is HOUR and number == 24 else ""


def _explain(place: Field, item: str) -> str:
    """Why `item` is no crontab syntax, and what to write instead."""
    wrong = f"{place.name} {_shown(item)}"
    word = item.lower()
    if not word:
        return f"the {place.name} field has an empty item; remove the extra comma"
    if "?" in word:
        return f"{wrong}: '?' is EventBridge's; write '*'"
    if "~" in word or re.match(r"[hr](\(|/|$)", word):
        return f"{wrong}: cron has no random or hashed values here; choose one of {place.low} to {place.high}"
    if place is DAY and re.fullmatch(r"l(-\d+)?|l?w|wl|\d+w|w\d+", word):
        return f"{wrong} is not crontab; {_days_instead(word)}"
    if place is WEEKDAY and re.fullmatch(r"\w+#\w*|l|([a-z]{3}|\d)l|l\d", word):
        return f"{wrong} is not crontab; {_weekday_instead(word)}"
    if word.isalpha() and word[:3] in place.names:
        return f"{wrong} is not a name that cron knows; write '{word[:3]}'"
    return (
        f"{wrong} cannot be read; expected numbers {place.low} to {place.high}"
        f"{_name_list(place)}, ranges 'a-b', steps '*/n' or 'a-b/n', and lists with commas"
    )


def _name_list(place: Field) -> str:
    return f", names ({' '.join(place.names)})" if place.names else ""


def _days_instead(word: str) -> str:
    number = word.strip("lw-")
    if "w" not in word:
        return (
            f"write '{'28-31' if not number else '*'}' and let the workflow return at once on all other days"
        )
    nearest = _number(number) if number else 0
    days = f"{max(nearest - 1, 1)}-{min(nearest + 1, 31)}" if 1 <= nearest <= 31 else "26-31"
    return f"write '{days}' and let the workflow return at once unless it is the weekday you mean"


def _weekday_instead(word: str) -> str:
    nth = _NTH_WEEKDAY.fullmatch(word)
    if nth is None:
        day = word.split("#", maxsplit=1)[0].strip("l") or "sat"
        return f"write '{day}' and let the workflow return at once in the other weeks"
    first = 7 * int(nth[2]) - 6
    return f"write '{nth[1]}' and let the workflow return at once unless the day of the month is {first} to {first + 6}"
