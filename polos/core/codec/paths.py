"""Where in a value something is: `result.items[3].client`.

A path is the name of the root, or a pair of a path and the next key. To extend one costs a tuple, so the walks of this
package carry one everywhere; it becomes text only when something is refused.
"""

from __future__ import annotations

import dataclasses
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any, Final, TypeAlias

from pydantic import BaseModel

Path: TypeAlias = "str | tuple[Path, object]"

_LONGEST_KEY: Final = 40
_MOST_PARTS: Final = 20


def render(path: Path) -> str:
    """The path as text: fields and identifiers as `.name`, indexes as `[3]`, other keys as `["odd key"]`."""
    parts: list[str] = []
    while isinstance(path, tuple):
        path, key = path
        parts.append(_spell(key))
    parts.reverse()
    if len(parts) > _MOST_PARTS:
        parts[_MOST_PARTS // 2 : -_MOST_PARTS // 2] = ["..."]
    return (path + "".join(parts)).removeprefix(".")


def _spell(key: object) -> str:
    match key:
        case str():
            short = key if len(key) <= _LONGEST_KEY else f"{key[:_LONGEST_KEY]}..."
            return f".{short}" if key.isidentifier() else f"[{json.dumps(short)}]"
        case int():
            return f"[{key}]"
        case _:
            return f"[<{type_name(key)}>]"


def type_name(value: object) -> str:
    """The type of a value, as a person would look it up: `list`, `_io.TextIOWrapper`, `shop.orders.Order`."""
    return class_name(value if isinstance(value, type) else type(value))


def class_name(cls: type) -> str:
    """`int`, or `module.QualName` for what is not a builtin."""
    return cls.__qualname__ if cls.__module__ == "builtins" else f"{cls.__module__}.{cls.__qualname__}"


def children(value: object) -> Iterator[tuple[object, Any]]:
    """The (key, part) pairs of anything that has parts: containers, models, dataclasses."""
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list | tuple | deque):
        yield from enumerate(value)
    elif isinstance(value, Set):
        yield from ((item, item) for item in value)
    elif isinstance(value, BaseModel):
        yield from ((name, getattr(value, name, None)) for name in type(value).model_fields)
        yield from (value.__pydantic_extra__ or {}).items()
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        yield from ((field.name, getattr(value, field.name, None)) for field in dataclasses.fields(value))


def find(root: object, target: object, path: Path) -> Path | None:
    """The path of the very object `target` inside `root`, or None."""
    seen: set[int] = set()
    waiting: list[tuple[Path, object]] = [(path, root)]
    while waiting:
        here, value = waiting.pop()
        if value is target:
            return here
        if id(value) not in seen:
            seen.add(id(value))
            waiting.extend(((here, key), part) for key, part in children(value))
    return None


def leaves(root: object, path: Path) -> Iterator[tuple[Path, object]]:
    """Everything in `root` that has no parts, with its path; of a value that holds itself, each part once."""
    seen: set[int] = set()
    waiting: list[tuple[Path, object]] = [(path, root)]
    while waiting:
        here, value = waiting.pop()
        parts = list(children(value))
        if not parts:
            yield here, value
        elif id(value) not in seen:
            seen.add(id(value))
            waiting.extend(((here, key), part) for key, part in reversed(parts))


def locate(root: object, location: Iterable[int | str], path: Path) -> tuple[Path, object]:
    """Follow the location of a validation error, and return the path and the value that stands there.

    Such a location also names the members of unions and the like; what is not a key of the value at hand is skipped,
    unless it is the last: the field that is missing.
    """
    value, steps = root, list(location)
    for number, step in enumerate(steps, start=1):
        held, part = _part(value, step)
        if held or number == len(steps):
            path = (path, step)
        if held:
            value = part
    return path, value


def _part(value: object, step: int | str) -> tuple[bool, Any]:
    if isinstance(value, Mapping):
        return step in value, value.get(step)
    if isinstance(step, str):
        fields = isinstance(value, BaseModel) or dataclasses.is_dataclass(value)
        return fields and hasattr(value, step), getattr(value, step, None) if fields else None
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        held = 0 <= step < len(value)
        return held, value[step] if held else None
    return False, None
