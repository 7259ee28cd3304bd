"""Which codec an annotation has. One is built per annotation and kept."""

from __future__ import annotations

import sys
import typing
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeVar, overload

from polos.core.codec.annotations import MISSING, parameter_annotation, return_annotation
from polos.core.codec.base import Codec
from polos.core.codec.classes import Classes
from polos.core.codec.selfdescribing import PlainJson, SelfDescribing, Shape
from polos.core.codec.tags import Tags
from polos.core.codec.typed import TypedCodec

T = TypeVar("T")

_ANYTHING: Final = (MISSING, Any, object, typing.NoReturn, typing.Never)
_KEPT: Final = 1024


@overload
def codec_for(annotation: type[T], *, root: str = ..., trusted: bool = ...) -> Codec[T]: ...
@overload
def codec_for(annotation: Any = ..., *, root: str = ..., trusted: bool = ...) -> Codec[Any]: ...
def codec_for(annotation: Any = MISSING, *, root: str = "result", trusted: bool = True) -> Codec[Any]:
    """The codec of an annotation, or of values that have none.

    `root` is what paths in errors begin with. `trusted=False` is for text from outside: JSON as any client would write
    it, by field names or aliases, in which nothing is a tag.

    Raises:
        NotStorable: Values of that annotation cannot be stored, whatever they are.
    """
    # `int | str == str | int`, but of members that look alike pydantic takes the first: so the spelling counts too.
    spelling = "" if isinstance(annotation, type) else repr(annotation)
    try:
        return _built(annotation, spelling, root, trusted)
    except TypeError as error:
        if "unhashable" not in str(error):
            raise
        return _built_for_unhashable(annotation, root, trusted)


def return_codec(function: Callable[..., Any], *, root: str = "result") -> Codec[Any]:
    """The codec of what a function returns: sync or async, bound, partial, an object with `__call__`, or a class.

    Raises:
        NotStorable: The annotation cannot be resolved, or its values cannot be stored.
    """
    return codec_for(return_annotation(function), root=root)


def parameter_codec(
    function: Callable[..., Any], name: str | None, *, root: str = "payload", trusted: bool = True
) -> Codec[Any]:
    """The codec of the parameter of that name; None, or a parameter without annotation: of anything.

    Raises:
        NotStorable: The annotation cannot be resolved, or its values cannot be stored.
    """
    annotation = MISSING if name is None else parameter_annotation(function, name)
    return codec_for(annotation, root=root, trusted=trusted)


def plain_codec(*, root: str = "payload") -> Codec[Any]:
    """The codec of JSON from outside of which nothing is known. Nothing in it is a tag."""
    return codec_for(root=root, trusted=False)


def _build(annotation: Any, root: str, trusted: bool) -> Codec[Any]:
    shape = _shape(annotation)
    if shape is None:
        return TypedCodec(annotation, root=root, tags=_TAGS if trusted else None)
    return SelfDescribing(_TAGS, root=root, shape=shape) if trusted else PlainJson(root=root, shape=shape)


@lru_cache(maxsize=_KEPT)
def _built(annotation: Any, _spelling: str, root: str, trusted: bool) -> Codec[Any]:
    return _build(annotation, root, trusted)


# `Annotated[int, Field(gt=0)]` has no hash. The annotation is kept with its codec, so that no other gets its id.
_by_identity: Final[dict[tuple[int, str, bool], tuple[Any, Codec[Any]]]] = {}


def _built_for_unhashable(annotation: Any, root: str, trusted: bool) -> Codec[Any]:
    key = (id(annotation), root, trusted)
    kept = _by_identity.get(key)
    if kept is None:
        if len(_by_identity) >= _KEPT:
            _by_identity.clear()
        kept = _by_identity[key] = (annotation, _build(annotation, root, trusted))
    return kept[1]


def _shape(annotation: Any) -> Shape | None:
    """The shape of an annotation that leaves the parts open, or None for one that says more."""
    if isinstance(annotation, TypeVar) or any(annotation is open_ for open_ in _ANYTHING):
        return Shape()
    origin, arguments = typing.get_origin(annotation) or annotation, typing.get_args(annotation)
    if origin not in (dict, list):
        return None
    if origin is dict and arguments and arguments[0] is str:
        return Shape(dict, text_keys=True) if _open(arguments[1:]) else None
    return Shape(origin) if _open(arguments) else None


def _open(arguments: tuple[Any, ...]) -> bool:
    return all(argument is Any or argument is object for argument in arguments)


@lru_cache(maxsize=_KEPT)
def _codec_of_class(cls: type) -> TypedCodec[Any]:
    return TypedCodec(cls, root=cls.__name__, tags=_TAGS)


_TAGS: Final = Tags(Classes(sys.modules), _codec_of_class)
