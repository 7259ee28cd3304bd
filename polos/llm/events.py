"""What a provider's stream is made of: a closed union of small frozen values, of which `Done` is the last."""

from __future__ import annotations

from dataclasses import dataclass

from polos.llm.types import ModelResponse, ToolCall


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer's text, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of what may be shown of the model's thinking, never empty."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallStart:
    """The model begins to call a tool. Calls may interleave: `call_id` says which one a later event belongs to."""

    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of the arguments' JSON text of call `call_id`; no JSON by itself."""

    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDone:
    """The call as it stands, arguments unchecked. Comes once for every call, also for one without arguments."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class Done:
    """The end of a stream that arrived whole; a stream that broke raises instead."""

    response: ModelResponse


StreamEvent = TextDelta | ReasoningDelta | ToolCallStart | ToolCallDelta | ToolCallDone | Done
