"""What an agent says is told while it says it: live, late, after the end, and only once."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from polos import (
    ExecutionFailed,
    GuardrailContext,
    GuardrailResult,
    Polos,
    StreamEvent,
    events,
    workflow,
)
from polos.agents.deltas import Deltas
from polos.agents.streaming import StreamResult, _Given
from polos.core.models import ExecutionHandle
from polos.errors import StoreError
from polos.features.streams import RunPage
from polos.llm.types import ToolCall
from polos.runtime.environment import StepEnvironment
from polos.testing.fake_model import FakeModel
from polos.testing.harness import Harness
from polos.testing.turns import call, fail, turn
from support.agents import agent, ping

ANSWER = "The quick brown fox jumps over the lazy dog. " * 20


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Polos]:
    """A runtime of this process, with real time: shared, as it takes a moment to close."""
    polos = Polos(tmp_path_factory.mktemp("store") / "polos.db")
    asyncio.run(polos.__aenter__())
    yield polos
    asyncio.run(polos.__aexit__(None, None, None))


async def read(stream: StreamResult) -> list[str]:
    return [chunk async for chunk in stream.text_chunks]


async def types(stream: StreamResult) -> list[str | None]:
    return [event.event_type async for event in stream.events]


# --- live, late and after the end ------------------------------------------------------------------------------------


async def test_the_first_word_is_read_while_the_model_still_speaks(here: Polos) -> None:
    hold = threading.Event()
    spoken: list[float] = []

    async def sleep(seconds: float) -> None:
        spoken.append(time.monotonic())
        await asyncio.to_thread(hold.wait)

    one, _ = agent(FakeModel([turn("First words. And then the rest.", chunk_delay=1)], sleep=sleep))
    stream = await one.stream(here, "go")
    chunks = stream.text_chunks
    first = await anext(chunks)
    assert first == "First words."
    assert not hold.is_set()
    hold.set()
    assert "".join([first, *[chunk async for chunk in chunks]]) == "First words. And then the rest."


async def test_text_events_and_result_agree_live_late_and_after_the_end(here: Polos) -> None:
    one, _ = agent([turn("Looking. ", calls=[call("ping")]), ANSWER], tools=[ping])
    stream = await one.stream(here, "go")
    live = await read(stream)
    late = await read(stream)
    assert "".join(live) == "".join(late) == await stream.text() == "Looking. " + ANSWER
    assert (await stream.result()).result == ANSWER
    seen = await types(stream)
    assert seen[0] == "agent_start"
    assert seen[-1] == "agent_finish"
    assert {"tool_start", "tool_finish", "step_start", "step_finish", "stream_start", "tool_call"} <= set(
        seen
    )
    assert seen == await types(stream)


async def test_a_long_answer_costs_few_writes(here: Polos) -> None:
    one, _ = agent([turn(ANSWER, chunk_chars=4, chunk_delay=0.001)])
    stream = await one.stream(here, "go")
    deltas = [event async for event in stream.events if event.event_type == "text_delta"]
    assert "".join(event.data["content"] for event in deltas) == ANSWER
    assert len(deltas) < 40 < len(ANSWER) / 4


async def test_a_stream_can_be_had_without_the_agents_method(here: Polos) -> None:
    one, _ = agent(["Hello."])
    handle = await here.start(one.definition, {"input": "hi", "streaming": True}, _options())
    seen = [event async for event in events.stream_workflow(here, one.id, handle.id)]
    assert "".join(event.data["content"] for event in seen if event.event_type == "text_delta") == "Hello."
    assert isinstance(seen[0], StreamEvent)
    assert all(event.data["_metadata"]["execution_id"] == handle.id for event in seen)


def _options() -> Any:
    from polos.runtime.service import StartOptions

    return StartOptions()


async def test_without_streaming_nothing_is_published(here: Polos) -> None:
    one, _ = agent(["Hello."])
    handle = await one.invoke(here, "hi")
    await handle.result()
    seen = [event.event_type async for event in events.stream_workflow(here, one.id, handle.id)]
    assert seen == ["agent_start", "step_start", "step_finish", "agent_finish"]


# --- ends, however it ends -------------------------------------------------------------------------------------------


async def test_a_stream_ends_when_the_run_fails(here: Polos) -> None:
    one, _ = agent([fail(401)])
    stream = await one.stream(here, "go")
    assert (await types(stream))[-1] == "agent_fail"
    assert await read(stream) == []
    with pytest.raises(ExecutionFailed):
        await stream.text()


async def test_a_stream_ends_when_the_run_is_cancelled(here: Polos) -> None:
    hold = threading.Event()
    one, _ = agent([turn("never said", hold=hold)])
    stream = await one.stream(here, "go")
    first = await anext(stream.events)
    assert first.event_type == "agent_start"
    assert await stream.handle.cancel()
    ended = await types(stream)
    hold.set()
    assert ended[-1] == "agent_cancel"


async def test_the_end_is_told_after_all_that_was_said(here: Polos) -> None:
    for _ in range(5):
        one, _ = agent([turn(ANSWER, chunk_chars=200)])
        stream = await one.stream(here, "go")
        seen = [event async for event in stream.events]
        assert [e.event_type for e in seen].index("agent_finish") == len(seen) - 1
        assert "".join(e.data["content"] for e in seen if e.event_type == "text_delta") == ANSWER


# --- attempts --------------------------------------------------------------------------------------------------------


def test_a_repeated_attempt_streams_its_text_once(world: Harness) -> None:
    one, _ = agent([turn(ANSWER, break_after=30), fail(500), turn(ANSWER)])

    async def both() -> tuple[list[str], list[StreamEvent], str]:
        stream = await one.stream("go")
        return await read(stream), [event async for event in stream.events], await stream.text()

    chunks, seen, text = asyncio.run(both())
    assert "".join(chunks) == text == ANSWER
    assert "".join(event.data["content"] for event in seen if event.event_type == "text_delta") == ANSWER
    (start,) = [event for event in seen if event.event_type == "stream_start"]
    assert start.data["attempt"] == 3


def test_a_repair_begins_the_step_anew(world: Harness) -> None:
    from pydantic import BaseModel

    class City(BaseModel):
        name: str

    one, _ = agent(["not json", turn(output=City(name="Oslo"))], output_schema=City)

    async def text() -> str:
        return await (await one.stream("go")).text()

    assert asyncio.run(text()) == '{"name":"Oslo"}'


@pytest.mark.parametrize(
    ("attempts", "given"),
    [
        ([["Hello", " there"]], "Hello there"),
        ([["Hel"], ["Hello"]], "Hello"),
        ([["Hello wo"], ["He", "llo", " world"]], "Hello world"),
        ([["Hello"], ["Hello", "!"], ["Hel", "lo!?"]], "Hello!?"),
        ([["Hello"], ["Good bye"]], "HelloGood bye"),
    ],
)
def test_a_reader_of_text_is_not_given_twice_what_an_attempt_says_again(
    attempts: list[list[str]], given: str
) -> None:
    reader, said = _Given(), ""
    for attempt in attempts:
        reader.begin()
        said += "".join(reader.more(piece) for piece in attempt)
    assert said == given


class Pages:
    """A client that knows one run, in pages."""

    def __init__(self, pages: list[list[StreamEvent]]) -> None:
        self._pages = pages

    async def read_run(self, execution_id: str, cursor: str | None, wait: float) -> RunPage:
        number = int(cursor or 0)
        return RunPage(self._pages[number], str(number + 1), ended=number + 1 == len(self._pages))


def told(kind: str, stream: str, index: int, **data: Any) -> StreamEvent:
    about = {"step": "llm:1", "stream": stream, "index": index, "_metadata": {"execution_id": "x"}}
    return StreamEvent(
        id=f"{stream}{index}",
        sequence_id=1,
        topic="t",
        event_type=kind,
        data={**about, **data},
        created_at="2026-01-01T00:00:00Z",
    )


async def test_what_an_older_attempt_still_says_is_dropped() -> None:
    pages = [
        [told("stream_start", "a", 0), told("text_delta", "a", 1, content="old ")],
        [
            told("stream_start", "b", 0),
            told("text_delta", "a", 2, content="late "),
            told("text_delta", "b", 1, content="new"),
        ],
        [told("text_delta", "b", 1, content="new"), told("text_delta", "a", 3, content="later")],
    ]
    handle = ExecutionHandle(id="x", workflow_id="w")
    seen = [event.id async for event in StreamResult(Pages(pages), handle).events]
    assert seen == ["a0", "a1", "b0", "b1"]


# --- guardrails, sub-agents ------------------------------------------------------------------------------------------


async def test_what_a_guardrail_has_not_seen_is_not_streamed(here: Polos) -> None:
    def clean(at: GuardrailContext) -> GuardrailResult:
        if "secret" in (at.content or ""):
            return GuardrailResult.fail("no secrets")
        return GuardrailResult.continue_with(modified_content=(at.content or "").replace("damn", "****"))

    one, _ = agent(["the secret is 42", "damn it"], guardrails=[clean])
    stream = await one.stream(here, "go")
    assert await read(stream) == ["**** it"]
    assert await stream.text() == (await stream.result()).result == "**** it"


async def test_text_is_the_agents_own_and_not_that_of_those_it_calls(here: Polos) -> None:
    helper, _ = agent(["I am the helper."], stream_to_workflow=True, description="Helps.")
    boss, _ = agent([turn("Wait. ", calls=[call(helper.id, input="?")]), "Done."], tools=[helper])
    stream = await boss.stream(here, "go")
    assert await stream.text() == "Wait. Done."
    assert "".join(await read(stream)) == "Wait. Done."
    everything = [event.data["content"] async for event in stream.events if event.event_type == "text_delta"]
    assert "I am the helper." in everything


async def test_an_agent_called_by_a_workflow_streams_where_it_says_so(here: Polos) -> None:
    one, _ = agent(["Spoken."], stream_to_workflow=True)

    @workflow(id=f"calls-{one.id}")
    async def calls(ctx: Any) -> str:
        answer = await ctx.step.agent_invoke_and_wait("ask", one.with_input("hi"))
        return answer.result

    handle = await calls.invoke(here)
    assert await handle.result() == "Spoken."
    seen = [event async for event in events.stream_workflow(here, calls.id, handle.id)]
    assert [e.data["content"] for e in seen if e.event_type == "text_delta"] == ["Spoken."]
    assert next(e.event_type for e in seen if e.event_type.endswith("start")) == "workflow_start"
    assert seen[-1].event_type == "workflow_finish"
    assert seen[-1].topic == f"workflow/{calls.id}/{handle.id}"


# --- the writer ------------------------------------------------------------------------------------------------------


class Written:
    """Stands for the environment of a step: what was published, write by write."""

    def __init__(self, *, fails: Exception | None = None) -> None:
        self.writes: list[list[tuple[str, dict[str, Any]]]] = []
        self.attempt, self.execution, self.workflow = 1, "x", "w"
        self._fails = fails

    def publish(self, published: list[tuple[str, str, str]]) -> None:
        if self._fails:
            raise self._fails
        self.writes.append([(kind, json.loads(data)) for _, kind, data in published])


async def test_pieces_are_collected_between_writes() -> None:
    environment, pauses = Written(), asyncio.Semaphore(0)

    async def sleep(seconds: float) -> None:
        await pauses.acquire()

    async with Deltas(_as_environment(environment), step="llm:1", sleep=sleep) as deltas:
        deltas.text("first")
        while not environment.writes:
            await asyncio.sleep(0)
        for piece in ("a", "b", "c"):
            deltas.text(piece)
            await asyncio.sleep(0)
        assert len(environment.writes) == 1
        deltas.arguments("c1", '{"x"')
        deltas.arguments("c1", ": 1}")
        deltas.call(ToolCall(call_id="c1", name="f", arguments='{"x": 1}'))
    kinds = [[kind for kind, _ in write] for write in environment.writes]
    assert kinds == [["stream_start", "text_delta"], ["text_delta", "tool_call_delta", "tool_call"]]
    (_, text), (_, arguments), (_, made) = environment.writes[1]
    assert (text["content"], arguments["arguments"]) == ("abc", '{"x": 1}')
    assert made["tool_call"]["function"] == {"name": "f", "arguments": '{"x": 1}'}
    assert [text["index"], arguments["index"], made["index"]] == [2, 3, 4]


async def test_a_kilobyte_does_not_wait_for_the_pause() -> None:
    environment, pauses = Written(), asyncio.Semaphore(0)

    async def sleep(seconds: float) -> None:
        await pauses.acquire()

    async with Deltas(_as_environment(environment), step="llm:1", sleep=sleep) as deltas:
        deltas.text("first")
        while not environment.writes:
            await asyncio.sleep(0)
        deltas.text("x" * 2000)
        while len(environment.writes) < 2:
            await asyncio.sleep(0)


@pytest.mark.parametrize(("attempt", "writes"), [(1, []), (2, [["stream_start"]])])
async def test_silence_is_told_only_where_it_voids_what_was_said(
    attempt: int, writes: list[list[str]]
) -> None:
    environment = Written()
    environment.attempt = attempt
    async with Deltas(_as_environment(environment), step="llm:1"):
        pass
    assert [[kind for kind, _ in write] for write in environment.writes] == writes


@pytest.mark.parametrize("error", [StoreError("full"), OSError("no space")], ids=["store", "other"])
async def test_a_store_that_fails_costs_the_readers_and_not_the_run(
    caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    async with Deltas(_as_environment(Written(fails=error)), step="llm:1") as deltas:
        deltas.text("x")
    assert "not published" in caplog.text


async def test_half_a_character_costs_the_readers_that_character_alone() -> None:
    environment = Written()
    async with Deltas(_as_environment(environment), step="llm:1") as deltas:
        deltas.text("a\ud83d")
    ((_, (_, text)),) = environment.writes
    assert text["content"] == "a\ufffd"


def _as_environment(written: Written) -> StepEnvironment:
    return written  # type: ignore[return-value]
