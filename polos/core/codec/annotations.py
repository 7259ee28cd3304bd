"""What a function is annotated with: the objects behind the names, wherever the function is written.

Only the one annotation that is asked for is resolved: another may name something that exists for type checkers alone.
"""

from __future__ import annotations

import functools
import inspect
import types
import typing
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from polos.errors import NotStorable

MISSING: Final[Any] = inspect.Signature.empty
"""Stands for an annotation that is not there."""


def return_annotation(function: Callable[..., Any]) -> Any:
    """What calling (and awaiting) the function gives: its resolved annotation, or `MISSING`. For a class: the class.

    Raises:
        NotStorable: The annotation names something that cannot be found.
    """
    if isinstance(function, type):
        return function
    annotated = _annotated(function)
    annotation = getattr(annotated, "__annotations__", {}).get("return", MISSING)
    if annotation is MISSING or isinstance(annotation, type):
        return annotation
    return _awaited(_resolved(annotated, "return", annotation))


def parameter_annotation(function: Callable[..., Any], name: str) -> Any:
    """The resolved annotation of the parameter of that name, or `MISSING`.

    Raises:
        NotStorable: The annotation names something that cannot be found.
    """
    annotated = _annotated(function.__init__ if isinstance(function, type) else function)  # type: ignore[misc]
    annotation = getattr(annotated, "__annotations__", {}).get(name, MISSING)
    if annotation is MISSING or isinstance(annotation, type):
        return annotation
    return _resolved(annotated, name, annotation)


def _annotated(function: Any) -> Any:
    """The function that carries the annotations: inside partials and bound methods, or the `__call__` of an object."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType | staticmethod | classmethod):
            function = function.__func__
        elif hasattr(function, "__annotations__"):
            return function
        else:
            called = getattr(type(function), "__call__", None)  # noqa: B004 - the method itself is wanted
            return called if isinstance(called, types.FunctionType) else function  # a builtin says nothing


def _resolved(function: Any, name: str, annotation: Any) -> Any:
    if (
        isinstance(function, types.FunctionType)
        and not function.__closure__
        and "<locals>" not in function.__qualname__
    ):
        return _resolved_once(function, name)
    return _resolve(function, name, annotation)


@functools.lru_cache(maxsize=1024)
def _resolved_once(function: types.FunctionType, name: str) -> Any:
    """Of functions at module level, which live as long as the process anyway."""
    return _resolve(function, name, function.__annotations__[name])


def _resolve(function: Any, name: str, annotation: Any) -> Any:
    inner = inspect.unwrap(function)
    shim = types.SimpleNamespace(__annotations__={name: annotation})
    try:
        hints = typing.get_type_hints(
            shim, getattr(inner, "__globals__", {}), _locals(inner), include_extras=True
        )
    except Exception as error:  # the annotation is code of the user's: evaluating it may raise anything
        kind = "return annotation" if name == "return" else f"annotation of {name!r}"
        raise NotStorable(
            f"the {kind} {annotation!r} of {_name(function)} cannot be resolved: {error}",
            path="result" if name == "return" else name,
            hint="import or define that name at module level (not only under TYPE_CHECKING), or drop the annotation",
        ) from error
    return hints[name]


def _name(function: Any) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', repr(function))}"


def _locals(function: Any) -> dict[str, Any]:
    """The names around a function that are not global: of the class it stands in, of the functions around it."""
    names: dict[str, Any] = dict(_class_namespace(function))
    code = getattr(function, "__code__", None)
    for name, cell in zip(
        code.co_freevars if code else (), getattr(function, "__closure__", None) or (), strict=False
    ):
        try:
            names[name] = cell.cell_contents
        except ValueError:
            continue  # not assigned yet
    return names | {parameter.__name__: parameter for parameter in getattr(function, "__type_params__", ())}


def _class_namespace(function: Any) -> Mapping[str, Any]:
    *path, _ = getattr(function, "__qualname__", "").split(".") or [""]
    names: Mapping[str, Any] = getattr(function, "__globals__", {})
    for part in path:
        cls = names.get(part)
        if not isinstance(cls, type):
            return {}
        names = vars(cls)
    return names if path else {}


def _awaited(annotation: Any) -> Any:
    """What awaiting gives, for a function that says `-> Awaitable[X]`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(origin, type) and issubclass(origin, Awaitable) and arguments:
        return arguments[-1]
    return annotation
