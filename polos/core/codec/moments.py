"""Dates with a time as text: ISO 8601, and behind it in brackets what ISO 8601 has no place for.

    2024-07-01T12:00:00+02:00[Europe/Berlin]   the zone, as RFC 9557 writes it: adding a day to it knows summer time
    2024-10-27T02:30:00[fold=1]                without a zone, the second time that the clocks showed this

Zones of other libraries than `zoneinfo` keep their offset and lose their name. The functions that read answer text that
they cannot read with a ValueError.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

_FOLD: Final = "fold=1"
_BELOW_A_SECOND: Final = re.compile(r"([+-])00:00:00\.(\d{6})$")


def write_moment(moment: datetime | time) -> str:
    """The text of a datetime or time, with its zone."""
    text = moment.isoformat()
    match moment.tzinfo:
        case ZoneInfo(key=str(key)):
            return f"{text}[{key}]"
        case None if moment.fold:
            return f"{text}[{_FOLD}]"
        case _:
            return text


def read_datetime(text: str) -> datetime:
    """What `write_moment` made of a datetime."""
    base, suffix = _split(text)
    moment = datetime.fromisoformat(base)
    if moment.tzinfo is UTC:
        moment = moment.replace(tzinfo=_offset(base))
    if suffix == _FOLD:
        return moment.replace(fold=1)
    if not suffix:
        return moment
    zone = _zone(suffix)
    for fold in (0, 1):
        local = moment.replace(tzinfo=zone, fold=fold)
        if local.utcoffset() == moment.utcoffset():
            return local
    return moment.astimezone(zone)  # the zone's rules have changed since: the instant counts


def read_time(text: str) -> time:
    """What `write_moment` made of a time."""
    base, suffix = _split(text)
    clock = time.fromisoformat(base)
    if clock.tzinfo is UTC:
        clock = clock.replace(tzinfo=_offset(base))
    if suffix == _FOLD:
        return clock.replace(fold=1)
    return clock.replace(tzinfo=_zone(suffix)) if suffix else clock


def _offset(text: str) -> timezone:
    """The offset of what Python reads as UTC: below a second it drops it, though it writes it."""
    found = _BELOW_A_SECOND.search(text)
    if found is None:
        return UTC
    sign, digits = found.groups()
    return timezone(timedelta(microseconds=int(f"{sign}{digits}")))


def _split(text: str) -> tuple[str, str]:
    base, bracket, suffix = text.partition("[")
    if bracket and not suffix.endswith("]"):
        raise ValueError("the bracket behind the time is not closed")
    return base, suffix.removesuffix("]")


def _zone(key: str) -> ZoneInfo:
    try:
        return ZoneInfo(key)
    except (KeyError, OSError) as error:
        raise ValueError(
            f"there is no time zone {key[:80]!r} on this machine (is tzdata installed?)"
        ) from error
