"""JSON schemas of what workflows take and give."""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError
from pydantic.json_schema import GenerateJsonSchema

from polos.core.codec import MISSING
from polos.core.definitions import Definition
from polos.errors import NotStorable

_REFUSALS: Final = (PydanticUserError, PydanticInvalidForJsonSchema, NotStorable)


def payload_schema(definition: Definition) -> dict[str, Any] | None:
    """The schema of a payload; None if the code does not say what it takes."""
    try:
        return schema_of(definition.payload_annotation, "validation")
    except NotStorable:  # an annotation that cannot be resolved: told to who starts it
        return None


def result_schema(definition: Definition) -> dict[str, Any] | None:
    """The schema of a result; None if the code does not say what it gives."""
    try:
        return schema_of(definition.result_annotation, "serialization")
    except NotStorable:
        return None


def schema_of(annotation: Any, mode: Literal["validation", "serialization"]) -> dict[str, Any] | None:
    """The schema of an annotation; None if there is none, or JSON has no words for it."""
    if annotation is MISSING or annotation is Any:
        return None
    try:
        return TypeAdapter(annotation).json_schema(mode=mode, schema_generator=GenerateJsonSchema)
    except _REFUSALS:
        return None
