"""The Responses format: what only OpenAI's newer API does. The pure half is fed the events that the API documents."""

from __future__ import annotations

from typing import Any

import pytest

from polos.llm.events import TextDelta, ToolCallDone
from polos.llm.port import complete
from polos.llm.providers.openai_responses_wire import API, ResponsesWire
from polos.llm.providers.sdk import Broken
from polos.llm.request import ModelRequest, OutputSpec, ToolSpec
from polos.llm.types import (
    Message,
    ModelResponse,
    Opaque,
    Reasoning,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    tool_results,
    user,
)
from polos.testing.turns import turn
from polos.testing.wire_server import WireServer
from support.providers import RESPONSES, WEATHER


def request(*messages: Message, **options: Any) -> ModelRequest:
    return ModelRequest("gpt-5.5", messages or (user("hello"),), **options)


def answer(*items: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"id": "resp_1", "status": "completed", "model": "gpt-5.5-x", "output": list(items), **fields}


def run(*chunks: dict[str, Any], **options: Any) -> tuple[list[Any], ModelResponse]:
    wire = ResponsesWire(request(**options))
    events = [event for chunk in chunks for event in wire.feed(chunk)]
    return events, wire.finish()


def test_it_is_stateless_and_asks_for_the_reasoning_to_keep() -> None:
    body = ResponsesWire(request(system="Rule.")).body()
    assert body["store"] is False
    assert body["include"] == ["reasoning.encrypted_content"]
    assert body["instructions"] == "Rule."


@pytest.mark.parametrize(
    "model", ["gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest", "gpt-5.2-chat-latest", "chatgpt-4o-latest"]
)
def test_models_without_reasoning_are_not_asked_for_it(model: str) -> None:
    assert "include" not in ResponsesWire(ModelRequest(model, (user("x"),))).body()


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.1-codex", "o3", "o4-mini", "gpt-6-astra", "ft:gpt-7:acme"])
def test_models_with_reasoning_are_asked_for_it(model: str) -> None:
    assert "include" in ResponsesWire(ModelRequest(model, (user("x"),))).body()


def test_items_are_taken_from_their_done_event_and_not_from_the_added_one() -> None:
    added = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "early"}
    done = {**added, "encrypted_content": "gAAAA-final", "summary": [{"type": "summary_text", "text": "Hm."}]}
    _, response = run(
        {"type": "response.output_item.added", "output_index": 0, "item": added},
        {"type": "response.output_item.done", "output_index": 0, "item": done},
        {"type": "response.completed", "response": answer(done)},
    )
    assert response.message.parts == (Reasoning(text="Hm.", raw=done),)


def test_items_come_back_in_the_order_of_their_index() -> None:
    first = {"id": "m1", "type": "message", "role": "assistant", "phase": "commentary", "content": []}
    second = {"id": "m2", "type": "message", "role": "assistant", "phase": "final_answer", "content": []}
    _, response = run(
        {"type": "response.output_item.done", "output_index": 1, "item": second},
        {"type": "response.output_item.done", "output_index": 0, "item": first},
        {"type": "response.completed", "response": answer()},
    )
    again = ResponsesWire(request(user("a"), response.message, user("b"))).body()["input"]
    assert again[1:3] == [first, second]


def test_items_of_the_providers_own_tools_are_kept_and_sent_back() -> None:
    search = {"id": "ws_1", "type": "web_search_call", "status": "completed", "action": {"type": "search"}}
    unknown = {"id": "x_1", "type": "invented_next_year", "payload": [1]}
    _, response = run(
        {"type": "response.web_search_call.searching", "output_index": 0},
        {"type": "response.output_item.done", "output_index": 0, "item": search},
        {"type": "response.output_item.done", "output_index": 1, "item": unknown},
        {"type": "response.completed", "response": answer()},
    )
    assert response.message.parts == (Opaque(raw=search), Opaque(raw=unknown))
    body = ResponsesWire(request(user("a"), response.message, user("b"))).body()
    assert body["input"][1:3] == [search, unknown]


def test_a_call_whose_added_event_never_came_is_a_call() -> None:
    item = {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'}
    events, response = run(
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": answer(item)},
    )
    call = ToolCall(call_id="call_1", id="fc_1", name="f", arguments='{"a":1}', raw=item)
    assert events[-1] == ToolCallDone(call)
    assert response.tool_calls == (call,)


def test_a_server_that_sends_items_only_at_the_end_is_understood() -> None:
    item = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "hi"}]}
    _, response = run({"type": "response.completed", "response": answer(item)})
    assert response.text == "hi"


