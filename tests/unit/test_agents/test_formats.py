"""What agents store stays readable: golden texts of version 1, written by the code as it was first released."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from polos import AgentOutcome, AgentResult, ToolResult, Usage
from polos.adapters.clock import VirtualClock
from polos.adapters.memory import MemoryStore
from polos.agents.compacting import Shortened
from polos.agents.memory import Past
from polos.agents.model_step import ModelAnswer
from polos.agents.results import ResultCodec
from polos.agents.sessions import History, look, read, remember
from polos.core.codec import codec_for
from polos.errors import NotStorable, StoreTooNew
from polos.llm.types import Message, ModelResponse, StopReason, Text, ToolCall, assistant, user
from polos.llm.types import Usage as ModelUsage

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "agents_v1.json").read_text(encoding="utf-8"))


class City(BaseModel):
    name: str
    inhabitants: int | None = None


ANSWER = ModelAnswer(
    response=ModelResponse(
        message=Message(
            role="assistant",
            parts=(Text(text="Hé"), ToolCall(call_id="c1", name="f", raw={"id": "fc_1"})),
            api="openai.responses",
        ),
        stop_reason=StopReason.TOOL_CALLS,
        usage=ModelUsage.of(10, 2, read=4),
        model="gpt-5-mini",
    ),
    cost=Decimal("0.0000065"),
)
SHORTENED = Shortened(cut=4, summary="They met.", tokens=120, answer=ANSWER, complete=False)
RESULT = AgentResult(
    agent_run_id="01x",
    result=City(name="Oslo"),
    result_schema="tests.City",
    tool_results=[
        ToolResult(tool_name="f", status="failed", error="no", tool_call_id="c1", tool_call_call_id="c1")
    ],
    total_steps=2,
    usage=Usage(input_tokens=10, output_tokens=2, total_tokens=12, cache_read_input_tokens=4),
    cost=Decimal("0.0000065"),
    outcome=AgentOutcome.STOPPED,
    stopped_by="max_steps",
    run_steps=3,
)
STORED: dict[str, tuple[Any, Any]] = {
    "answer": (codec_for(ModelAnswer), ANSWER),
    "shortened": (codec_for(Shortened), SHORTENED),
    "result": (ResultCodec(City), RESULT),
    "result_in_words": (ResultCodec(), RESULT.model_copy(update={"result": "Oslo", "result_schema": None})),
}


@pytest.mark.parametrize("name", STORED)
def test_what_was_written_is_read_and_is_still_written_so(name: str) -> None:
    codec, value = STORED[name]
    assert codec.decode(GOLDEN[name]) == value
    assert codec.encode(value) == GOLDEN[name]
    assert codec.round_trip(value) == (GOLDEN[name], value)


def entries(store: MemoryStore) -> list[str]:
    """A session of three runs, of which the third was shortened."""
    log = store.ports.log
    remember(log, look(log, "s"), "run 1", [user("a"), assistant("A")])
    remember(log, look(log, "s"), "run 2", [user("b"), assistant("B")])
    remember(
        log, look(log, "s"), "run 3", [user("c")], shortened=History("about a", (user("b"), assistant("B")))
    )
    return log.read("s")


def test_a_session_that_was_written_is_read_and_is_still_written_so() -> None:
    assert entries(MemoryStore(VirtualClock())) == GOLDEN["session"]
    store = MemoryStore(VirtualClock())
    store.ports.log.publish("old", GOLDEN["session"])
    history = read(store.ports.log, look(store.ports.log, "old"))
    assert (history.summary, [message.text for message in history.messages]) == ("about a", ["b", "B", "c"])


def test_a_result_of_a_newer_version_is_refused() -> None:
    with pytest.raises(StoreTooNew, match="upgrade"):
        ResultCodec().decode('{"v": 2, "agent_run_id": "x"}')
    with pytest.raises(NotStorable):
        codec_for(ModelAnswer).decode(GOLDEN["answer"].replace('"v":1', '"v":2'))


def test_a_session_of_a_newer_version_is_refused() -> None:
    store = MemoryStore(VirtualClock())
    store.ports.log.publish("new", ['{"v": 2, "messages": []}'])
    with pytest.raises(StoreTooNew, match="upgrade"):
        read(store.ports.log, Past("new", 0, 1))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"result": 1}', '{"agent_run_id": "x", "result": 1, "outcome": "odd"}']
)
def test_what_is_no_result_is_refused(text: str) -> None:
    with pytest.raises(NotStorable):
        ResultCodec(City).decode(text)
