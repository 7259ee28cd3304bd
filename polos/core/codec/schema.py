"""What the stored form changes in the core schema that pydantic makes of an annotation.

Pydantic's own JSON loses things: `Any` becomes what JSON has, bytes must be UTF-8, NaN becomes null, a zone becomes an
offset, and a set has another order in every process. A model brings such settings along, so they cannot be given from
outside; but a core schema is data, and the schema of an annotation holds those of the models in it. So `Storing` makes
a copy of the schema in which

    any, dict[Any, Any]   are written and read by the tags of the self-describing form
    datetime, time        keep their zone, see `moments`
    set, frozenset        are sorted
    enums                 of values that JSON does not know are written by name
    models and the like   write bytes as base64 and NaN as a string, whatever their own configuration says

Nothing else is touched, least of all what users gave a serializer of their own. A part of a schema that this module
does not know stays as it is; the codec compares what comes back, so at worst a value is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, Final, TypeAlias

from pydantic_core import PydanticCustomError

from polos.core.codec.moments import read_datetime, read_time, write_moment
from polos.core.codec.paths import Path, class_name
from polos.core.codec.tags import sort_items

Node: TypeAlias = dict[str, Any]

CONFIG: Final[Node] = {
    "ser_json_bytes": "base64",
    "val_json_bytes": "base64",
    "ser_json_inf_nan": "strings",
    "ser_json_temporal": "iso8601",
    "ser_json_timedelta": "iso8601",
    "hide_input_in_errors": True,  # what is stored may be secret, and errors end up in logs
}

# Where a node keeps the nodes inside it: as one, in a list, or under names.
_INSIDE: Final = frozenset(
    {
        *(
            "schema",
            "json_schema",
            "python_schema",
            "lax_schema",
            "strict_schema",
            "steps",
            "choices",
            "definitions",
        ),
        *("items_schema", "keys_schema", "values_schema", "fields", "extras_schema"),
        *("arguments_schema", "var_args_schema", "var_kwargs_schema"),
    }
)

_MOMENTS: Final[dict[str, Callable[[str], Any]]] = {"datetime": read_datetime, "time": read_time}
_CONFIGURED: Final = frozenset({"model", "dataclass", "typed-dict"})


class Storing:
    """Makes the copy. `write_any` and `read_any` are the self-describing form."""

    def __init__(self, write_any: Callable[[Any], Any], read_any: Callable[[Any], Any]) -> None:
        self._any = _through(read_any, {"type": "any"}, write_any, after=True)
        self._dict = _through(_only_dict, self._any, write_any, after=True)

    def __call__(self, schema: Any) -> Any:
        """The schema by which values are stored."""
        if isinstance(schema, list | tuple):
            return type(schema)(self(part) for part in schema)
        if not isinstance(schema, dict):
            return schema
        if not isinstance(schema.get("type"), str):  # nodes under the names of fields or the tags of a union
            return {name: self(part) for name, part in schema.items()}
        node = {key: self(part) if key in _INSIDE else part for key, part in schema.items()}
        return self._adapt(node)

    def _adapt(self, node: Node) -> Node:
        kind = node["type"]
        if kind in _CONFIGURED:
            node = self._configured(node)
        if "serialization" in node:
            return _inside_serializer(self, node)
        if kind == "any" or (kind == "json-or-python" and node["json_schema"] is self._any):
            return _outside(
                self._any, node
            )  # `JsonValue` is the latter: inside a serializer it is no JSON yet
        if kind == "dict" and node.get("keys_schema") is self._any and node.get("values_schema") is self._any:
            return _outside(self._dict, node)
        if kind in _MOMENTS:
            return _outside(_through(_reader(_MOMENTS[kind]), _without_ref(node), write_moment), node)
        if kind in ("set", "frozenset"):
            return node | {"serialization": {"type": "function-wrap", "function": _sorted}}
        if kind == "enum" and not all(
            isinstance(member.value, int | float | str) for member in node["members"]
        ):
            return _outside(_by_name(node["cls"]), node)
        return node

    def _configured(self, node: Node) -> Node:
        config = node.get("config", {})
        node = node | {"config": config | CONFIG}
        return self._with_extras(node) if config.get("extra_fields_behavior") == "allow" else node

    def _with_extras(self, node: Node) -> Node:
        """The node with the tags for fields that are not declared. Validators may stand around the fields."""
        if node["type"] in ("model-fields", "typed-dict"):
            return {"extras_schema": self._any} | node
        return node | {"schema": self._with_extras(node["schema"])} if "schema" in node else node


def _inside_serializer(rewrite: Callable[[Any], Any], node: Node) -> Node:
    """The node of which a serializer writes the items only, as that of `Sequence[X]`."""
    serializer = node["serialization"]
    if "schema" not in serializer:
        return node
    return node | {"serialization": serializer | {"schema": rewrite(serializer["schema"])}}


def _through(
    read: Callable[[Any], Any], node: Node, write: Callable[[Any], Any], *, after: bool = False
) -> Node:
    """The node, read through one function, before or after it, and written by another."""
    return {
        "type": "function-after" if after else "function-before",
        "function": {"type": "no-info", "function": read},
        "schema": node,
        "serialization": {"type": "function-plain", "function": write, "return_schema": {"type": "any"}},
    }


def _outside(node: Node, former: Node) -> Node:
    """The node in place of a former one, with the name by which others refer to it."""
    return node | {"ref": former["ref"]} if "ref" in former else node


def _without_ref(node: Node) -> Node:
    return {key: part for key, part in node.items() if key != "ref"}


def _reader(read: Callable[[str], Any]) -> Callable[[Any], Any]:
    def reader(value: Any) -> Any:
        if not isinstance(value, str) or not value.endswith("]"):
            return value
        try:
            return read(value)
        except ValueError:
            return value  # not ours: pydantic says what it thinks of it

    return reader


def _by_name(cls: Any) -> Node:
    """Reads and writes an enum by the names of its members: JSON has no form for its values."""

    def read(name: Any) -> Any:
        if isinstance(name, cls):
            return name
        if isinstance(name, str) and name in cls.__members__:
            return cls[name]
        raise PydanticCustomError("enum", "Input should be the name of a member")

    return _through(read, {"type": "is-instance", "cls": cls}, attrgetter("name"))


def _only_dict(value: Any) -> Any:
    if isinstance(value, dict):
        return value
    raise PydanticCustomError("dict_type", "Input should be a valid dictionary")


def _sorted(value: Any, write: Callable[[Any], Any]) -> Any:
    written = write(value)
    return sort_items(written) if isinstance(written, list) else written


# --- what no text can be read into ------------------------------------------------------------------------------


class Unreadable:
    """Finds the part of a schema of which no JSON can ever be read, before anything runs whose result would be lost.

    Only what is certain counts: an optional socket may be None, one member of a union is enough, and a function of the
    user's that comes before may make anything of anything.
    """

    def __init__(self, schema: Node) -> None:
        self._schema = schema
        self._definitions = {node.get("ref"): node for node in schema.get("definitions", ())}
        self._seen: set[str] = set()

    def find(self, root: Path) -> tuple[Path, str] | None:
        """The path of that part and what it asks for, or None."""
        return next(self._walk(self._schema, root), None)

    def _walk(self, node: Node, path: Path) -> Iterator[tuple[Path, str]]:
        match node["type"]:
            case "is-instance":
                yield (
                    path,
                    f"an instance of {class_name(node['cls'])}"
                    if isinstance(node["cls"], type)
                    else "an object",
                )
            case "is-subclass":
                yield path, "a class"
            case "callable":
                yield path, "something to call"
            case "generator":
                yield path, "an iterator, which can be gone through only once"
            case "union" | "tagged-union":
                choices = (
                    node["choices"].values() if isinstance(node["choices"], Mapping) else node["choices"]
                )
                found = [next(self._walk(_unlabelled(choice), path), None) for choice in choices]
                if found and all(found):
                    yield from filter(None, found[:1])
            case "definition-ref":
                yield from self._refer(node["schema_ref"], path)
            case _:
                for inner, here in _read_parts(node, path):
                    yield from self._walk(inner, here)

    def _refer(self, ref: str, path: Path) -> Iterator[tuple[Path, str]]:
        if ref not in self._seen and ref in self._definitions:
            self._seen.add(ref)
            yield from self._walk(self._definitions[ref], path)


def _read_parts(node: Node, path: Path) -> Iterator[tuple[Node, Path]]:
    """The nodes that JSON certainly goes through when `node` reads it."""
    kind: str = node["type"]
    match kind:
        case "model-fields" | "typed-dict":
            yield from (
                (field["schema"], (path, name)) for name, field in node["fields"].items() if _stored(field)
            )
        case "dataclass-args" | "named-tuple":
            yield from (
                (field["schema"], (path, field["name"])) for field in node["fields"] if _stored(field)
            )
        case "json-or-python":
            yield node["json_schema"], path
        case "lax-or-strict":
            yield node["lax_schema"], path
        case "chain":
            yield node["steps"][0], path
        case "tuple":
            yield from ((item, (path, at)) for at, item in enumerate(node["items_schema"]))
        case "list" | "set" | "frozenset" | "deque" if "items_schema" in node:
            yield node["items_schema"], (path, 0)
        case "dict" | "ordered-dict" | "frozendict" if "values_schema" in node:
            yield node["values_schema"], (path, "*")
        case "definitions" | "model" | "dataclass" | "function-after" | "custom-error":
            yield node["schema"], path
        case _:
            return


def _stored(field: Node) -> bool:
    return not field.get("serialization_exclude") and field.get("init", True)


def _unlabelled(choice: Any) -> Node:
    node: Node = choice[0] if isinstance(choice, tuple) else choice
    return node