@pytest.mark.parametrize(
    ("why", "reason"),
    [
        ("max_output_tokens", StopReason.MAX_TOKENS),
        ("content_filter", StopReason.REFUSED),
        (None, StopReason.MAX_TOKENS),
    ],
)
def test_an_incomplete_answer_says_why(why: str | None, reason: StopReason) -> None:
    details = {"incomplete_details": {"reason": why} if why else None}
    _, response = run({"type": "response.incomplete", "response": answer(status="incomplete", **details)})
    assert response.stop_reason is reason


def test_a_failed_answer_raises_with_the_providers_code() -> None:
    failed = answer(status="failed", error={"code": "rate_limit_exceeded", "message": "try again in 2s"})
    with pytest.raises(Broken, match="try again") as caught:
        run({"type": "response.failed", "response": failed})
    assert caught.value.code == "rate_limit_exceeded"
    with pytest.raises(Broken):
        ResponsesWire(request()).whole(failed)


def test_an_answer_without_its_end_is_broken() -> None:
    with pytest.raises(Broken, match="ended before"):
        run({"type": "response.output_text.delta", "output_index": 0, "delta": "par"})


def test_events_that_nobody_knows_yet_are_passed_over() -> None:
    events, response = run(
        {"type": "response.something.new", "delta": 1},
        {"type": "response.output_text.delta", "output_index": 0, "delta": ""},
        {"type": "response.completed", "response": answer()},
    )
    assert (events, response.text) == ([], "")


def test_reasoning_that_nobody_keeps_is_left_out_and_what_followed_it_stands_alone() -> None:
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": []}
    call = {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
    message = Message(
        role="assistant",
        api=API,
        parts=(Reasoning(raw=reasoning), ToolCall(call_id="c1", id="fc_1", name="f", raw=call)),
    )
    messages = (user("a"), message, tool_results([ToolResult(call_id="c1", content="1")]))
    sent = ResponsesWire(request(*messages)).body()["input"]
    assert sent[1] == {name: value for name, value in call.items() if name != "id"}
    kept = ResponsesWire(request(*messages, extra={"store": True})).body()["input"]
    assert kept[1:3] == [reasoning, call]


def test_reasoning_that_was_cut_off_before_it_led_to_anything_is_left_out() -> None:
    reasoning = {"id": "rs_1", "type": "reasoning", "summary": [], "encrypted_content": "x"}
    cut = Message(role="assistant", api=API, parts=(Reasoning(raw=reasoning),))
    sent = ResponsesWire(request(user("a"), cut, user("b"))).body()["input"]
    assert [item["role"] for item in sent] == ["user", "user"]


def test_a_message_a_guardrail_has_changed_is_sent_as_changed() -> None:
    raw = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "text": "damn"}],
    }
    message = Message(role="assistant", parts=(Text(text="damn", raw=raw),), api=API).with_text("well")
    sent = ResponsesWire(request(user("a"), message, user("b"))).body()["input"]
    assert sent[1] == {"role": "assistant", "content": "well"}


def test_a_tool_is_strict_where_its_schema_can_be() -> None:
    free = ToolSpec("free", "", {"type": "object", "properties": {"any": {"type": "object"}}})
    loose = ToolSpec("loose", "", WEATHER.parameters, strict=False)
    strict, untouched, unwanted = ResponsesWire(request(tools=(WEATHER, free, loose))).body()["tools"]
    assert strict["strict"] is True
    assert strict["parameters"]["required"] == ["city", "unit"]
    assert (untouched["strict"], untouched["parameters"]) == (False, free.parameters)
    assert (unwanted["strict"], unwanted["parameters"]) == (False, WEATHER.parameters)


async def test_a_model_from_before_schemas_is_told_the_schema_in_words() -> None:
    output = OutputSpec("o", {"type": "object", "properties": {"a": {"type": "integer"}}})
    with WireServer([turn(output={"a": 1})]) as server:
        await complete(RESPONSES.provider(server), ModelRequest("gpt-4-turbo", (user("x"),), output=output))
    body = server.requests[0].body
    assert "text" not in body
    assert '"integer"' in body["instructions"]


async def test_a_limit_in_the_middle_of_an_answer_is_seen_in_the_stream() -> None:
    cut = turn("half an ans", stop=StopReason.MAX_TOKENS)
    with WireServer([cut]) as server:
        response = await complete(RESPONSES.provider(server), RESPONSES.request())
    assert (response.stop_reason, response.stop_detail) == (StopReason.MAX_TOKENS, "max_output_tokens")
    assert response.text == "half an ans"


def test_text_deltas_of_a_refusal_are_text() -> None:
    wire = ResponsesWire(request())
    chunk = {"type": "response.refusal.delta", "output_index": 0, "delta": "No."}
    assert list(wire.feed(chunk)) == [TextDelta("No.")]
