from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from polos.llm.errors import InvalidModelOutput
from polos.llm.parsing import parse_arguments, parse_output, without_added_nulls
from polos.llm.types import ToolCall

OBJECT = {"type": "object", "properties": {"a": {"type": "integer"}}}


def call(arguments: str) -> ToolCall:
    return ToolCall(call_id="c", name="lookup", arguments=arguments)


@pytest.mark.parametrize("nothing", ["{}", "", "  \n"])
def test_a_call_without_arguments_has_none(nothing: str) -> None:
    assert parse_arguments(call(nothing)) == {}


@pytest.mark.parametrize(
    "bad", ['{"a": ', "{a: 1}", "null", "[1]", '"text"', "7", "true", '{"a": NaN}', "{} {}"]
)
def test_bad_arguments_are_an_error_for_the_model_and_never_empty_arguments(bad: str) -> None:
    with pytest.raises(InvalidModelOutput, match="lookup"):
        parse_arguments(call(bad))


def test_arguments_nested_beyond_reason_are_an_error_for_the_model() -> None:
    with pytest.raises(InvalidModelOutput):
        parse_arguments(call('{"a":' * 100_000 + "1" + "}" * 100_000))


def test_a_null_for_an_optional_argument_means_that_it_was_left_out() -> None:
    assert parse_arguments(call('{"a": null, "b": null}'), OBJECT) == {"b": None}
    assert parse_arguments(call('{"a": null}')) == {"a": None}


def test_a_null_for_a_required_argument_is_the_tools_to_refuse() -> None:
    schema = {**OBJECT, "required": ["a"]}
    assert parse_arguments(call('{"a": null}'), schema) == {"a": None}


@pytest.mark.parametrize(
    "text",
    ['{"a": 1}', ' {"a": 1}\n', '```json\n{"a": 1}\n```', '```\n{"a": 1}```'],
    ids=["plain", "spaced", "json", "fence"],
)
def test_an_answer_is_read_with_or_without_a_fence(text: str) -> None:
    assert parse_output(text, OBJECT) == {"a": 1}


def test_prose_around_an_answer_is_an_error_with_its_place() -> None:
    with pytest.raises(InvalidModelOutput, match="char 0"):
        parse_output('Here it is: {"a": 1}', OBJECT)


def test_a_wrapped_answer_is_taken_out_and_an_unwrapped_one_is_taken_too() -> None:
    schema = {"type": "array", "items": {"type": "integer"}}
    assert parse_output('{"value": [1, 2]}', schema) == [1, 2]
    assert parse_output("[1, 2]", schema) == [1, 2]


def test_an_object_with_a_property_named_like_the_wrapper_is_left_alone() -> None:
    schema = {"type": "object", "properties": {"value": {"type": "integer"}}}
    assert parse_output('{"value": 1}', schema) == {"value": 1}


def test_nulls_in_the_fitting_variant_of_a_union_go() -> None:
    cat = {"type": "object", "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}}}
    dog = {"type": "object", "properties": {"kind": {"const": "dog"}, "lives": {"type": ["integer", "null"]}}}
    schema = {"type": "array", "items": {"anyOf": [cat, dog]}}
    value = [{"kind": "cat", "lives": None}, {"kind": "dog", "lives": None}]
    assert without_added_nulls(value, schema) == [{"kind": "cat"}, {"kind": "dog", "lives": None}]


def test_a_variant_is_chosen_by_its_shape() -> None:
    listed = {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "integer"}}}}
    closed = {"type": "object", "properties": {"b": {"enum": ["x"]}}, "additionalProperties": False}
    needs = {"type": "object", "properties": {"c": {"type": "integer"}}, "required": ["d"]}
    last = {"type": "object", "properties": {"e": {"type": "integer"}}}
    schema = {"type": "object", "additionalProperties": {"anyOf": [listed, closed, needs, last]}}
    value = {"1": [{"a": None}], "2": {"b": "y", "e": None}, "3": {"c": None, "e": None}, "4": 5}
    assert without_added_nulls(value, schema) == {"1": [{}], "2": {"b": "y"}, "3": {"c": None}, "4": 5}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(json_values)
def test_without_a_word_of_the_schema_about_it_nothing_is_touched(value: object) -> None:
    assert without_added_nulls(value, {}) == value
