"""The Messages format: cache marks, alternating turns, thinking and citations."""

from __future__ import annotations

from typing import Any

import pytest

from polos.llm.events import TextDelta
from polos.llm.providers.anthropic import bindable, binds_schemas
from polos.llm.providers.anthropic_wire import API, AnthropicWire, output_limit
from polos.llm.providers.sdk import Broken
from polos.llm.request import ModelRequest
from polos.llm.types import (
    Image,
    Message,
    ModelResponse,
    Opaque,
    Reasoning,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    assistant,
    tool_results,
    user,
)
from support.providers import WEATHER

MARK = {"type": "ephemeral"}


def body(*messages: Message, **options: Any) -> dict[str, Any]:
    return AnthropicWire(ModelRequest("claude-sonnet-5", messages or (user("hello"),), **options)).body()


def run(*chunks: dict[str, Any]) -> tuple[list[Any], ModelResponse]:
    wire = AnthropicWire(ModelRequest("claude-sonnet-5", (user("hello"),)))
    events = [event for chunk in chunks for event in wire.feed(chunk)]
    return events, wire.finish()


def block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def end(reason: str = "end_turn", **usage: int) -> list[dict[str, Any]]:
    return [
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage},
        {"type": "message_stop"},
    ]


# --- marks for the cache ------------------------------------------------------------------------------------------


def test_a_conversation_with_tools_is_marked_after_the_system_prompt_and_at_its_end() -> None:
    sent = body(user("a"), assistant("b"), user("c", "d"), system="Rule.", tools=(WEATHER,))
    assert sent["system"] == [{"type": "text", "text": "Rule.", "cache_control": MARK}]
    assert sent["messages"][-1]["content"][-1] == {"type": "text", "text": "d", "cache_control": MARK}
    assert str(sent).count("cache_control") == 2


def test_without_a_system_prompt_the_last_tool_is_marked() -> None:
    assert body(tools=(WEATHER,))["tools"][-1]["cache_control"] == MARK


def test_a_single_question_is_not_marked_as_nothing_would_read_it() -> None:
    assert "cache_control" not in str(body(system="Rule."))


def test_the_caller_has_the_last_word_about_marks() -> None:
    assert "cache_control" not in str(body(tools=(WEATHER,), system="Rule.", cache="off"))
    sent = body(system="Rule.", cache="1h")
    assert sent["system"][0]["cache_control"] == {"type": "ephemeral", "ttl": "1h"}


def test_what_the_model_wrote_is_never_marked() -> None:
    raw = {"type": "text", "text": "part"}
    paused = Message(role="assistant", parts=(Text(text="part", raw=raw),), api=API)
    sent = body(user("a"), paused, tools=(WEATHER,))
    assert sent["messages"][-1]["content"] == [raw]
    assert raw == {"type": "text", "text": "part"}


# --- the conversation ---------------------------------------------------------------------------------------------


def test_turns_alternate_whatever_comes_in() -> None:
    sent = body(user("a"), user("b"), assistant("c"), assistant("d"), user("e"))
    assert [message["role"] for message in sent["messages"]] == ["user", "assistant", "user"]
    assert [part["text"] for part in sent["messages"][0]["content"]] == ["a", "b"]


def test_results_and_what_the_user_says_next_are_one_turn_results_first() -> None:
    call = Message(
        role="assistant", parts=(ToolCall(call_id="t1", name="f"), ToolCall(call_id="t2", name="f"))
    )
    results = tool_results(
        [ToolResult(call_id="t1", content="1"), ToolResult(call_id="t2", content="no", is_error=True)]
    )
    sent = body(user("a"), call, results, user("and?"), tools=(WEATHER,), cache="off")
    assert sent["messages"][-1]["content"] == [
        {"type": "tool_result", "tool_use_id": "t1", "content": "1"},
        {"type": "tool_result", "tool_use_id": "t2", "content": "no", "is_error": True},
        {"type": "text", "text": "and?"},
    ]


def test_system_messages_in_the_conversation_join_the_system_prompt() -> None:
    note = Message(role="system", parts=(Text(text="Second."),))
    assert body(note, user("a"), system="First.")["system"] == "First.\n\nSecond."


def test_empty_text_which_the_api_rejects_is_left_out() -> None:
    silent = Message(role="assistant", parts=(Text(text="", raw={"type": "text", "text": ""}),), api=API)
    sent = body(user("a"), silent, user("b"))
    assert [message["role"] for message in sent["messages"]] == ["user"]


def test_blank_text_which_the_api_rejects_from_its_own_model_is_left_out() -> None:
    blank = {"type": "text", "text": "\n\n"}
    use = {"type": "tool_use", "id": "t1", "name": "now", "input": {}}
    parts = (Text(text="\n\n", raw=blank), ToolCall(call_id="t1", name="now", raw=use))
    said = Message(role="assistant", parts=parts, api=API)
    sent = body(user("a"), said, tool_results([ToolResult(call_id="t1", content="1")]), tools=(WEATHER,))
    assert sent["messages"][1]["content"] == [use]


