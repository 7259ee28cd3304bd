"""From the text a model wrote to JSON values: strict about JSON, forgiving about what native modes do to optionals.

Arguments and answers are parsed against the schema the caller gave, never the provider's dialect of it: a `null` for
an optional property that takes no null means that it was left out (strict modes make the model write it), and a
value that had to be wrapped into an object is taken out of it.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

from pydantic import JsonValue

from polos.llm.errors import InvalidModelOutput
from polos.llm.schema import WRAPPED, admits_null, needs_wrapping, resolve
from polos.llm.text import writable
from polos.llm.types import JsonObject, ToolCall


def parse_arguments(call: ToolCall, schema: JsonObject | None = None) -> JsonObject:
    """The arguments of a call as an object; `schema` is the tool's. Nothing, or white space, is `{}`.

    They are not validated against the schema: that is the tool's, which knows its types.

    Raises:
        InvalidModelOutput: no JSON, or no object; the text says where, to be told to the model.
    """
    what = f"the arguments of the tool call {call.name!r}"
    value = _loads(call.arguments, what) if call.arguments.strip() else {}
    if not isinstance(value, dict):
        raise InvalidModelOutput(
            f"{what} must be a JSON object, not {_kind(value)}. Call the tool again with an object"
        )
    return without_added_nulls(value, schema) if schema else value


def parse_output(text: str, schema: JsonObject) -> JsonValue:
    """The JSON value of a structured answer. A Markdown fence around it is taken off.

    Raises:
        InvalidModelOutput: no JSON; the text says where, to be told to the model.
    """
    value = _loads(_without_fence(text), "the answer")
    if needs_wrapping(schema) and isinstance(value, dict) and list(value) == [WRAPPED]:
        value = value[WRAPPED]
    pruned: JsonValue = without_added_nulls(value, schema)
    return pruned


def without_added_nulls(value: Any, schema: JsonObject) -> Any:
    """`value` without the nulls of optional properties that take no null; everything else is untouched."""
    return _prune(value, schema, schema)


def _prune(value: Any, node: Any, root: JsonObject) -> Any:
    schema = _variant(value, resolve(node, root), root)
    if isinstance(value, list):
        return [_prune(item, schema.get("items", {}), root) for item in value]
    if not isinstance(value, dict):
        return value
    properties = schema.get("properties", {})
    others = schema.get("additionalProperties")
    required = schema.get("required", ())
    return {
        key: _prune(item, properties.get(key, others if isinstance(others, dict) else {}), root)
        for key, item in value.items()
        if item is not None or key in required or key not in properties or admits_null(properties[key], root)
    }


def _variant(value: Any, schema: dict[str, Any], root: JsonObject) -> dict[str, Any]:
    """The first variant of a union that `value` has the shape of; the schema itself if it is no union."""
    variants = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf") or ()
    for variant in variants:
        found = _variant(value, resolve(variant, root), root)
        if _has_shape(value, found, root):
            return found
    return schema


def _has_shape(value: Any, schema: dict[str, Any], root: JsonObject) -> bool:
    kind = schema.get("type")
    if isinstance(value, list):
        return kind == "array"
    if not isinstance(value, dict) or kind != "object":
        return False
    properties = schema.get("properties", {})
    if any(key not in value for key in schema.get("required", ())):
        return False
    for key, item in value.items():
        part = resolve(properties.get(key, {}), root)
        if "const" in part and part["const"] != item:
            return False
        if "enum" in part and item is not None and item not in part["enum"]:
            return False
        if properties and key not in properties and schema.get("additionalProperties") is False:
            return False
    return True


def _loads(text: str, what: str) -> Any:
    try:
        return writable(json.loads(text, parse_constant=_no_number))
    except ValueError as error:
        raise InvalidModelOutput(
            f"{what} could not be read as JSON: {error}. Write it again, as complete and valid JSON"
        ) from error
    except RecursionError:
        raise InvalidModelOutput(
            f"{what} could not be read as JSON: nested too deeply. Write it again, flatter"
        ) from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _without_fence(text: str) -> str:
    stripped = text.strip()
    if not (stripped.startswith("```") and stripped.endswith("```") and "\n" in stripped):
        return stripped
    return stripped.split("\n", 1)[1].removesuffix("```").strip()


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case str():
            return "a string"
        case list():
            return "a list"
        case _:
            return "a number"
