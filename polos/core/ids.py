"""Identifiers and chance derived from what is already fixed, so that every replay derives the same."""

from __future__ import annotations

import hashlib
from typing import Final

_CROCKFORD: Final = "0123456789abcdefghjkmnpqrstvwxyz"


def digest(*parts: str) -> bytes:
    """SHA-256 over the parts, each with its length before it: ("a-b", "c") and ("a", "b-c") differ."""
    state = hashlib.sha256()
    for part in parts:
        raw = part.encode("utf-8", "surrogatepass")
        state.update(len(raw).to_bytes(8, "big"))
        state.update(raw)
    return state.digest()


def derived_id(*parts: str) -> str:
    """A 26-character identifier that is the same for the same parts."""
    return _base32(int.from_bytes(digest(*parts)[:16], "big"), 26)


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
    return _base32((milliseconds << 80) | int.from_bytes(chance[:10], "big"), 26)


def _base32(number: int, width: int) -> str:
    return "".join(_CROCKFORD[(number >> (5 * i)) & 31] for i in range(width - 1, -1, -1))
