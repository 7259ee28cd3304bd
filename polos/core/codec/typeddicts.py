"""The TypedDicts of `typing` on Python 3.11, where pydantic wants those of `typing_extensions`: made anew as such."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, NotRequired, Required, Union

import typing_extensions


def portable(annotation: Any, around: tuple[Any, ...] = ()) -> Any:
    """The annotation with each such TypedDict in it replaced. One that contains itself stays as it is.

    What a model's own fields are annotated with cannot be replaced: there pydantic says so when the class is made.
    """
    if typing.is_typeddict(annotation):
        return annotation if annotation in around else _replaced(annotation, (*around, annotation))
    before = typing.get_args(annotation)
    after = tuple(portable(argument, around) for argument in before)
    if all(one is other for one, other in zip(before, after, strict=True)):
        return annotation
    origin = typing.get_origin(annotation)
    if origin is Annotated:
        return Annotated[(after[0], *annotation.__metadata__)]
    if origin in (Union, types.UnionType):
        return Union[after]  # noqa: UP007 - of members that are known only here
    return annotation.copy_with(after) if hasattr(annotation, "copy_with") else origin[after]


def _replaced(annotation: Any, around: tuple[Any, ...]) -> Any:
    hints = typing.get_type_hints(annotation, include_extras=True)
    fields = {name: _field(annotation, name, portable(hint, around)) for name, hint in hints.items()}
    return typing_extensions.TypedDict(annotation.__name__, fields)  # type: ignore[operator]


def _field(annotation: Any, name: str, hint: Any) -> Any:
    if typing.get_origin(hint) in (Required, NotRequired):
        return hint
    return NotRequired[hint] if name in annotation.__optional_keys__ else Required[hint]
