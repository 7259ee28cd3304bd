"""From a tool's signature to what checks its arguments: a pydantic model, and the JSON schema a model is shown."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo

from polos.core.codec import MISSING, parameter_annotation
from polos.errors import InvalidDefinition, NotStorable

_KINDS: Final = (
    inspect.Parameter.POSITIONAL_ONLY,
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


class Parameters:
    """The parameters of `f(ctx, ...)` behind the context: plain typed ones, or one that is a pydantic model.

    Annotations are resolved when first needed, so that they may name what is defined further down in the module.
    """

    def __init__(self, function: Callable[..., Any], name: str, described: Mapping[str, str]) -> None:
        self._function = function
        self._name = name
        self._described = described
        self._parameters = _behind_context(function, name)

    @cached_property
    def model(self) -> type[BaseModel]:
        """What an invocation's payload is validated by.

        Raises:
            InvalidDefinition: A parameter's annotation is nothing that JSON can be read into.
        """
        own = self._own_model
        if own is not None:
            return own
        fields: dict[str, Any] = {
            self._field(parameter.name): self._definition(parameter) for parameter in self._parameters
        }
        config = ConfigDict(extra="forbid", protected_namespaces=())
        try:
            return create_model(f"{self._name}_arguments", __config__=config, **fields)
        except PydanticUserError as error:
            raise InvalidDefinition(
                f"the tool {self._name!r} takes what cannot come from JSON: {error.message}"
            ) from error

    @cached_property
    def schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments, an object."""
        return schema_of(self.model.model_json_schema(), self._name)

    def call(self, payload: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """What to pass behind the context, for a validated payload."""
        if self._own_model is not None:
            values = {self._parameters[0].name: payload}
        else:
            values = {p.name: getattr(payload, self._field(p.name)) for p in self._parameters}
        positional = [p.name for p in self._parameters if p.kind is inspect.Parameter.POSITIONAL_ONLY]
        return tuple(values.pop(name) for name in positional), values

    @cached_property
    def _own_model(self) -> type[BaseModel] | None:
        if len(self._parameters) != 1:
            return None
        annotation = self._annotation(self._parameters[0])
        return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None

    def _annotation(self, parameter: inspect.Parameter) -> Any:
        try:
            return parameter_annotation(self._function, parameter.name)
        except NotStorable as error:
            raise InvalidDefinition(f"the tool {self._name!r} cannot be described: {error}") from error

    def _definition(self, parameter: inspect.Parameter) -> tuple[Any, FieldInfo]:
        annotation = self._annotation(parameter)
        options: dict[str, Any] = {}
        if self._field(parameter.name) != parameter.name:
            options["alias"] = parameter.name
        text = self._described.get(parameter.name)
        if text and not _has_description(annotation):
            options["description"] = text
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        return (Any if annotation is MISSING else annotation), Field(default, **options)

    @staticmethod
    def _field(name: str) -> str:
        """A name that pydantic takes: `schema`, `copy` or `_x` are its own."""
        return f"arg_{name.lstrip('_')}" if name.startswith("_") or hasattr(BaseModel, name) else name


def schema_of(schema: dict[str, Any], name: str) -> dict[str, Any]:
    """The schema as a model is shown it: without the titles that pydantic makes of names.

    Raises:
        InvalidDefinition: It is not an object's: what a tool is called with is one.
    """
    plain: dict[str, Any] = _without_titles(schema)
    if plain.get("type", "object") != "object":
        raise InvalidDefinition(
            f"the tool {name!r} takes {plain.get('type')}; a model calls a tool with named arguments: "
            "give it parameters, or one pydantic model with fields"
        )
    return {"properties": {}, **plain, "type": "object"}


def _without_titles(node: Any, *, names: bool = False) -> Any:
    """`names`: the keys of this node are names of properties or definitions, one of which may be `title`."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value, names=not names and key in ("properties", "$defs", "definitions"))
        for key, value in node.items()
        if names or key != "title"
    }


def _has_description(annotation: Any) -> bool:
    if typing.get_origin(annotation) is not typing.Annotated:
        return False
    return any(isinstance(part, FieldInfo) and part.description for part in annotation.__metadata__)


def _behind_context(function: Callable[..., Any], name: str) -> list[inspect.Parameter]:
    """The parameters but the first, which is the context.

    Raises:
        InvalidDefinition: There is no context, or there are `*args` or `**kwargs`.
    """
    parameters = list(inspect.signature(function).parameters.values())
    form = f"def {getattr(function, '__name__', name)}(ctx, city: str) -> str"
    if not parameters or parameters[0].kind not in _KINDS[:2] or not _may_be_context(parameters[0]):
        raise InvalidDefinition(
            f"the tool {name!r} needs the context as its first parameter, e.g. {form}: {_place(function)}"
        )
    for parameter in parameters[1:]:
        if parameter.kind not in _KINDS:
            raise InvalidDefinition(
                f"the tool {name!r} takes {parameter}; a model has to know the names: e.g. {form}: {_place(function)}"
            )
    return parameters[1:]


def _may_be_context(parameter: inspect.Parameter) -> bool:
    """Whether it can be the context: not annotated, or with something that is called one."""
    annotation = parameter.annotation
    if annotation in (inspect.Parameter.empty, Any, object):
        return True
    text = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", repr(annotation))
    return text.rpartition(".")[2].strip("\"'").endswith(("Context", "Any", "object"))


def _place(function: Callable[..., Any]) -> str:
    code = getattr(inspect.unwrap(function), "__code__", None)
    return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(function)
