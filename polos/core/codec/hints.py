"""What to do about a value that cannot be stored: one sentence for each kind of thing that people return."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Set
from typing import Any, Final

_HINTS: Final[tuple[tuple[Callable[[Any], bool], str], ...]] = (
    (lambda value: isinstance(value, type), "return its name: a class is code, not data"),
    (lambda value: isinstance(value, bool | int), "it would come back as a plain int: return int(...)"),
    (lambda value: isinstance(value, float), "it would come back as a plain float: return float(...)"),
    (lambda value: isinstance(value, str), "it would come back as a plain str: return str(...)"),
    (lambda value: isinstance(value, tuple), "annotate the return type as {name}, or return tuple(...)"),
    (
        lambda value: isinstance(value, Mapping),
        "return dict(...), or annotate the return type as {name}[...]",
    ),
    (lambda value: isinstance(value, Set), "return set(...)"),
    (lambda value: isinstance(value, bytearray | memoryview), "return bytes(...)"),
    (lambda value: isinstance(value, BaseException), "raise it, or return its text"),
    (inspect.isawaitable, "await it and return what it gives"),
    (lambda value: hasattr(value, "read") or hasattr(value, "recv"), "return what was read from it"),
    (
        lambda value: hasattr(value, "__next__") or hasattr(value, "__anext__"),
        "return the list of what it gives",
    ),
    (callable, "return what it gives when it is called: code is not data"),
    (lambda value: hasattr(value, "tolist"), "return value.tolist(): lists and plain numbers"),
)
_GENERAL: Final = "return plain data, or a pydantic model, dataclass or enum that is defined at module level"


def hint_for(value: object) -> str:
    """The hint for a value that the self-describing form has no tag for."""
    hint = next((hint for applies, hint in _HINTS if applies(value)), _GENERAL)
    return hint.format(name=type(value).__name__)
