"""Which part of an ordered set of names a query asks for, as one half-open range.

Names are ordered by code points, in Python and in UTF-8 alike. Since no name holds a NUL, the first text behind `name`
is `name + NUL`: so "behind" becomes "from", and one lower and one upper bound are enough for all arguments together.
"""

from __future__ import annotations

import json
from typing import NamedTuple

_SURROGATES = range(0xD800, 0xE000)
_LAST = 0x10FFFF


class Range(NamedTuple):
    """`lower` <= name < `upper`; an `upper` of None is no bound."""

    lower: str
    upper: str | None


def between(*, prefix: str = "", after: str | None = None, before: str | None = None) -> Range:
    """The names that begin with `prefix` and lie behind `after` and before `before`."""
    lower = prefix if after is None else max(prefix, behind(after))
    uppers = [bound for bound in (before, behind_prefix(prefix)) if bound is not None]
    return Range(lower, min(uppers, default=None))


def behind(name: str) -> str:
    """The least text greater than `name` that a name can be compared with."""
    return name + "\0"


def behind_prefix(prefix: str) -> str | None:
    """The least text greater than everything that begins with `prefix`; None if there is none."""
    stem = prefix.rstrip(chr(_LAST))
    if not stem:
        return None
    following = ord(stem[-1]) + 1
    return stem[:-1] + chr(_SURROGATES.stop if following in _SURROGATES else following)


class Spot(NamedTuple):
    """A place in a secondary order: the sort key there, then the record's own key, which makes it unique."""

    sort: str
    key_partition: str
    key_sort: str


def spot_of(cursor: str) -> Spot:
    """Read the cursor of a `find`. ValueError if it is not one."""
    try:
        sort, partition, key = json.loads(cursor)
        if not all(isinstance(part, str) for part in (sort, partition, key)):
            raise TypeError(cursor)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"{cursor[:80]!r} is not a cursor that an earlier page of this query gave"
        ) from error
    return Spot(sort, partition, key)


def cursor_of(spot: Spot) -> str:
    """The cursor that goes on behind `spot`."""
    return json.dumps(spot, ensure_ascii=False, separators=(",", ":"))
