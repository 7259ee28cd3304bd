"""Schemas as pydantic writes them, in the dialects of the providers."""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import enum
import json
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field, TypeAdapter

from polos.llm.parsing import without_added_nulls
from polos.llm.schema import NotBindable, closed_schema, needs_wrapping, openai_schema, wrapped
from polos.testing.wire.format import strict_problem


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(BaseModel):
    """Where it is."""

    street: str
    zip: str = Field(default="", pattern=r"^\d{5}$", min_length=5)


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str | None = None


class Order(BaseModel):
    number: int = Field(ge=1, le=999)
    color: Color = Color.RED
    address: Address = Field(description="of the customer")
    other: Address | None = None
    lines: list[Address] = Field(default_factory=list, max_length=3)
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    amount: float | int | None = None
    price: decimal.Decimal = decimal.Decimal(1)
    due: dt.date | None = None
    at: dt.datetime
    words: set[str] = set()


class Tree(BaseModel):
    name: str
    children: list[Tree] = []


def schema_of(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema()


def walk(node: Any) -> Any:
    if isinstance(node, dict):
        yield node
        for value in node.values():
            yield from walk(value)
    elif isinstance(node, list):
        for value in node:
            yield from walk(value)


@pytest.mark.parametrize("kind", [Address, Cat, Order, Tree])
def test_openais_strict_mode_takes_what_pydantic_describes(kind: type[BaseModel]) -> None:
    assert strict_problem(openai_schema(schema_of(kind))) == ""


@pytest.mark.parametrize("kind", [Address, Cat, Order, Tree])
def test_the_given_schema_is_never_changed(kind: type[BaseModel]) -> None:
    schema = schema_of(kind)
    before = copy.deepcopy(schema)
    openai_schema(schema)
    wrapped(schema)
    assert schema == before


@pytest.mark.parametrize("kind", [Address, Cat, Order, Tree])
def test_a_strict_schema_stays_as_it_is(kind: type[BaseModel]) -> None:
    once = openai_schema(schema_of(kind))
    assert openai_schema(once) == once


def test_every_property_is_required_and_an_optional_one_becomes_nullable() -> None:
    strict = openai_schema(schema_of(Order))
    assert sorted(strict["required"]) == sorted(Order.model_fields)
    assert strict["properties"]["number"]["type"] == "integer"
    assert {"type": "null"} in strict["properties"]["lines"]["anyOf"]
    assert {"type": "null"} in strict["properties"]["color"]["anyOf"]


def test_what_takes_null_already_is_not_made_nullable_twice() -> None:
    due = openai_schema(schema_of(Order))["properties"]["due"]
    assert sum(variant == {"type": "null"} for variant in due["anyOf"]) == 1
    assert "anyOf" not in due["anyOf"][0]


def test_enums_and_literals_keep_their_values() -> None:
    strict = openai_schema(schema_of(Order))
    assert strict["$defs"]["Color"]["enum"] == ["red", "blue"]
    assert strict["$defs"]["Cat"]["properties"]["kind"]["const"] == "cat"


def test_a_discriminated_union_becomes_a_plain_one() -> None:
    pet = openai_schema(schema_of(Order))["properties"]["pet"]
    assert [variant["$ref"] for variant in pet["anyOf"]] == ["#/$defs/Cat", "#/$defs/Dog"]


def test_a_reference_with_words_beside_it_is_replaced_by_what_it_refers_to() -> None:
    address = openai_schema(schema_of(Order))["properties"]["address"]
    assert "$ref" not in address
    assert address["description"] == "of the customer"
    assert address["additionalProperties"] is False


def test_constraints_the_dialect_knows_stay_and_the_others_become_words() -> None:
    strict = openai_schema(schema_of(Order))
    assert strict["properties"]["number"]["minimum"] == 1
    closed = closed_schema(schema_of(Order))
    assert "minimum" not in closed["properties"]["number"]
    assert "minimum: 1" in closed["properties"]["number"]["description"]
    zip_code = strict["$defs"]["Address"]["properties"]["zip"]["anyOf"][0]
    assert zip_code["pattern"] == r"^\d{5}$"
    assert "minLength: 5" in zip_code["description"]


def test_a_pattern_with_look_around_becomes_words() -> None:
    """Pydantic writes one for every Decimal, and strict mode rejects it."""
    price = openai_schema(schema_of(Order))["properties"]["price"]
    assert not any("pattern" in node for node in walk(price))


def test_formats_survive_where_they_are_known() -> None:
    schema = {
        "type": "object",
        "properties": {
            "at": {"type": "string", "format": "date-time"},
            "file": {"type": "string", "format": "path"},
        },
        "required": ["at", "file"],
    }
    properties = openai_schema(schema)["properties"]
    assert properties["at"]["format"] == "date-time"
    assert "format" not in properties["file"]
    assert "format: path" in properties["file"]["description"]


def test_no_default_is_left_anywhere() -> None:
    for bound in (openai_schema(schema_of(Order)), closed_schema(schema_of(Order))):
        assert not any({"default", "discriminator", "examples"} & node.keys() for node in walk(bound))


def test_a_closed_schema_leaves_optional_properties_optional() -> None:
    closed = closed_schema(schema_of(Order))
    assert sorted(closed["required"]) == ["address", "at", "number", "pet"]
    assert all(node["additionalProperties"] is False for node in walk(closed) if node.get("type") == "object")


def test_a_recursive_model_is_taken_where_recursion_is_and_refused_where_not() -> None:
    assert openai_schema(schema_of(Tree))["properties"]["name"] == {"type": "string", "title": "Name"}
    with pytest.raises(NotBindable, match="itself"):
        closed_schema(schema_of(Tree))


class Free(BaseModel):
    data: dict[str, int]


class Anything(BaseModel):
    value: Any


class Pair(BaseModel):
    both: tuple[int, str]


class Untyped(BaseModel):
    items: list


@pytest.mark.parametrize("kind", [Free, Anything, Pair, Untyped])
@pytest.mark.parametrize("bind", [openai_schema, closed_schema])
def test_what_a_native_mode_cannot_say_is_refused_with_its_place(kind: type[BaseModel], bind: Any) -> None:
    with pytest.raises(NotBindable) as caught:
        bind(schema_of(kind))
    assert next(iter(kind.model_fields)) in str(caught.value)


@pytest.mark.parametrize("kind", [list[int], Cat | Dog, int, list[Address], Color])
def test_an_answer_that_is_no_object_is_wrapped_into_one(kind: Any) -> None:
    schema = schema_of(kind)
    assert needs_wrapping(schema)
    strict = openai_schema(wrapped(schema))
    assert strict["required"] == ["value"]
    assert strict_problem(strict) == ""


def test_an_object_is_not_wrapped() -> None:
    schema = schema_of(Tree)
    assert "$ref" in schema
    assert wrapped(schema) is schema


def test_a_tool_without_parameters_is_strict_too() -> None:
    for schema in ({"type": "object"}, {"type": "object", "properties": {}}):
        assert openai_schema(schema) == {
            "type": "object",
            "properties": {},
            "required": [],
            "additionalProperties": False,
        }


def test_a_reference_that_leads_nowhere_is_told() -> None:
    with pytest.raises(NotBindable, match="nowhere"):
        openai_schema({"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone", "description": "x"}}})
    with pytest.raises(NotBindable):
        openai_schema({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}})


