"""The types without parts that JSON does not know, and the text that stands for each."""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

from polos.core.codec.moments import read_datetime, read_time, write_moment


class Leaf(NamedTuple):
    """A tag, the exact type that it stands for, and the way there and back. `read` raises ValueError or TypeError."""

    tag: str
    type: type
    write: Callable[[Any], Any]
    read: Callable[[Any], Any]


def _write_bytes(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode("ascii")


def _read_bytes(text: str) -> bytes:
    return base64.b64decode(text, altchars=b"-_", validate=True)


def _write_timedelta(value: timedelta) -> list[int]:
    return [value.days, value.seconds, value.microseconds]


def _read_timedelta(parts: list[int]) -> timedelta:
    days, seconds, microseconds = parts
    return timedelta(days, seconds, microseconds)


def _read_float(text: str) -> float:
    value = float(text)
    if math.isfinite(value):
        raise ValueError("finite numbers are written as numbers")
    return value


LEAVES: Final = (
    Leaf("$float", float, str, _read_float),
    Leaf("$decimal", Decimal, str, Decimal),
    Leaf("$bytes", bytes, _write_bytes, _read_bytes),
    Leaf("$datetime", datetime, write_moment, read_datetime),
    Leaf("$date", date, date.isoformat, date.fromisoformat),
    Leaf("$time", time, write_moment, read_time),
    Leaf("$timedelta", timedelta, _write_timedelta, _read_timedelta),
    Leaf("$uuid", UUID, str, UUID),
    Leaf("$path", type(Path()), str, Path),
)
