from __future__ import annotations

import pytest
from pydantic import ValidationError

from polos.llm.types import (
    Image,
    Message,
    Opaque,
    Reasoning,
    StopReason,
    Text,
    ToolCall,
    Usage,
    assistant,
    user,
)

THOUGHT = Reasoning(text="hm", raw={"type": "thinking", "signature": "s"})
SAID = Text(text="One.", raw={"type": "text", "text": "One."})
CALL = ToolCall(call_id="c1", name="f", arguments='{"a": 1}', raw={"id": "c1"})
OTHER = ToolCall(call_id="c2", name="g", raw={"id": "c2"})
ANSWER = Message(role="assistant", parts=(THOUGHT, SAID, CALL, OTHER), api="anthropic.messages")


def test_new_words_take_the_place_of_the_old_and_leave_reasoning_and_calls_as_they_were() -> None:
    changed = ANSWER.with_text("Two.")
    assert changed.parts == (THOUGHT, Text(text="Two."), CALL, OTHER)
    assert ANSWER.text == "One."


def test_the_same_words_keep_the_providers_own_item() -> None:
    assert ANSWER.with_text("One.") is ANSWER


def test_words_put_into_a_turn_of_calls_come_before_the_calls() -> None:
    silent = Message(role="assistant", parts=(THOUGHT, CALL))
    assert silent.with_text("Look:").parts == (THOUGHT, Text(text="Look:"), CALL)


def test_words_taken_away_leave_no_empty_part() -> None:
    assert ANSWER.with_text("").parts == (THOUGHT, CALL, OTHER)


def test_a_changed_call_loses_its_raw_item_and_an_unchanged_one_keeps_it() -> None:
    edited = CALL.model_copy(update={"arguments": '{"a": 2}'})
    changed = ANSWER.with_tool_calls([edited, OTHER])
    assert changed.tool_calls == (ToolCall(call_id="c1", name="f", arguments='{"a": 2}'), OTHER)
    assert changed.text == "One."


def test_calls_taken_away_are_gone() -> None:
    assert ANSWER.with_tool_calls([]).parts == (THOUGHT, SAID)


def test_a_call_without_an_id_of_its_own_is_known_by_its_call_id() -> None:
    assert (CALL.id, ToolCall(call_id="c", name="f", id="fc").id) == ("c1", "fc")


def test_several_texts_are_read_as_one() -> None:
    assert user("a", Image(url="https://x.test/a.png"), "b").text == "ab"


@pytest.mark.parametrize("fields", [{}, {"url": "u", "data": "d", "media_type": "image/png"}, {"data": "d"}])
def test_an_image_has_exactly_one_source_and_data_has_a_type(fields: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="image"):
        Image(**fields)


def test_messages_cannot_be_changed_in_place() -> None:
    with pytest.raises(ValidationError):
        ANSWER.role = "user"  # type: ignore[misc]


def test_usage_adds_up_field_by_field() -> None:
    total = Usage.of(10, 5, read=4, written=2) + Usage.of(1, 1, read=1)
    assert total == Usage(
        input_tokens=11,
        output_tokens=6,
        total_tokens=17,
        cache_read_input_tokens=5,
        cache_creation_input_tokens=2,
    )
    assert sum([Usage.of(1, 2), Usage.of(3, 4)], Usage()) == Usage.of(4, 6)


def test_what_is_at_its_default_is_not_stored() -> None:
    assert assistant("hi").model_dump() == {"role": "assistant", "parts": ({"type": "text", "text": "hi"},)}
    assert Usage().model_dump() == {}
    assert Opaque(raw={}).model_dump() == {"type": "opaque", "raw": {}}


def test_the_reasons_to_stop_are_a_closed_set() -> None:
    assert {reason.value for reason in StopReason} == {
        "end",
        "tool_calls",
        "max_tokens",
        "stop_sequence",
        "refused",
        "context_full",
        "paused",
    }
