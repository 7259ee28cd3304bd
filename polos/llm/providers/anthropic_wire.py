"""Anthropic's Messages format, as pure functions.

A block of the answer is a part, its raw item the block as the stream built it: thinking with its signature, text with
its citations, goes back as it came. Results of one turn's calls go into one user message, and neighbouring messages
of one role are one message, as the API wants them to alternate.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final

from polos.llm.events import (
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from polos.llm.providers.conversation import CallIds, arguments_object, hoist_system, without_tools
from polos.llm.providers.sdk import Broken, each
from polos.llm.request import ModelRequest, ToolChoice, ToolNamed
from polos.llm.schema import closed_schema, wrapped
from polos.llm.types import (
    Image,
    JsonObject,
    Message,
    ModelResponse,
    Opaque,
    Part,
    Reasoning,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)

API: Final = "anthropic.messages"

_THINKING: Final = ("thinking", "redacted_thinking")
_STOPS: Final = {
    "end_turn": StopReason.END,
    "tool_use": StopReason.TOOL_CALLS,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "pause_turn": StopReason.PAUSED,
    "refusal": StopReason.REFUSED,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
}


def output_limit(model: str) -> int:
    """What `max_tokens`, which the API wants to be told, is if the request does not say: what the model can."""
    if "claude-3-5" in model:
        return 8_192
    if "claude-3-7" not in model and any(old in model for old in ("claude-3", "claude-2", "claude-instant")):
        return 4_096
    return 16_384


class AnthropicWire:
    """One request in the Messages format."""

    def __init__(self, request: ModelRequest) -> None:
        request = hoist_system(request)
        messages = request.messages if request.tools else without_tools(request.messages)
        self._request = request
        self._messages = messages
        self._ids = CallIds(request.messages)
        self._blocks: dict[int, dict[str, Any]] = {}
        self._json: dict[int, str] = {}
        self._parts: dict[int, Part] = {}
        self._start: dict[str, Any] = {}
        self._usage: dict[str, Any] = {}
        self._stop = ""
        self._ended = False

    # --- the request

    def body(self) -> dict[str, Any]:
        request = self._request
        mark = _mark(request)
        body: dict[str, Any] = {
            "model": request.model,
            "max_tokens": request.max_output_tokens or output_limit(request.model),
            "messages": _marked(_messages(self._messages), mark),
        }
        if request.system:
            body["system"] = [{"type": "text", "text": request.system, **mark}] if mark else request.system
        if request.tools:
            body["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
                for tool in request.tools
            ]
            if not request.system:  # else the mark on `system`, which comes after them, covers the tools
                body["tools"][-1] |= mark
            body["tool_choice"] = _choice(request.tool_choice)
        if request.output is not None:
            schema = closed_schema(wrapped(request.output.schema))
            body["output_config"] = {"format": {"type": "json_schema", "schema": schema}}
        if request.temperature is not None:
            body["temperature"] = request.temperature
        return body

    # --- the answer

    def feed(self, chunk: dict[str, Any]) -> Iterator[StreamEvent]:
        match chunk.get("type"):
            case "message_start":
                self._start = chunk["message"]
                self._count(self._start.get("usage"))
            case "content_block_start":
                yield from self._begin(chunk["index"], chunk["content_block"])
            case "content_block_delta":
                yield from self._more(chunk["index"], chunk["delta"])
            case "content_block_stop":
                yield from self._close(chunk["index"])
            case "message_delta":
                self._stop = (chunk.get("delta") or {}).get("stop_reason") or self._stop
                self._count(chunk.get("usage"))
            case "message_stop":
                self._ended = True
            case _:
                pass  # pings, and what is not known yet

    def _begin(self, index: int, block: dict[str, Any]) -> Iterator[StreamEvent]:
        self._blocks[index] = block = dict(block)
        if block.get("type") == "tool_use":
            block["id"] = self._ids.unique(block.get("id"))
            yield ToolCallStart(block["id"], block.get("name", ""))
        elif block.get("type") == "text" and block.get("text"):
            yield TextDelta(block["text"])

    def _more(self, index: int, delta: dict[str, Any]) -> Iterator[StreamEvent]:
        block = self._blocks[index]
        match delta.get("type"):
            case "text_delta" if delta["text"]:
                block["text"] = block.get("text", "") + delta["text"]
                yield TextDelta(delta["text"])
            case "thinking_delta" if delta["thinking"]:
                block["thinking"] = block.get("thinking", "") + delta["thinking"]
                yield ReasoningDelta(delta["thinking"])
            case "signature_delta":
                block["signature"] = delta["signature"]
            case "citations_delta":
                block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
            case "input_json_delta" if delta["partial_json"]:
                self._json[index] = self._json.get(index, "") + delta["partial_json"]
                if block.get("type") == "tool_use":
                    yield ToolCallDelta(block["id"], delta["partial_json"])

    def _close(self, index: int) -> Iterator[StreamEvent]:
        block = self._blocks[index]
        written = self._json.get(index, "")
        if written.strip() and "input" in block:
            block["input"] = arguments_object(written)
        self._parts[index] = part = _part(block, written)
        if isinstance(part, ToolCall):
            yield ToolCallDone(part)

    def _count(self, usage: Any) -> None:
        """Counts are cumulative: a later one replaces an earlier one."""
        self._usage |= {name: value for name, value in (usage or {}).items() if value is not None}

    def finish(self) -> ModelResponse:
        if not (self._ended and self._stop):
            raise Broken("the stream ended before the answer was complete")
        return self._response()

    def whole(self, answer: dict[str, Any]) -> ModelResponse:
        self._start = answer
        self._count(answer.get("usage"))
        self._stop = answer.get("stop_reason") or ""
        if not self._stop:
            raise Broken("the answer says not why it ended, so it is not whole")
        for index, block in enumerate(each(answer.get("content"))):
            if block.get("type") == "tool_use":
                block["id"] = self._ids.unique(block.get("id"))
            self._parts[index] = _part(block, "")
        return self._response()

    def _response(self) -> ModelResponse:
        parts = tuple(self._parts[index] for index in sorted(self._parts))
        return ModelResponse(
            message=Message(role="assistant", parts=parts, api=API),
            stop_reason=_STOPS.get(self._stop, StopReason.END),
            usage=_usage(self._usage),
            model=str(self._start.get("model") or self._request.model),
            response_id=str(self._start.get("id") or ""),
            stop_detail=self._stop,
        )


# --- to the provider ------------------------------------------------------------------------------------------------


def _messages(messages: Iterable[Message]) -> list[JsonObject]:
    merged: list[Any] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        content = _content(message)
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"].extend(content)
        elif content:
            merged.append({"role": role, "content": content})
    return merged


def _content(message: Message) -> list[JsonObject]:
    """The blocks of a message. Thinking that was cut off, so that nothing came of it, is rejected and left out."""
    blocks = [block for part in message.parts if (block := _block(part, message.api)) is not None]
    while blocks and blocks[-1]["type"] in _THINKING:
        blocks.pop()
    return [block for block in blocks if block["type"] != "thinking" or block.get("signature")]


def _block(part: Part, api: str) -> JsonObject | None:
    """The part as a block; None if it has no place here (blank text, another provider's reasoning)."""
    raw = getattr(part, "raw", None) if api == API else None
    match part:
        case Text(text=text) if not text.strip():  # the API rejects it, its own too
            return None
        case Text() | ToolCall() | Reasoning() | Opaque() if raw is not None:
            return dict(raw)
        case Text():
            return {"type": "text", "text": part.text}
        case Image(url="") as image:
            return _image({"type": "base64", "media_type": image.media_type, "data": image.data})
        case Image():
            return _image({"type": "url", "url": part.url})
        case ToolCall():
            return {
                "type": "tool_use",
                "id": part.call_id,
                "name": part.name,
                "input": arguments_object(part.arguments),
            }
        case ToolResult():
            error: JsonObject = {"is_error": True} if part.is_error else {}
            return {"type": "tool_result", "tool_use_id": part.call_id, "content": part.content, **error}
        case _:
            return None


def _image(source: JsonObject) -> JsonObject:
    return {"type": "image", "source": source}


def _mark(request: ModelRequest) -> JsonObject:
    """The mark at which the provider's cache is cut, or nothing."""
    match request.cache_ttl():
        case None:
            return {}
        case "5m":
            return {"cache_control": {"type": "ephemeral"}}
        case ttl:
            return {"cache_control": {"type": "ephemeral", "ttl": ttl}}


def _marked(messages: list[JsonObject], mark: JsonObject) -> list[JsonObject]:
    """Mark the end of the conversation, so that the next turn finds this one in the cache.

    Only a user's message: the model's own blocks go back unchanged.
    """
    if mark and messages and messages[-1]["role"] == "user":
        content: Any = messages[-1]["content"]
        content[-1] = {**content[-1], **mark}
    return messages


def _choice(choice: ToolChoice) -> JsonObject:
    match choice:
        case ToolNamed(name=name):
            return {"type": "tool", "name": name}
        case "required":
            return {"type": "any"}
        case _:
            return {"type": choice}


# --- from the provider ----------------------------------------------------------------------------------------------


def _part(block: dict[str, Any], written: str) -> Part:
    """A finished block as a part; `written` is the JSON text of its input, as far as it was streamed."""
    match block.get("type"):
        case "text":
            return Text(text=block.get("text") or "", raw=block)
        case "tool_use":
            arguments = (
                written if written.strip() else json.dumps(block.get("input") or {}, ensure_ascii=False)
            )
            return ToolCall(
                call_id=block["id"],
                name=block.get("name", ""),
                arguments=arguments,
                id=block["id"],
                raw=block,
            )
        case kind if kind in _THINKING:
            return Reasoning(text=block.get("thinking") or "", raw=block)
        case _:
            return Opaque(raw=block)


def _usage(usage: dict[str, Any]) -> Usage:
    read = usage.get("cache_read_input_tokens") or 0
    written = usage.get("cache_creation_input_tokens") or 0
    fresh = usage.get("input_tokens") or 0
    return Usage.of(fresh + read + written, usage.get("output_tokens") or 0, read=read, written=written)
