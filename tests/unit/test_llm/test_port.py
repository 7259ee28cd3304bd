from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from polos.llm.errors import ProviderUnavailable
from polos.llm.events import (
    Done,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from polos.llm.port import Capabilities, complete, events_of
from polos.llm.request import ModelRequest
from polos.llm.types import Message, ModelResponse, Opaque, Reasoning, StopReason, Text, ToolCall, user


class Breaking:
    """A provider whose stream ends without its end."""

    name = "breaking"

    def capabilities(self, model: str) -> Capabilities:
        return Capabilities()

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        yield TextDelta("half")


async def test_an_answer_without_its_end_is_never_taken_for_one() -> None:
    with pytest.raises(ProviderUnavailable, match="breaking"):
        await complete(Breaking(), ModelRequest("m", (user("x"),)))


def test_an_answer_in_one_piece_gives_the_events_of_a_stream() -> None:
    call = ToolCall(call_id="c", name="f")
    parts = (Reasoning(text="hm"), Reasoning(), Opaque(raw={}), Text(text=""), Text(text="hi"), call)
    response = ModelResponse(
        message=Message(role="assistant", parts=parts), stop_reason=StopReason.TOOL_CALLS
    )
    assert list(events_of(response)) == [
        ReasoningDelta("hm"),
        TextDelta("hi"),
        ToolCallStart("c", "f"),
        ToolCallDelta("c", "{}"),
        ToolCallDone(call),
        Done(response),
    ]


@pytest.mark.parametrize(
    ("request_", "ttl"),
    [
        (ModelRequest("m", (user("x"),)), None),
        (ModelRequest("m", (user("x"), Message(role="assistant", parts=()))), "5m"),
        (ModelRequest("m", (user("x"),), cache="1h"), "1h"),
        (ModelRequest("m", (user("x"), Message(role="assistant", parts=())), cache="off"), None),
    ],
)
def test_a_prompt_is_cached_when_it_will_be_sent_again(request_: ModelRequest, ttl: str | None) -> None:
    assert request_.cache_ttl() == ttl
