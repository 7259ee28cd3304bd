"""Whether a value came back as it went in. `==` is not enough: it takes `True` for `1` and `-0.0` for `0.0`.

Same means: the same type and the same parts, all the way down. Allowed are only changes that an annotation asks for and
that lose nothing: an int under `float`, and a subclass of a number or str (`numpy.float64`) that is equal to its base.
A datetime may come back with another tzinfo of the same offset: most zones can be asked for no more than that.
"""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable, Mapping, Set
from datetime import datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from polos.core.codec.paths import Path, type_name


class _Lost:
    """Stands for a part that one of the two values does not have."""


class Difference(NamedTuple):
    """Where two values differ, and what stands there in each: `message` says it in words."""

    path: Path
    before: object
    after: object
    message: str

    @property
    def is_loss(self) -> bool:
        """Whether one of the two has something there that the other has not."""
        return isinstance(self.before, _Lost) or isinstance(self.after, _Lost)


_Comparison: TypeAlias = Callable[[Any, Any, Path], Difference | None]

_LOST: Final = _Lost()
_EXACT: Final = frozenset({str, int, bool, bytes, type(None)})
_NUMBERS_AND_TEXT: Final = (int, float, str)


def difference(before: Any, after: Any, path: Path) -> Difference | None:
    """The first difference between a value and what came back of it, or None.

    Objects that have no equality of their own are taken for the same when their types are: the codec compares their
    stored texts too.
    """
    kind: Any = type(before)
    if kind is not type(after):
        return None if _lossless(before, after) else _changed_type(before, after, path)
    if kind in _EXACT:
        return None if before == after else _changed_value(before, after, path)
    return _comparison_of(kind)(before, after, path)  # type: ignore[arg-type]  # mypy: type[Any] is Hashable


@lru_cache(maxsize=1024)
def _comparison_of(kind: Any) -> _Comparison:
    for family, compare in _COMPARISONS:
        if issubclass(kind, family):
            return compare
    return _fields if dataclasses.is_dataclass(kind) else _atom(_equal)


def _changed_type(before: object, after: object, path: Path) -> Difference:
    if isinstance(after, _Lost):
        return Difference(path, before, after, f"{type_name(before)} would be lost")
    if isinstance(before, _Lost):
        return Difference(path, before, after, f"{type_name(after)} would be added")
    return Difference(path, before, after, f"{type_name(before)} would come back as {type_name(after)}")


def _changed_value(before: object, after: object, path: Path) -> Difference:
    return Difference(path, before, after, f"{type_name(before)} would come back with another value")


def _lossless(before: object, after: object) -> bool:
    if isinstance(before, bool | Enum):
        return False
    if type(after) is float and isinstance(before, int):
        return before == after
    base = type(after)
    return base in _NUMBERS_AND_TEXT and isinstance(before, base) and _same_number_or_text(before, after)


def _same_number_or_text(before: object, after: object) -> bool:
    if isinstance(before, float) and isinstance(after, float):
        return _same_float(before, after)
    return bool(before == after)


def _same_float(before: float, after: float) -> bool:
    if math.isnan(before) or math.isnan(after):
        return math.isnan(before) and math.isnan(after)
    return before == after and math.copysign(1, before) == math.copysign(1, after)


def _same_decimal(before: Decimal, after: Decimal) -> bool:
    return before.as_tuple() == after.as_tuple()  # 1.0 == 1.00, but they print differently


def _same_moment(before: datetime | time, after: datetime | time) -> bool:
    if before.utcoffset() != after.utcoffset() or before.replace(tzinfo=None) != after.replace(tzinfo=None):
        return False
    if isinstance(before.tzinfo, ZoneInfo):
        return isinstance(after.tzinfo, ZoneInfo) and before.tzinfo.key == after.tzinfo.key
    return (before.tzinfo is None) == (after.tzinfo is None) and (
        before.tzinfo is not None or before.fold == after.fold
    )


def _equal(before: object, after: object) -> bool:
    if type(before).__eq__ is object.__eq__:
        return True
    try:
        return bool(before == after)
    except (
        Exception
    ):  # an `==` without an answer, such as an array's, leaves it to the comparison of the texts
        return True


def _atom(same: Callable[[Any, Any], bool]) -> _Comparison:
    def compare(before: Any, after: Any, path: Path) -> Difference | None:
        return None if same(before, after) else _changed_value(before, after, path)

    return compare


def _mapping(before: Mapping[Any, Any], after: Mapping[Any, Any], path: Path) -> Difference | None:
    keys = {key: key for key in after}
    for key, part in before.items():
        if key not in keys:
            return _changed_type(part, _LOST, (path, key))
        found = difference(key, keys[key], (path, key)) or difference(part, after[key], (path, key))
        if found:
            return found
    added = next((key for key in after if key not in before), _LOST)
    return None if added is _LOST else _changed_type(_LOST, after[added], (path, added))


def _sequence(before: Any, after: Any, path: Path) -> Difference | None:
    if len(before) != len(after):
        return Difference(path, before, after, f"{len(before)} items would come back as {len(after)}")
    for index, (one, other) in enumerate(zip(before, after, strict=True)):
        found = difference(one, other, (path, index))
        if found:
            return found
    return None


def _set(before: Set[Any], after: Set[Any], path: Path) -> Difference | None:
    return _mapping(dict.fromkeys(before), dict.fromkeys(after), path)


def _model(before: BaseModel, after: BaseModel, path: Path) -> Difference | None:
    found = _attributes(type(before).model_fields, before, after, path)
    if not found and (before.__pydantic_extra__ or after.__pydantic_extra__):
        found = _mapping(before.__pydantic_extra__ or {}, after.__pydantic_extra__ or {}, path)
    return found or _private(before, after, path)


def _private(before: BaseModel, after: BaseModel, path: Path) -> Difference | None:
    """Private attributes are not stored; they may be what a fresh instance has (a lock, an empty cache), not data."""
    for name in type(before).__private_attributes__:
        one, other = (getattr(model, name, _LOST) for model in (before, after))
        if type(one) is not type(other) or not _equal(one, other):
            return Difference(
                (path, name), one, other, "the private attribute is not stored, and it holds data"
            )
    return None


def _fields(before: Any, after: Any, path: Path) -> Difference | None:
    return _attributes((field.name for field in dataclasses.fields(before)), before, after, path)


def _attributes(names: Any, before: object, after: object, path: Path) -> Difference | None:
    for name in names:
        found = difference(getattr(before, name, _LOST), getattr(after, name, _LOST), (path, name))
        if found:
            return found
    return None


_COMPARISONS: Final[tuple[tuple[Any, _Comparison], ...]] = (
    (Enum, _atom(lambda before, after: before is after or before == after)),
    (Mapping, _mapping),
    (list | tuple | deque, _sequence),
    (Set, _set),
    (BaseModel, _model),
    (float, _atom(_same_float)),
    (Decimal, _atom(_same_decimal)),
    (datetime | time, _atom(_same_moment)),
)
