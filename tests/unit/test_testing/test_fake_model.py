"""The scripted model that ships with polos."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from typing import Any

import pytest
from pydantic import BaseModel

from polos.llm.errors import (
    AuthenticationFailed,
    BadRequest,
    ModelError,
    Overloaded,
    ProviderUnavailable,
    RateLimited,
)
from polos.llm.events import (
    Done,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from polos.llm.parsing import parse_arguments
from polos.llm.port import Capabilities, Provider, complete
from polos.llm.registry import get_provider
from polos.llm.request import ModelRequest
from polos.llm.types import Message, StopReason, ToolResult, Usage, assistant, tool_results, user
from polos.testing.fake_model import FakeModel
from polos.testing.turns import Call, ScriptEnded, call, fail, turn


def asks(*messages: Message, model: str = "m", **options: Any) -> ModelRequest:
    return ModelRequest(model, messages or (user("hello"),), **options)


async def events(fake: FakeModel, request: ModelRequest | None = None) -> list[StreamEvent]:
    async with aclosing(fake.stream(request or asks())) as stream:
        return [event async for event in stream]


def test_it_is_a_provider() -> None:
    assert isinstance(FakeModel([]), Provider)
    assert FakeModel([]).name == "fake"
    assert FakeModel([], capabilities=Capabilities(images=False)).capabilities("m").images is False


async def test_turns_come_in_order_and_every_request_is_kept() -> None:
    fake = FakeModel(["one", turn("two")])
    assert [(await complete(fake, asks(user(word)))).text for word in ("a", "b")] == ["one", "two"]
    assert [request.messages[0].text for request in fake.requests] == ["a", "b"]
    assert [response.text for response in fake.finished] == ["one", "two"]


async def test_two_fakes_with_one_script_say_the_same_to_the_last_event() -> None:
    script = [turn("Hello there.", reasoning="hm", calls=[call("f", a=1)], chunk_chars=5)]
    assert await events(FakeModel(script)) == await events(FakeModel(script))


async def test_an_answer_streams_in_pieces_in_the_order_of_its_parts() -> None:
    seen = await events(
        FakeModel([turn("abcdef", reasoning="xyz", calls=[Call("f", '{"a": 1}')], chunk_chars=4)])
    )
    response = seen[-1].response  # type: ignore[union-attr]
    (made,) = response.tool_calls
    assert seen == [
        ReasoningDelta("xyz"),
        TextDelta("abcd"),
        TextDelta("ef"),
        ToolCallStart(made.call_id, "f"),
        ToolCallDelta(made.call_id, '{"a"'),
        ToolCallDelta(made.call_id, ": 1}"),
        ToolCallDone(made),
        Done(response),
    ]
    assert response.stop_reason is StopReason.TOOL_CALLS


async def test_calls_of_different_turns_have_different_ids() -> None:
    fake = FakeModel([turn(calls=[call("f"), call("f")]), turn(calls=[call("f")])])
    first, second = await complete(fake, asks()), await complete(fake, asks())
    assert len({made.call_id for made in (*first.tool_calls, *second.tool_calls)}) == 3


async def test_bad_arguments_stay_bad() -> None:
    response = await complete(FakeModel([turn(calls=[Call("f", '{"a')])]), asks())
    assert response.tool_calls[0].arguments == '{"a'
    assert (
        parse_arguments((await complete(FakeModel([turn(calls=[Call("f", "")])]), asks())).tool_calls[0])
        == {}
    )


class Weather(BaseModel):
    city: str


@pytest.mark.parametrize("output", [Weather(city="Oslo"), {"city": "Oslo"}])
async def test_structured_answers_are_given_as_models_or_data(output: object) -> None:
    response = await complete(FakeModel([turn(output=output)]), asks())
    assert Weather.model_validate_json(response.text) == Weather(city="Oslo")


async def test_a_function_answers_by_the_request() -> None:
    fake = FakeModel(lambda request: request.messages[-1].text.upper())
    assert (await complete(fake, asks(user("shout")))).text == "SHOUT"


async def test_each_model_can_have_a_script_of_its_own() -> None:
    fake = FakeModel({"planner": ["plan"], "writer": ["text", "more"]})
    asked = [await complete(fake, asks(model=model)) for model in ("writer", "planner", "writer")]
    assert [response.text for response in asked] == ["text", "plan", "more"]
    with pytest.raises(ScriptEnded, match="planner, writer"):
        await complete(fake, asks(model="critic"))


async def test_a_script_that_has_ended_says_how_long_it_was() -> None:
    fake = FakeModel(["only"])
    await complete(fake, asks())
    with pytest.raises(ScriptEnded, match="has 1 turns, and turn 2"):
        await complete(fake, asks())


async def test_by_position_a_repeated_call_gets_the_same_answer() -> None:
    fake = FakeModel(["first", "second"], order="position")
    later = asks(user("a"), assistant("first"), user("b"))
    texts = [(await complete(fake, request)).text for request in (asks(), asks(), later, asks(), later)]
    assert texts == ["first", "first", "second", "first", "second"]


async def test_by_position_a_list_stands_for_attempts() -> None:
    fake = FakeModel([[fail(429), fail(500), "at last"]], order="position")
    with pytest.raises(RateLimited):
        await complete(fake, asks())
    with pytest.raises(ProviderUnavailable):
        await complete(fake, asks())
    assert [(await complete(fake, asks())).text for _ in range(2)] == ["at last", "at last"]


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthenticationFailed), (429, RateLimited), (529, Overloaded), (400, BadRequest)],
)
async def test_failures_are_those_of_real_providers(status: int, kind: type[ModelError]) -> None:
    fake = FakeModel([fail(status, "no", retry_after=2), "yes"])
    with pytest.raises(kind) as caught:
        await complete(fake, asks())
    assert caught.value.retry_after == (2 if caught.value.retryable else None)
    assert (await complete(fake, asks())).text == "yes"
    assert len(fake.requests) == 2
    assert len(fake.finished) == 1


async def test_a_stream_can_break_off_after_some_pieces() -> None:
    fake = FakeModel([turn("abcdef", chunk_chars=2, break_after=2)])
    seen: list[StreamEvent] = []

    async def read() -> None:
        async for event in fake.stream(asks()):
            seen.append(event)

    with pytest.raises(ProviderUnavailable):
        await read()
    assert seen == [TextDelta("ab"), TextDelta("cd")]
    assert fake.finished == []


async def test_delays_are_served_by_the_clock_that_was_given() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    fake = FakeModel([turn("abcdef", chunk_chars=2, first_delay=3, chunk_delay=0.5)], sleep=sleep)
    await complete(fake, asks())
    assert slept == [3, 0.5, 0.5]


async def test_an_answer_can_be_held_until_the_test_lets_it_go() -> None:
    gate = threading.Event()
    fake = FakeModel([turn("now", hold=gate)])
    task = asyncio.create_task(complete(fake, asks()))
    while not fake.requests:
        await asyncio.sleep(0)
    assert fake.finished == []
    gate.set()
    assert (await task).text == "now"


async def test_a_conversation_a_real_provider_would_reject_is_rejected() -> None:
    fake = FakeModel([turn(calls=[call("f"), call("f")]), "done", "never mind"], strict=True)
    asked = (await complete(fake, asks())).message
    one = tool_results([ToolResult(call_id=asked.tool_calls[0].call_id, content="1")])
    with pytest.raises(BadRequest, match="call_0_1"):
        await complete(fake, asks(user("a"), asked, one))
    with pytest.raises(BadRequest, match="no results"):
        await complete(fake, asks(user("a"), asked, user("b")))
    with pytest.raises(BadRequest, match="which no call"):
        await complete(fake, asks(user("a"), tool_results([ToolResult(call_id="x", content="1")])))
    assert (await complete(FakeModel(["ok"], strict=False), asks(user("a"), asked))).text == "ok"


async def test_usage_is_as_given_or_derived_from_what_was_said() -> None:
    given = Usage.of(1000, 10, read=900)
    fake = FakeModel([turn("a", usage=given), "short", "a much longer answer than before"])
    first, second, third = [(await complete(fake, asks())).usage for _ in range(3)]
    assert first == given
    assert 0 < second.output_tokens < third.output_tokens


async def test_installed_it_stands_for_any_provider_and_then_no_more() -> None:
    fake = FakeModel(["hi"], name="stand-in")
    real = get_provider("openai")
    with fake.installed("openai", "brand-new") as installed:
        assert installed is fake
        assert get_provider("openai") is fake
        assert get_provider("brand-new") is fake
    assert type(get_provider("openai")) is type(real)
    undo = fake.install()
    assert get_provider("stand-in") is fake
    undo()


def test_the_testing_package_shows_its_names_and_loads_them_when_asked() -> None:
    import polos.testing

    for name in polos.testing.__all__:
        assert getattr(polos.testing, name).__name__ == name
        assert name in dir(polos.testing)
    assert not hasattr(polos.testing, "no_such_thing")
