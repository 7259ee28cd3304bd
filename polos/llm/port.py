"""The port every provider is behind: what a model can do, and one way to ask it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

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
from polos.llm.request import ModelRequest
from polos.llm.types import ModelResponse, Reasoning, Text, ToolCall


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model behind a provider can do. Nothing breaks without: the adapter does the next best thing.

    `native_schema`: it can be bound to a JSON schema (else the schema is put into the prompt).
    `tools_with_schema`: both in one request (else, with tools, the schema is put into the prompt).
    `parallel_tools`: several calls in one answer. `tool_choice`: it can be made to call a tool.
    `prompt_cache`: the adapter marks prompts for the cache (a provider may cache by itself without marks).
    `stream_usage`: tokens are told when streaming. `images`: it takes pictures.
    """

    native_schema: bool = True
    tools_with_schema: bool = True
    parallel_tools: bool = True
    tool_choice: bool = True
    prompt_cache: bool = False
    stream_usage: bool = True
    images: bool = True


@runtime_checkable
class Provider(Protocol):
    """A way to models. Implementations keep no state between calls but their connections, and never retry."""

    @property
    def name(self) -> str:
        """What agents call it, e.g. `openai`."""
        ...

    def capabilities(self, model: str) -> Capabilities:
        """What that model can do here, as far as is known without asking."""
        ...

    def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        """Ask, and yield what comes. The last event is `Done`; if it does not come, an error was raised.

        Close the generator (`contextlib.aclosing`) to stop early: the connection is closed, the provider stops.

        Raises:
            ModelError: one of the family in `polos.llm.errors`; also in mid-stream, after some events.
        """
        ...


async def complete(provider: Provider, request: ModelRequest) -> ModelResponse:
    """The whole answer.

    Raises:
        ModelError: as `Provider.stream`.
    """
    async with aclosing(provider.stream(request)) as events:
        async for event in events:
            if isinstance(event, Done):
                return event.response
    raise ProviderUnavailable("the answer ended before it was complete", provider=provider.name)


def events_of(response: ModelResponse) -> Iterator[StreamEvent]:
    """The events of an answer that came in one piece, as if it had been streamed in large chunks."""
    for part in response.message.parts:
        match part:
            case Text(text=text) if text:
                yield TextDelta(text)
            case Reasoning(text=text) if text:
                yield ReasoningDelta(text)
            case ToolCall():
                yield ToolCallStart(part.call_id, part.name)
                yield ToolCallDelta(part.call_id, part.arguments)
                yield ToolCallDone(part)
            case _:
                pass  # nothing to show
    yield Done(response)