def test_thinking_that_was_cut_off_stays_behind() -> None:
    signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
    unsigned = {"type": "thinking", "thinking": "hm"}
    only = Message(role="assistant", parts=(Reasoning(text="hm", raw=signed),), api=API)
    assert [message["role"] for message in body(user("a"), only, user("b"))["messages"]] == ["user"]
    text = {"type": "text", "text": "x"}
    both = Message(role="assistant", parts=(Reasoning(raw=unsigned), Text(text="x", raw=text)), api=API)
    assert body(user("a"), both, user("b"))["messages"][1]["content"] == [text]


def test_a_picture_goes_by_url_or_as_data() -> None:
    sent = body(user(Image(url="https://x.test/a.png"), Image(data="AAAA", media_type="image/png")))
    assert [part["source"]["type"] for part in sent["messages"][0]["content"]] == ["url", "base64"]


def test_another_providers_reasoning_stays_behind() -> None:
    other = Message(
        role="assistant", api="openai.responses", parts=(Reasoning(raw={"id": "rs"}), Text(text="a"))
    )
    assert body(user("x"), other, user("y"))["messages"][1]["content"] == [{"type": "text", "text": "a"}]


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-3-haiku-20240307", 4096),
        ("claude-3-5-haiku-latest", 8192),
        ("claude-3-7-sonnet", 16384),
        ("claude-opus-5", 16384),
    ],
)
def test_a_limit_that_was_not_given_is_one_the_model_has(model: str, limit: int) -> None:
    assert output_limit(model) == limit


@pytest.mark.parametrize(
    ("model", "binds"),
    [
        ("claude-3-5-sonnet-20241022", False),
        ("claude-sonnet-4-0", False),
        ("claude-sonnet-4-20250514", False),
        ("us.anthropic.claude-opus-4-20250514-v1:0", False),
        ("claude-sonnet-4-5", True),
        ("claude-opus-4-1-20250805", True),
        ("claude-haiku-4-5@20251001", True),
        ("eu.anthropic.claude-sonnet-5-v1:0", True),
    ],
)
def test_models_from_before_structured_output_are_known(model: str, binds: bool) -> None:
    assert binds_schemas(model) is binds


def test_a_schema_of_free_keys_is_not_bindable() -> None:
    assert not bindable({"type": "object", "additionalProperties": True})
    assert bindable({"type": "array", "items": {"type": "string"}})


# --- the answer ---------------------------------------------------------------------------------------------------


def test_citations_and_signatures_are_part_of_what_goes_back() -> None:
    citation = {"type": "char_location", "cited_text": "x", "document_index": 0}
    events, response = run(
        *block(
            0,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "signature_delta", "signature": "s"},
        ),
        *block(1, {"type": "redacted_thinking", "data": "sealed"}),
        *block(
            2,
            {"type": "text", "text": "", "citations": None},
            {"type": "text_delta", "text": "It is."},
            {"type": "citations_delta", "citation": citation},
            {"type": "citations_delta", "citation": citation},
        ),
        *end(output_tokens=7),
    )
    assert events == [TextDelta("It is.")]
    raws = [part.raw for part in response.message.parts]  # type: ignore[union-attr]
    assert raws == [
        {"type": "thinking", "thinking": "", "signature": "s"},
        {"type": "redacted_thinking", "data": "sealed"},
        {"type": "text", "text": "It is.", "citations": [citation, citation]},
    ]
    again = body(user("a"), response.message, user("b"), cache="off")
    assert again["messages"][1]["content"] == raws


def test_the_providers_own_tools_are_kept_with_their_input() -> None:
    _, response = run(
        *block(
            0,
            {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}},
            {"type": "input_json_delta", "partial_json": '{"query": '},
            {"type": "input_json_delta", "partial_json": '"x"}'},
        ),
        *block(1, {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": []}),
        *end("pause_turn"),
    )
    assert response.stop_reason is StopReason.PAUSED
    assert response.tool_calls == ()
    assert response.message.parts[0] == Opaque(
        raw={"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "x"}}
    )


def test_later_counts_replace_earlier_ones() -> None:
    _, response = run(
        {"type": "message_start", "message": {"id": "m", "usage": {"input_tokens": 10, "output_tokens": 1}}},
        *block(0, {"type": "text", "text": "hi"}),
        *end(output_tokens=9, input_tokens=12),
    )
    assert (response.usage.input_tokens, response.usage.output_tokens) == (12, 9)
    assert response.text == "hi"


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        block(0, {"type": "text", "text": "hi"}),
        [{"type": "message_delta", "delta": {"stop_reason": "end_turn"}}],
        [{"type": "message_stop"}],
    ],
    ids=["nothing", "no end", "no stop", "no reason"],
)
def test_an_answer_that_is_not_whole_is_broken(chunks: list[dict[str, Any]]) -> None:
    with pytest.raises(Broken):
        run(*chunks)


def test_events_that_nobody_knows_yet_are_passed_over() -> None:
    assert run({"type": "ping"}, {"type": "brand_new"}, *end())[0] == []
