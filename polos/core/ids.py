"""Identifiers and chance derived from what is already fixed, so that every replay derives the same."""

from __future__ import annotations

import hashlib
from typing import Final

_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS: Final = tuple(first + second for first in _CROCKFORD for second in _CROCKFORD)
_SHIFTS: Final = tuple(range(120, -1, -10))
ID_CHARACTERS: Final = 26
"""How long every id of an execution is."""
_TIME_CHARACTERS: Final = 10
_EARLIEST: Final = 1_735_689_600_000  # 2025
_DAY: Final = 86_400_000


def digest(*parts: str) -> bytes:
    """SHA-256 over the parts, each with its length before it: ("a-b", "c") and ("a", "b-c") differ."""
    raws = [part.encode("utf-8", "surrogatepass") for part in parts]
    return hashlib.sha256(b"".join([len(raw).to_bytes(8, "big") + raw for raw in raws])).digest()


def derived_id(*parts: str) -> str:
    """A 26-character identifier that is the same for the same parts."""
    return _base32(int.from_bytes(digest(*parts)[:16], "big"))


def derived_uuid(*parts: str) -> str:
    """A UUID in its usual form (version 8, RFC 9562: custom), the same for the same parts."""
    raw = bytearray(digest(*parts)[:16])
    raw[6] = (raw[6] & 0x0F) | 0x80
    raw[8] = (raw[8] & 0x3F) | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def fraction(*parts: str) -> float:
    """A float in [0, 1), the same for the same parts."""
    return (int.from_bytes(digest(*parts)[:7], "big") >> 3) / (1 << 53)


def time_ordered_id(milliseconds: int, chance: bytes) -> str:
    """A 26-character identifier that sorts by time (as ULID does): 48 bits of time, 80 of `chance` (10 bytes)."""
    return _base32((milliseconds << 80) | int.from_bytes(chance[:10], "big"))


def begun_between(prefix: str, now_ms: int) -> tuple[int, int] | None:
    """The times (epoch milliseconds, the second not included) at which ids with this prefix were made.

    None if the prefix says too little: ids that are derived do not tell a time. A prefix that reads as a time between
    2025 and tomorrow is taken for one; of derived ids about one in five thousand begins so.
    """
    known = prefix[:_TIME_CHARACTERS]
    if len(known) < 4 or any(character not in _CROCKFORD for character in known):
        return None
    first, last = (_number(known.ljust(_TIME_CHARACTERS, filler)) for filler in "0z")
    return (first, last + 1) if last >= _EARLIEST and first < now_ms + _DAY else None


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number << 5 | _CROCKFORD.index(character)
    return number


def _base32(number: int) -> str:
    """130 bits as 26 characters, two at a time: the replay of a fan-out makes thousands."""
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in _SHIFTS])
