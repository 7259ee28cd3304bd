"""JSON schemas as providers bind their models to them: pure functions from one schema to another.

Pydantic writes schemas of the full language; a provider's native mode takes a part of it, its *dialect*. What a
dialect cannot say but a reader can (a length, a pattern) moves into the description, and pydantic checks it when the
answer comes. What changes the set of values beyond that (free-form objects, tuples) raises `NotBindable`, and the
adapter falls back to asking in words.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from polos.errors import PolosError
from polos.llm.types import JsonObject

Schema = dict[str, Any]


class NotBindable(PolosError):
    """The schema says something the provider's native mode cannot. `path` leads there."""

    code = "schema_not_bindable"

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        super().__init__(f"{path or 'the schema'}: {why}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a native mode understands beyond types, enums, unions and references."""

    all_required: bool
    keywords: frozenset[str]
    formats: frozenset[str]
    recursion: bool


_FORMATS: Final = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"},
)

OPENAI: Final = Dialect(
    all_required=True,
    keywords=frozenset(
        {"pattern", "multipleOf", "maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum"}
        | {"minItems", "maxItems"},
    ),
    formats=_FORMATS,
    recursion=True,
)
"""OpenAI's strict mode: every property required, so that an optional one becomes nullable."""

CLOSED: Final = Dialect(all_required=False, keywords=frozenset(), formats=_FORMATS | {"uri"}, recursion=False)
"""Anthropic's and Bedrock's structured output: closed objects, properties may be optional, no constraints."""

_STRUCTURE: Final = frozenset(
    {"type", "properties", "required", "items", "anyOf", "oneOf", "allOf", "enum", "const", "$ref", "$defs"}
    | {"definitions", "additionalProperties", "title", "description"},
)
_SILENT: Final = frozenset({"default", "discriminator", "examples", "deprecated", "readOnly", "writeOnly"})
"""Dropped without a word: they say nothing about which values match."""
_UNSAYABLE: Final = {
    "prefixItems": "a tuple has a type for each position; use a list, or a model with named fields",
    "patternProperties": "keys given by a pattern; use a list of models with a key field",
    "not": "a negation",
    "if": "a condition",
}


def openai_schema(schema: JsonObject) -> JsonObject:
    """`schema` for OpenAI's strict mode.

    Raises:
        NotBindable: it has free-form objects, tuples or untyped values, which strict mode cannot say.
    """
    return _Binding(schema, OPENAI).root()


def closed_schema(schema: JsonObject) -> JsonObject:
    """`schema` for Anthropic's and Bedrock's structured output.

    Raises:
        NotBindable: as `openai_schema`, and for a schema that contains itself.
    """
    return _Binding(schema, CLOSED).root()


# --- roots that are no object -------------------------------------------------------------------------------------

WRAPPED: Final = "value"
"""The one property of the object that holds an answer whose schema is no object (a list, a union)."""


def needs_wrapping(schema: JsonObject) -> bool:
    """Whether the answer has to be wrapped into an object, as native modes bind to objects only."""
    return resolve(schema, schema).get("type") != "object"


def wrapped(schema: JsonObject) -> JsonObject:
    """`schema` itself if it is an object's, else that of an object with the value under `value`."""
    if not needs_wrapping(schema):
        return schema
    definitions: JsonObject = {name: schema[name] for name in ("$defs", "definitions") if name in schema}
    value = {name: part for name, part in schema.items() if name not in definitions}
    return {
        "type": "object",
        "properties": {WRAPPED: value},
        "required": [WRAPPED],
        "additionalProperties": False,
        **definitions,
    }


def resolve(node: Any, root: Schema) -> Schema:
    """`node` with its reference followed, siblings of `$ref` over what it refers to; {} for no schema."""
    seen = 0
    while isinstance(node, dict) and isinstance(node.get("$ref"), str):
        siblings = {key: value for key, value in node.items() if key != "$ref"}
        node = {**_target(node["$ref"], root), **siblings}
        seen += 1
        if seen > 100:
            raise NotBindable(node.get("$ref", ""), "the reference leads to itself")
    return node if isinstance(node, dict) else {}


def _target(reference: str, root: Schema) -> Schema:
    node: Any = root
    for name in reference.removeprefix("#").strip("/").split("/"):
        key = name.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if key and isinstance(node, dict) else node
    if not reference.startswith("#") or not isinstance(node, dict):
        raise NotBindable(reference, "a reference that leads nowhere in this schema")
    return node


def admits_null(node: Any, root: Schema) -> bool:
    """Whether `null` matches."""
    schema = resolve(node, root)
    kind = schema.get("type")
    if "const" in schema:
        return schema["const"] is None
    if "enum" in schema:
        return None in schema["enum"]
    variants = schema.get("anyOf") or schema.get("oneOf")
    if variants:
        return any(admits_null(variant, root) for variant in variants)
    if "allOf" in schema:
        return all(admits_null(part, root) for part in schema["allOf"])
    return kind is None or kind == "null" or (isinstance(kind, list) and "null" in kind)


