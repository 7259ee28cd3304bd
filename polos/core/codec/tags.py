"""The self-describing form: JSON that says for itself what Python value it was. Format 1.

What JSON knows stands for itself: None, bool, int, finite float, str, list, and dict with str keys. Anything else is an
object with one key, its tag:

    {"$tuple": [1, 2]}                      {"$float": "nan"}, "inf" or "-inf"
    {"$set": [1, 2]}                        {"$decimal": "1.50"}
    {"$frozenset": [1, 2]}                  {"$bytes": "AP8="}                       base64, URL-safe
    {"$dict": [[key, value], ...]}          {"$datetime": "2024-07-01T12:00:00+00:00"}, see `moments`
        keys that are not all str           {"$date": "2024-07-01"}
    {"$enum": ["shop:Colour", "RED"]}       {"$time": "12:00:00"}
        the member by its name              {"$timedelta": [days, seconds, microseconds]}
    {"$flag": ["shop:Rights", 3]}           {"$uuid": "6f1c8c1e-..."}
        members of a Flag by their value    {"$path": "data/in.csv"}
    {"$model": ["shop:Order", {...}]}
    {"$dataclass": ["shop:Point", {...}]}   the fields as the class's own annotations store them

The items of sets are sorted by their JSON text, so that equal sets have equal texts in every process. A class is named
by `module:qualified name` and found again only among the loaded modules (`classes`). A key of a user's dict that starts
with "$" is written with one "$" more, and one is taken off when it is read: user data is never mistaken for a tag.

Tags are never given another meaning. A tag that is not known here was written by a newer version, and is refused.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from enum import Enum, Flag
from typing import Any, Final, Protocol

from pydantic import BaseModel
from pydantic_core import from_json, to_json

from polos.core.codec.classes import Classes
from polos.core.codec.hints import hint_for
from polos.core.codec.leaves import LEAVES, Leaf
from polos.core.codec.paths import Path, render, type_name
from polos.errors import NotStorable

MAX_DEPTH: Final = 100
"""Levels of JSON that a text may have. A tag counts as the levels that it writes. The parser would give up at 200."""

DAMAGED: Final = "the text was damaged, or the code has changed since it was stored"

_INT_BITS: Final = 14_280
"""Python, and the parser, refuse to read an int of more than 4,300 digits (14,284 bits)."""

_LARGEST_INT: Final = 1 << _INT_BITS
_LEAST_INT: Final = -_LARGEST_INT
_SAFE: Final = frozenset({str, bool, type(None)})
SCALARS: Final = frozenset({str, int, float, bool, type(None)})


class ClassCodec(Protocol):
    """Writes and reads the instances of one class by its own annotations."""

    def write(self, value: Any, path: Path) -> str:
        """JSON text of an instance."""

    def read(self, text: str, path: Path) -> Any:
        """The instance that the text stands for."""


def is_plain(value: Any, depth: int = MAX_DEPTH) -> bool:
    """Whether the value is made of what JSON knows, and nothing that JSON would change.

    Text is not looked at: half a surrogate pair is met when it is encoded, a "$" is searched for in what was written.
    """
    kind = type(value)
    if kind in _SAFE:
        return True
    if kind is int:
        return bool(_LEAST_INT < value < _LARGEST_INT)
    if kind is float:
        return math.isfinite(value)
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return False
        parts = value.values()
    elif kind is list:
        parts = value
    else:
        return False
    if depth == 0:
        return False
    for part in parts:  # every value passes here, so the commonest types are not worth a call
        kind = type(part)
        if kind in _SAFE or (kind is int and _LEAST_INT < part < _LARGEST_INT):
            continue
        if not is_plain(part, depth - 1):
            return False
    return True


class Tags:
    """Writes values as trees of plain JSON and tags, and reads such trees."""

    def __init__(self, classes: Classes, codec_of: Callable[[type], ClassCodec]) -> None:
        self._classes = classes
        self._codec_of = codec_of
        self._leaves = {leaf.type: leaf for leaf in LEAVES}
        self._readers: dict[str, Callable[[Any, Path], Any]] = {
            "$tuple": lambda items, path: tuple(self._read_items(items, path)),
            "$set": lambda items, path: set(self._read_items(items, path)),
            "$frozenset": lambda items, path: frozenset(self._read_items(items, path)),
            "$dict": self._read_dict,
            "$enum": self._read_enum,
            "$flag": self._read_flag,
            "$model": self._read_model,
            "$dataclass": self._read_dataclass,
        }
        self._readers |= {leaf.tag: _leaf_reader(leaf) for leaf in LEAVES}

    @property
    def vocabulary(self) -> frozenset[str]:
        """Every tag there is."""
        return frozenset(self._readers)

    # --- writing ------------------------------------------------------------------------------------------------

    def write(self, value: Any, path: Path, depth: int = MAX_DEPTH, around: tuple[int, ...] = ()) -> Any:
        """The tree of a value. `around` are the ids of the containers it stands in.

        Raises:
            NotStorable: With the path of what cannot be stored.
        """
        kind = type(value)
        if kind in SCALARS:
            return self._write_scalar(value, path)
        if kind in self._leaves:
            return {self._leaves[kind].tag: self._leaves[kind].write(value)}
        if isinstance(value, Flag):
            return {"$flag": [self._classes.name_of(kind, path), value.value]}
        if isinstance(value, Enum):
            return {"$enum": [self._classes.name_of(kind, path), value.name]}
        if isinstance(value, BaseModel):
            return {"$model": self._write_object(value, path)}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {"$dataclass": self._write_object(value, path)}
        if id(value) in around:
            raise NotStorable(
                "the value contains itself", path=render(path), hint="store ids in place of references"
            )
        if depth <= 0:
            raise too_deep(path)
        return self._write_container(value, path, depth, (*around, id(value)))

    def _write_scalar(self, value: Any, path: Path) -> Any:
        if isinstance(value, str):
            return encodable(value, path)
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$float": str(value)}
        if value is None or _LEAST_INT < value < _LARGEST_INT:
            return value
        raise NotStorable(
            "the int has more than 4,300 digits, which JSON readers refuse",
            path=render(path),
            hint="store it as hex(...)",
        )

    def _write_container(self, value: Any, path: Path, depth: int, around: tuple[int, ...]) -> Any:
        def items(levels: int) -> list[Any]:
            return [self.write(part, (path, at), depth - levels, around) for at, part in enumerate(value)]

        kind = type(value)
        if kind is list:
            return items(1)
        if kind is tuple:
            return {"$tuple": items(2)}
        if kind is dict and all(type(key) is str for key in value):
            return {
                _escape(encodable(key, path)): self.write(part, (path, key), depth - 1, around)
                for key, part in value.items()
            }
        if kind is dict:
            pairs = ((key, part, (path, key)) for key, part in value.items())
            return {
                "$dict": [
                    [self.write(key, here, depth - 3, around), self.write(part, here, depth - 3, around)]
                    for key, part, here in pairs
                ]
            }
        if kind in (set, frozenset):
            return {f"${kind.__name__}": sort_items(items(2))}
        raise NotStorable(
            f"a value of type {type_name(value)} cannot be stored", path=render(path), hint=hint_for(value)
        )

    def _write_object(self, value: Any, path: Path) -> list[Any]:
        name = self._classes.name_of(type(value), path)
        return [name, from_json(self._codec(type(value), path).write(value, path))]

    # --- reading ------------------------------------------------------------------------------------------------

    def read(self, tree: Any, path: Path) -> Any:
        """The value of a tree, new in all its parts.

        Raises:
            NotStorable: A tag is unknown or holds what it cannot, or a class is not found.
        """
        if type(tree) is list:
            return self._read_items(tree, path)
        if type(tree) is not dict:
            return tree
        if len(tree) == 1:
            (tag,) = tree
            if tag[:1] == "$" and tag[:2] != "$$":
                return self._read_tag(tag, tree[tag], path)
        return {_unescape(key, path): self.read(part, (path, key)) for key, part in tree.items()}

    def _read_tag(self, tag: str, content: Any, path: Path) -> Any:
        reader = self._readers.get(tag)
        if reader is None:
            raise _unknown(tag, path)
        try:
            return reader(content, path)
        except (ValueError, TypeError, ArithmeticError, AttributeError) as error:
            raise NotStorable(
                f"what is stored under {tag!r} cannot be read: {error}", path=render(path), hint=DAMAGED
            ) from error

    def _read_items(self, items: list[Any], path: Path) -> list[Any]:
        return [self.read(item, (path, at)) for at, item in enumerate(items)]

    def _read_dict(self, pairs: list[list[Any]], path: Path) -> dict[Any, Any]:
        keys = ((self.read(key, path), part) for key, part in pairs)
        return {key: self.read(part, (path, key)) for key, part in keys}

    def _read_enum(self, content: list[str], path: Path) -> Enum:
        name, member = content
        cls = self._class(name, Enum, path)
        found: Enum | None = cls.__members__.get(member)
        if found is None:
            raise NotStorable(
                f"{name} has no member {member!r} any more",
                path=render(path),
                hint="keep the member (an alias will do) while executions that stored it are running",
            )
        return found

    def _read_flag(self, content: list[Any], path: Path) -> Flag:
        name, value = content
        flag: Flag = self._class(name, Flag, path)(value)
        return flag

    def _read_model(self, content: list[Any], path: Path) -> Any:
        return self._read_object(content, BaseModel, path)

    def _read_dataclass(self, content: list[Any], path: Path) -> Any:
        return self._read_object(content, None, path)

    def _read_object(self, content: list[Any], base: type | None, path: Path) -> Any:
        name, fields = content
        cls = self._class(name, base, path)
        return self._codec(cls, path).read(to_json(fields).decode(), path)

    def _codec(self, cls: type, path: Path) -> ClassCodec:
        try:
            return self._codec_of(cls)
        except NotStorable as error:  # its path begins at the class
            raise NotStorable(str(error), path=render(path)) from error

    def _class(self, name: str, base: type | None, path: Path) -> Any:
        """The class of that name, which is a `base`, or a dataclass for None."""
        cls = self._classes.find(name, path)
        if not (issubclass(cls, base) if base else dataclasses.is_dataclass(cls)):
            wanted = base.__name__ if base else "dataclass"
            raise NotStorable(f"{name} is no {wanted} any more", path=render(path), hint=DAMAGED)
        return cls


def _leaf_reader(leaf: Leaf) -> Callable[[Any, Path], Any]:
    return lambda content, _path: leaf.read(content)


def too_deep(path: Path) -> NotStorable:
    """The refusal of a value that is nested too deeply."""
    return NotStorable(
        f"the value is nested more than {MAX_DEPTH} levels deep",
        path=render(path),
        hint="flatten it, or store ids",
    )


def encodable(text: str, path: Path) -> str:
    """The text, if UTF-8 can write it."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotStorable(
            "the text holds half of a surrogate pair, which UTF-8 cannot write",
            path=render(path),
            hint="clean it: text.encode('utf-8', 'replace').decode()",
        ) from error
    return text


def sort_items(items: Iterable[Any]) -> list[Any]:
    """The JSON items of a set, in the order of their texts."""
    return sorted(items, key=to_json)


def _escape(key: str) -> str:
    return f"${key}" if key[:1] == "$" else key


def _unescape(key: str, path: Path) -> str:
    if key[:1] != "$":
        return key
    if key[:2] == "$$":
        return key[1:]
    raise _unknown(key, path)


def _unknown(tag: str, path: Path) -> NotStorable:
    return NotStorable(
        f"the tag {tag[:40]!r} is not known here",
        path=render(path),
        hint="it was written by a newer version of polos (upgrade this one), or by something else",
    )
