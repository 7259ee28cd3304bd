"""Chat Completions as compatible servers really speak it: the pure half, fed oddities that were seen in the wild."""

from __future__ import annotations

from typing import Any

import pytest

from polos.llm.errors import ProviderUnavailable
from polos.llm.events import ReasoningDelta, ToolCallDone
from polos.llm.parsing import parse_arguments
from polos.llm.port import complete
from polos.llm.providers.compatible import ROWS, Compatible, unlisted
from polos.llm.providers.openai_chat_wire import ChatWire
from polos.llm.providers.sdk import Broken
from polos.llm.request import ModelRequest, OutputSpec
from polos.llm.types import Message, ModelResponse, Reasoning, StopReason, Text, Usage, user
from polos.testing.turns import turn
from polos.testing.wire_server import WireServer
from support.providers import GROQ, OLLAMA, WEATHER

REQUEST = ModelRequest("m", (user("hello"),))
OUTPUT = OutputSpec("o", {"type": "object", "properties": {"a": {"type": "integer"}}})


def piece(
    index: int | None = 0, *, name: str | None = None, arguments: Any = None, **fields: Any
) -> dict[str, Any]:
    function = {k: v for k, v in {"name": name, "arguments": arguments}.items() if v is not None}
    at = {} if index is None else {"index": index}
    return {**at, **fields, "function": function}


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"id": "c1", "model": "m-1", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def run(*chunks: dict[str, Any], row: Compatible = ROWS["gemini"]) -> tuple[list[Any], ModelResponse]:
    wire = ChatWire(REQUEST, row)
    events = [event for one in chunks for event in wire.feed(one)]
    return events, wire.finish()


def calls_of(*pieces: dict[str, Any], finish: str = "tool_calls") -> list[tuple[str, dict[str, Any]]]:
    events, response = run(*(chunk(tool_calls=[one]) for one in pieces), chunk(finish))
    assert [event.call for event in events if isinstance(event, ToolCallDone)] == list(response.tool_calls)
    assert len({call.call_id for call in response.tool_calls}) == len(response.tool_calls)
    assert response.stop_reason is StopReason.TOOL_CALLS
    return [(call.name, parse_arguments(call)) for call in response.tool_calls]


def test_arguments_are_joined_by_index_even_when_interleaved() -> None:
    assert calls_of(
        piece(0, name="f", id="a", arguments='{"x":'),
        piece(1, name="g", id="b", arguments='{"y":'),
        piece(0, arguments="1}"),
        piece(1, arguments="2}"),
    ) == [("f", {"x": 1}), ("g", {"y": 2})]


def test_parallel_calls_under_one_index_are_told_apart_by_their_ids() -> None:
    assert calls_of(
        piece(0, name="f", id="a", arguments='{"x": 1}'), piece(0, name="f", id="b", arguments='{"x": 2}')
    ) == [("f", {"x": 1}), ("f", {"x": 2})]


def test_calls_without_index_begin_with_their_name() -> None:
    assert calls_of(
        piece(None, name="f", id="a", arguments='{"x":'),
        piece(None, arguments=" 1}"),
        piece(None, name="g", arguments="{}"),
    ) == [("f", {"x": 1}), ("g", {})]


def test_a_name_repeated_in_every_piece_is_one_name() -> None:
    assert calls_of(piece(0, name="f", id="a"), piece(0, name="f", id="a", arguments="{}")) == [("f", {})]


def test_arguments_given_as_an_object_are_taken() -> None:
    assert calls_of(piece(0, name="f", arguments={"x": "ü"})) == [("f", {"x": "ü"})]


def test_a_call_whose_arguments_never_come_has_none() -> None:
    assert calls_of(piece(0, name="f", id="a")) == [("f", {})]


def test_a_server_that_says_stop_after_calls_has_made_calls() -> None:
    assert calls_of(piece(0, name="f", id="a", arguments="{}"), finish="stop") == [("f", {})]


def test_unknown_fields_of_a_call_go_back_with_it() -> None:
    extra = {"google": {"thought_signature": "s"}}
    _, response = run(
        chunk("tool_calls", tool_calls=[piece(0, name="f", id="a", type="function", extra_content=extra)])
    )
    (sent,) = ChatWire(ModelRequest("m", (user("x"), response.message)), ROWS["gemini"]).body()["messages"][
        1
    ]["tool_calls"]
    assert sent == {
        "id": "a",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        "extra_content": extra,
    }


def test_usage_is_found_wherever_it_is_sent() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 1}}
    expected = Usage.of(3, 2, read=1)
    assert run(chunk("stop"), {"choices": [], "usage": usage})[1].usage == expected
    assert run({**chunk("stop"), "usage": usage})[1].usage == expected
    assert run({**chunk("stop"), "x_groq": {"usage": usage}})[1].usage == expected
    assert run(chunk("stop"), {"choices": [], "usage": None})[1].usage == Usage()


@pytest.mark.parametrize(
    ("finish", "reason"),
    [
        ("stop", StopReason.END),
        ("length", StopReason.MAX_TOKENS),
        ("content_filter", StopReason.REFUSED),
        ("eos", StopReason.END),
        ("content_filter: RECITATION", StopReason.REFUSED),
        ("model_length", StopReason.CONTEXT_FULL),
    ],
)
def test_finish_reasons_are_understood(finish: str, reason: StopReason) -> None:
    _, response = run(chunk(content="x"), chunk(finish))
    assert (response.stop_reason, response.stop_detail) == (reason, finish)