# --- binding ------------------------------------------------------------------------------------------------------


class _Binding:
    """One conversion: walks a schema and builds another; the given one is never changed."""

    def __init__(self, schema: Schema, dialect: Dialect) -> None:
        self._source = schema
        self._dialect = dialect

    def root(self) -> Schema:
        node = resolve(self._source, self._source) if "$ref" in self._source else self._source
        definitions = self._source.get("$defs") or self._source.get("definitions") or {}
        if not self._dialect.recursion and (loop := _recursive(definitions)):
            raise NotBindable(loop, "a schema that contains itself")
        if node.get("type") != "object":
            raise NotBindable("", "the answer must be an object; wrap it into one")
        place = "$defs" if "$defs" in self._source else "definitions"
        bound = self._node({"properties": {}, **node}, "")
        if definitions:
            bound[place] = {name: self._node(part, f"{place}.{name}") for name, part in definitions.items()}
        return bound

    def _node(self, node: Any, path: str) -> Schema:
        if not isinstance(node, dict):
            raise NotBindable(path, "any value would match; say of which type it is")
        if "$ref" in node and len(node.keys() - _SILENT) > 1:
            node = resolve(node, self._source)  # a reference takes no siblings in these dialects
        if "$ref" in node:
            return {"$ref": node["$ref"]}
        if len(node.get("allOf", ())) == 1:
            node = {
                **resolve(node["allOf"][0], self._source),
                **{k: v for k, v in node.items() if k != "allOf"},
            }
        for keyword, why in _UNSAYABLE.items():
            if keyword in node:
                raise NotBindable(path, why)
        bound = {key: node[key] for key in ("type", "enum", "const", "title") if key in node}
        bound |= self._children(node, path)
        if not bound.keys() & {"type", "enum", "const", "anyOf", "allOf"}:
            raise NotBindable(path, "any value would match; say of which type it is")
        kept, told = self._constraints(node)
        description = " ".join(filter(None, [node.get("description", ""), told]))
        return {**bound, **kept, **({"description": description} if description else {})}

    def _children(self, node: Schema, path: str) -> Schema:
        children: Schema = {}
        variants = node.get("anyOf") or node.get("oneOf")
        if variants:
            children["anyOf"] = [self._node(v, f"{path}|{i}".lstrip("|")) for i, v in enumerate(variants)]
        if "allOf" in node:
            raise NotBindable(path, "an intersection of several schemas")
        if _has_type(node, "object"):
            children |= self._object(node, path)
        if _has_type(node, "array"):
            children["items"] = self._node(node.get("items"), f"{path}[]")
        return children

    def _object(self, node: Schema, path: str) -> Schema:
        if node.get("additionalProperties", False) is not False:
            raise NotBindable(path, "an object with free keys; use a list of models with a key field")
        if "properties" not in node:
            raise NotBindable(path, "an object of unknown properties; describe them by a model")
        required = node.get("required", [])
        properties = {
            name: self._property(part, f"{path}.{name}".lstrip("."), name in required)
            for name, part in node["properties"].items()
        }
        needed = list(properties) if self._dialect.all_required else [n for n in properties if n in required]
        return {"properties": properties, "required": needed, "additionalProperties": False}

    def _property(self, part: Any, path: str, required: bool) -> Schema:
        bound = self._node(part, path)
        if required or not self._dialect.all_required or admits_null(part, self._source):
            return bound
        return {"anyOf": [bound, {"type": "null"}]}

    def _constraints(self, node: Schema) -> tuple[Schema, str]:
        """What the dialect knows, and the rest in words."""
        kept: Schema = {}
        told: list[str] = []
        for key, value in node.items():
            if key in _STRUCTURE or key in _SILENT or key.startswith(("$", "x-")):
                continue
            known = value in self._dialect.formats if key == "format" else key in self._dialect.keywords
            if key == "pattern" and "(?" in str(value):
                known = False  # look-around and inline flags are no part of the providers' grammar
            if known:
                kept[key] = value
            else:
                told.append(f"{key}: {value}")
        return kept, f"({', '.join(told)})" if told else ""


def _has_type(node: Schema, kind: str) -> bool:
    given = node.get("type")
    return given == kind or (isinstance(given, list) and kind in given)


def _recursive(definitions: Schema) -> str:
    """The name of a definition that reaches itself, or an empty text."""
    edges = {name: set(_references(part)) for name, part in definitions.items()}
    for start, direct in edges.items():
        seen: set[str] = set()
        ahead = list(direct)
        while ahead:
            name = ahead.pop()
            if name == start:
                return start
            if name not in seen:
                seen.add(name)
                ahead.extend(edges.get(name, ()))
    return ""


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"].rsplit("/", 1)[-1]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)
