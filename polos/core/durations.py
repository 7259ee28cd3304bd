"""What may be said as a number of seconds."""

from __future__ import annotations

import math
from typing import Final

from polos.errors import InvalidDefinition

LONGEST_SECONDS: Final = 100 * 366 * 86_400.0


def check_seconds(what: str, seconds: float | None, *, zero: bool = True) -> None:
    """A time that can pass; None is none. Raises `InvalidDefinition`.

    `zero`: whether no time at all may be said too. A time that ends before it begins, never, or is no number is a slip
    in a calculation: an execution that waits for it would wait for ever, or not at all.
    """
    if seconds is None:
        return
    if not math.isfinite(seconds) or not 0 <= seconds <= LONGEST_SECONDS or not (zero or seconds):
        least = "0 or more" if zero else "more than 0"
        raise InvalidDefinition(
            f"{what} is {seconds} s; say {least} and at most {LONGEST_SECONDS:.0f} s (100 years), or None for no limit"
        )