@pytest.mark.parametrize("finish", ["error", "function_call_filter: MALFORMED_FUNCTION_CALL"])
def test_an_answer_that_the_provider_has_spoiled_is_broken_and_not_complete(finish: str) -> None:
    with pytest.raises(Broken, match=finish):
        run(chunk(content="x"), chunk(finish))


def test_a_stream_without_a_finish_reason_is_broken() -> None:
    with pytest.raises(Broken, match="ended before"):
        run(chunk(content="half"))


@pytest.mark.parametrize("error", [{"message": "boom", "type": "server_error"}, "boom"])
def test_an_error_in_a_chunk_is_raised(error: object) -> None:
    with pytest.raises(Broken, match="boom"):
        run({"error": error})
    with pytest.raises(Broken, match="boom"):
        ChatWire(REQUEST, ROWS["groq"]).whole({"error": error})


def test_an_answer_without_choices_is_broken() -> None:
    with pytest.raises(Broken, match="choices"):
        ChatWire(REQUEST, ROWS["groq"]).whole({"choices": []})


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_is_shown_and_sent_back_only_where_the_provider_wants_it(name: str) -> None:
    keeps, drops = unlisted("house"), ROWS["groq"]
    for row, there in ((keeps, True), (drops, False)):
        events, response = run(
            chunk(**{name: "Hm"}), chunk(**{name: "."}), chunk("stop", content="Yes"), row=row
        )
        assert [event.text for event in events if isinstance(event, ReasoningDelta)] == ["Hm", "."]
        assert response.message.parts[0] == Reasoning(text="Hm.", raw={name: "Hm."})
        sent = ChatWire(ModelRequest("m", (user("x"), response.message, user("y"))), row).body()["messages"][
            1
        ]
        assert (name in sent) is there


def test_one_providers_extras_are_not_sent_to_another() -> None:
    message = Message(
        role="assistant", api="openai.chat/deep", parts=(Reasoning(raw={"reasoning": "r"}), Text(text="a"))
    )
    sent = ChatWire(ModelRequest("m", (user("x"), message)), unlisted("house")).body()["messages"][1]
    assert sent == {"role": "assistant", "content": "a"}


@pytest.mark.parametrize(("name", "word"), [("openai", "max_completion_tokens"), ("together", "max_tokens")])
def test_the_limit_has_the_name_the_provider_knows(name: str, word: str) -> None:
    body = ChatWire(ModelRequest("m", (user("x"),), max_output_tokens=5), ROWS[name]).body()
    assert body[word] == 5


def test_a_tool_choice_is_left_out_where_it_is_not_known() -> None:
    asked = ModelRequest("m", (user("x"),), tools=(WEATHER,), tool_choice="required")
    assert "tool_choice" not in ChatWire(asked, ROWS["ollama"]).body()
    assert ChatWire(asked, ROWS["groq"]).body()["tool_choice"] == "required"


@pytest.mark.parametrize("name", ["gemini", "groq", "fireworks", "together", "ollama"])
def test_strict_tools_are_sent_only_where_they_are_known(name: str) -> None:
    body = ChatWire(ModelRequest("m", (user("x"),), tools=(WEATHER,)), ROWS[name]).body()
    assert body["tools"][0]["function"]["parameters"] == WEATHER.parameters
    assert "strict" not in body["tools"][0]["function"]


async def test_groq_answers_with_a_schema_in_one_piece() -> None:
    with WireServer([turn(output={"a": 1})] * 2) as server:
        provider = GROQ.provider(server)
        await complete(provider, GROQ.request(output=OUTPUT))
        await complete(provider, GROQ.request(output=OUTPUT, tools=(WEATHER,)))
    assert [request.streams for request in server.requests] == [False, True]


async def test_a_model_without_schemas_gets_json_mode_and_the_schema_in_words_unless_it_has_tools() -> None:
    with WireServer([turn(output={"a": 1})] * 2) as server:
        provider = GROQ.provider(server)
        for tools in ((), (WEATHER,)):
            asked = ModelRequest("llama-3.3-70b-versatile", (user("x"),), output=OUTPUT, tools=tools)
            await complete(provider, asked)
    plain, with_tools = (request.body for request in server.requests)
    assert plain["response_format"] == {"type": "json_object"}
    assert "response_format" not in with_tools
    assert all('"integer"' in body["messages"][0]["content"] for body in (plain, with_tools))


async def test_a_server_without_a_key_gets_none_of_ours() -> None:
    with WireServer(["hi"]) as server:
        env = {name: value for name, value in server.env().items() if not name.endswith("_KEY")}
        await complete(OLLAMA.make(env), OLLAMA.request())
    assert server.requests[0].key == "none"


@pytest.mark.parametrize("tail", ["", "/", "/openai/v1", "/openai/v1/"])
def test_an_azure_resource_is_reached_by_its_endpoint_with_or_without_path(tail: str) -> None:
    env = {"AZURE_OPENAI_ENDPOINT": f"https://res.openai.azure.com{tail}"}
    assert ROWS["azure"].endpoint().address(REQUEST, env) == "https://res.openai.azure.com/openai/v1"


async def test_a_provider_without_an_address_says_where_to_put_one() -> None:
    from polos.llm.providers.openai_chat import OpenAIChat

    provider = OpenAIChat(ROWS["azure"], environ={"AZURE_API_KEY": "k"})
    with pytest.raises(ProviderUnavailable, match="AZURE_OPENAI_ENDPOINT"):
        await complete(provider, REQUEST)