@pytest.mark.parametrize(
    "part",
    [
        {"allOf": [{"type": "string"}, {"minLength": 1}]},
        {"type": "array", "items": True},
        {"not": {"type": "string"}},
        {"type": "object"},
    ],
)
def test_hand_written_schemas_beyond_native_modes_are_refused_too(part: dict[str, Any]) -> None:
    with pytest.raises(NotBindable, match=r"^a"):
        openai_schema({"type": "object", "properties": {"a": part}})


def test_older_ways_to_write_schemas_are_understood() -> None:
    schema = {
        "type": "object",
        "definitions": {"A": {"type": "object", "properties": {"x": {"enum": [1, None]}}}},
        "properties": {"a": {"allOf": [{"$ref": "#/definitions/A"}]}, "b": {"type": ["string", "null"]}},
    }
    strict = openai_schema(schema)
    assert strict["definitions"]["A"]["properties"]["x"] == {"enum": [1, None]}, (
        "null is one of its values already"
    )
    assert strict["properties"]["a"]["anyOf"][0]["required"] == ["x"]
    assert strict["properties"]["b"] == {"type": ["string", "null"]}


def test_what_strict_mode_makes_the_model_write_validates_again() -> None:
    """Every optional property null, as strict mode allows: the nulls go, the defaults come."""
    written = {
        "number": 1,
        "color": None,
        "address": {"street": "s", "zip": None},
        "other": {"street": "t", "zip": None},
        "lines": [{"street": "u", "zip": None}],
        "pet": {"kind": "cat", "lives": None},
        "amount": None,
        "price": None,
        "due": None,
        "at": "2026-11-22T09:00:00Z",
        "words": None,
    }
    value = without_added_nulls(json.loads(json.dumps(written)), schema_of(Order))
    order = Order.model_validate(value)
    assert (order.color, order.pet, order.price) == (Color.RED, Cat(kind="cat"), decimal.Decimal(1))
    assert order.lines == [Address(street="u")]
    assert value["due"] is None, "a null that the model allows is the model's to keep"
