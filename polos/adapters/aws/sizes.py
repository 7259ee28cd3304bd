"""How DynamoDB counts an item, in bytes and units.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

WRITE_UNIT: Final = 1024
"""Bytes of an item that one write unit covers; a transaction takes two units for each."""

READ_UNIT: Final = 4096
"""Bytes that one read unit covers in a strongly consistent read; eventually consistent ones take half."""


def write_units(size: int) -> int:
    """Write units of an item of `size` bytes."""
    return max(1, -(-size // WRITE_UNIT))


def read_units(size: int) -> int:
    """Read units of a strongly consistent read of `size` bytes."""
    return max(1, -(-size // READ_UNIT))


def item_size(item: Mapping[str, Mapping[str, Any]]) -> int:
    """Bytes of an item in the client's form, `{"k": {"S": "..."}, "v": {"B": b"..."}}`: names and values."""
    return sum(len(name.encode()) + value_size(value) for name, value in item.items())


def value_size(value: Mapping[str, Any]) -> int:
    """Bytes of one value, `{"S": "..."}`."""
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return len(content.encode())
        case "B":
            return len(content)
        case "N":
            return _number_size(content)
        case "BOOL" | "NULL":
            return 1
        case "SS":
            return sum(len(text.encode()) for text in content)
        case "BS":
            return sum(len(data) for data in content)
        case "NS":
            return sum(_number_size(number) for number in content)
        case "L":
            return 3 + sum(1 + value_size(each) for each in content)
        case "M":
            return 3 + sum(1 + len(name.encode()) + value_size(each) for name, each in content.items())
        case _:
            raise ValueError(f"{kind!r} is no type of DynamoDB")


def _number_size(number: str) -> int:
    """About one byte for two significant digits, one more, and one for a sign."""
    digits = number.lstrip("+-").replace(".", "").lower().split("e")[0].strip("0")
    return -(-len(digits) // 2) + 1 + number.startswith("-")
