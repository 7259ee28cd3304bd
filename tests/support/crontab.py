"""Random crontab lines."""

import random
from dataclasses import dataclass

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_WEEKDAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_RANGES = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}


@dataclass(frozen=True)
class Line:
    """A crontab line, by its fields."""

    minute: str
    hour: str
    day: str
    month: str
    weekday: str

    def __str__(self) -> str:
        return f"{self.minute} {self.hour} {self.day} {self.month} {self.weekday}"


def random_line(rng: random.Random, *, degenerate: bool = False) -> Line:
    """A line of valid syntax, which may still be one that is never due.

    With `degenerate`, ranges `N-N` are among them.
    """
    return Line(*(_field(rng, name, degenerate) for name in _RANGES))


def _field(rng: random.Random, name: str, degenerate: bool) -> str:
    if rng.random() < {"minute": 0.15, "hour": 0.3, "day": 0.4, "month": 0.6, "weekday": 0.4}[name]:
        return "*"
    count = rng.choice([1, 1, 1, 2, 3])
    return ",".join(_item(rng, name, degenerate) for _ in range(count))


def _item(rng: random.Random, name: str, degenerate: bool) -> str:
    low, high = _RANGES[name]
    size = 7 if name == "weekday" else high - low + 1
    first, last = rng.randint(low, high), rng.randint(low, high)
    if first == last and not degenerate:
        first, last = low, high
    first, last = min(first, last), max(first, last)
    step = rng.randint(1, rng.choice([size, *[max(2, size // 4)] * 4]))
    a, b = _spelled(rng, name, first), _spelled(rng, name, last)
    return rng.choice([a, a, b, f"{a}-{b}", f"{a}-{b}", f"{a}-{b}/{step}", f"*/{step}", f"{a}/{step}", "*"])


def _spelled(rng: random.Random, name: str, value: int) -> str:
    names = {"month": _MONTHS, "weekday": _WEEKDAYS}.get(name)
    if names is None or rng.choice([True, False]) or (name == "weekday" and value == 7):
        return f"{value:02}" if rng.randrange(10) == 0 else str(value)
    word = names[value - 1] if name == "month" else names[value]
    return rng.choice([word, word.upper(), word.title()])
