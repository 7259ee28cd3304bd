"""The Chat Completions format, as pure functions, forgiving where compatible servers differ.

They omit or repeat tool-call ids and indices, send calls whole or in pieces, drop the arguments of a call that has
none, say `stop` after tool calls, and put their own fields on messages and calls. Fields of a call that we do not
know (thought signatures, say) are kept and sent back with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from polos.llm.events import (
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    ToolCallStart,
)
from polos.llm.providers.compatible import Compatible
from polos.llm.providers.conversation import CallIds
from polos.llm.providers.openai_responses_wire import bound, json_format
from polos.llm.providers.sdk import Broken, each
from polos.llm.request import ModelRequest, ToolNamed, ToolSpec
from polos.llm.types import (
    Image,
    JsonObject,
    Message,
    ModelResponse,
    Part,
    Reasoning,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Usage,
)

_REASONING: Final = ("reasoning_content", "reasoning")
"""Where servers put the thinking they show."""
_STOPS: Final = {
    "length": StopReason.MAX_TOKENS,
    "max_tokens": StopReason.MAX_TOKENS,
    "model_length": StopReason.CONTEXT_FULL,
}
_FILTERED: Final = re.compile(r"content_filter|safety|recitation|prohibited|blocklist", re.IGNORECASE)
_FAILED: Final = re.compile(r"malformed|^error$|insufficient_system_resource|^abort", re.IGNORECASE)
"""Words of compatible servers for an answer that the provider has spoiled; Gemini's come with words before them."""


@dataclass(slots=True)
class _Call:
    """A call while it is assembled. `raw` has what the server sent, its pieces joined."""

    call_id: str
    given_id: str
    name: str = ""
    arguments: str = ""
    raw: dict[str, Any] = field(default_factory=dict)

    def done(self) -> ToolCall:
        arguments = self.arguments if self.arguments.strip() else "{}"
        function = {**self.raw.get("function", {}), "name": self.name, "arguments": arguments}
        raw = {"type": "function", **self.raw, "id": self.call_id, "function": function}
        raw.pop("index", None)
        return ToolCall(call_id=self.call_id, name=self.name, arguments=arguments, id=self.call_id, raw=raw)


class ChatWire:
    """One request in the Chat Completions format, as `row` speaks it."""

    def __init__(self, request: ModelRequest, row: Compatible, *, json_mode: bool = False) -> None:
        self._request = request
        self._row = row
        self._json_mode = json_mode
        self._ids = CallIds(request.messages)
        self._text = ""
        self._refused = False
        self._reasoning: dict[str, str] = {}
        self._calls: list[_Call] = []
        self._slots: dict[int, _Call] = {}
        self._finish = ""
        self._facts: dict[str, Any] = {}

    # --- the request

    def body(self) -> dict[str, Any]:
        request, row = self._request, self._row
        body: dict[str, Any] = {"model": request.model, "messages": self._messages()}
        if request.tools:
            body["tools"] = [_tool(tool, row.strict_tools) for tool in request.tools]
            if request.tool_choice != "auto" and row.tool_choice:
                body["tool_choice"] = _choice(request.tool_choice)
        if request.output is not None:
            body["response_format"] = {"type": "json_schema", "json_schema": json_format(request.output)}
        elif self._json_mode:
            body["response_format"] = {"type": "json_object"}
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.max_output_tokens is not None:
            body[row.max_tokens] = request.max_output_tokens
        if request.stream and row.stream_usage:
            body["stream_options"] = {"include_usage": True}
        return body

    def _messages(self) -> list[JsonObject]:
        system: list[JsonObject] = [{"role": "system", "content": self._request.system}]
        rest = [item for message in self._request.messages for item in self._of_message(message)]
        return [*(system if self._request.system else []), *rest]

    def _of_message(self, message: Message) -> list[JsonObject]:
        if message.role == "tool":
            return [
                {"role": "tool", "tool_call_id": part.call_id, "content": part.content}
                for part in message.parts
                if isinstance(part, ToolResult)
            ]
        if message.role == "assistant":
            return [self._of_assistant(message)]
        return [{"role": message.role, "content": _content(message)}]

    def _of_assistant(self, message: Message) -> JsonObject:
        ours = message.api == self._row.api
        item: JsonObject = {"role": "assistant", "content": message.text or None}
        calls: list[Any] = [
            call.raw if ours and call.raw is not None else _call(call) for call in message.tool_calls
        ]
        if calls:
            item["tool_calls"] = calls
        elif not message.text:
            item["content"] = ""
        if ours and self._row.keeps_reasoning:
            for part in message.parts:
                if isinstance(part, Reasoning) and part.raw is not None:
                    item.update(part.raw)
        return item

    # --- the answer

    def feed(self, chunk: dict[str, Any]) -> Iterator[StreamEvent]:
        if error := chunk.get("error"):
            raise _failure(error)
        self._note(chunk)
        for choice in each(chunk.get("choices")):
            if (
                choice.get("index", 0) == 0
            ):  # more are only there if `extra` asks for them; the first is the answer
                yield from self._delta(choice.get("delta") or {})
                if choice.get("finish_reason") and not self._finish:
                    self._finish = choice["finish_reason"]
                    # The format has no word for the end of a call: all of them end here.
                    yield from [ToolCallDone(call.done()) for call in self._calls]

    def _note(self, chunk: dict[str, Any]) -> None:
        if usage := chunk.get("usage") or (chunk.get("x_groq") or {}).get("usage"):
            self._facts["usage"] = usage
        for name in ("id", "model"):
            if chunk.get(name):
                self._facts[name] = chunk[name]

    def _delta(self, delta: dict[str, Any]) -> Iterator[StreamEvent]:
        for name in _REASONING:
            if isinstance(delta.get(name), str) and delta[name]:
                self._reasoning[name] = self._reasoning.get(name, "") + delta[name]
                yield ReasoningDelta(delta[name])
        for name in ("content", "refusal"):
            if isinstance(delta.get(name), str) and delta[name]:
                self._refused = self._refused or name == "refusal"
                self._text += delta[name]
                yield TextDelta(delta[name])
        for piece in each(delta.get("tool_calls")):
            yield from self._piece(piece)

    def _piece(self, piece: dict[str, Any]) -> Iterator[StreamEvent]:
        function = piece.get("function") or {}
        call = self._slot(piece, function)
        if function.get("name") and not call.name:
            call.name = function["name"]
            yield ToolCallStart(call.call_id, call.name)
        more = function.get("arguments")
        if isinstance(more, dict):  # some servers do not encode them
            more = json.dumps(more, ensure_ascii=False)
        if more:
            call.arguments += more
            yield ToolCallDelta(call.call_id, more)
        known = {name: value for name, value in piece.items() if name != "function"}
        call.raw = {**call.raw, **known, "function": {**call.raw.get("function", {}), **function}}

    def _slot(self, piece: dict[str, Any], function: dict[str, Any]) -> _Call:
        """The call that a piece belongs to: by its index, unless a new id or name shows that it begins another."""
        index, given = piece.get("index"), piece.get("id") or ""
        begins = bool(function.get("name"))
        last = self._calls[-1] if self._calls and not begins else None
        call = last if index is None else self._slots.get(index)
        if call is not None and begins and given and given != call.given_id:
            call = None  # every call under one index: told apart by their ids
        if call is None:
            call = _Call(self._ids.unique(given), given)
            self._calls.append(call)
        if index is not None:
            self._slots[index] = call
        return call

    def finish(self) -> ModelResponse:
        if not self._finish:
            raise Broken("the stream ended before the answer was complete")
        return self._response()

    def whole(self, answer: dict[str, Any]) -> ModelResponse:
        if error := answer.get("error"):
            raise _failure(error)
        self._note(answer)
        choice = next(each(answer.get("choices")), None)
        if choice is None:
            raise Broken("the answer has no choices")
        message = choice.get("message") or {}
        pieces = [{**call, "index": i} for i, call in enumerate(each(message.get("tool_calls")))]
        for _ in self._delta({**message, "tool_calls": pieces}):
            pass  # only what it collects is of interest
        self._finish = choice.get("finish_reason") or "stop"
        return self._response()

    def _response(self) -> ModelResponse:
        if _FAILED.search(self._finish):
            raise Broken(f"the answer was not finished: {self._finish}")
        parts: list[Part] = []
        if self._reasoning:
            shown = next(iter(self._reasoning.values()))
            parts.append(Reasoning(text=shown, raw=dict(self._reasoning)))
        if self._text:
            parts.append(Text(text=self._text))
        parts.extend(call.done() for call in self._calls)
        return ModelResponse(
            message=Message(role="assistant", parts=tuple(parts), api=self._row.api),
            stop_reason=self._stop(),
            usage=_usage(self._facts.get("usage") or {}),
            model=str(self._facts.get("model") or self._request.model),
            response_id=str(self._facts.get("id") or ""),
            stop_detail=self._finish,
        )

    def _stop(self) -> StopReason:
        if self._finish in _STOPS:
            return _STOPS[self._finish]
        if _FILTERED.search(self._finish):
            return StopReason.REFUSED
        if self._calls:  # whatever the finish reason: some say `stop`
            return StopReason.TOOL_CALLS
        return StopReason.REFUSED if self._refused else StopReason.END


# --- pieces of the request ------------------------------------------------------------------------------------------


def _content(message: Message) -> Any:
    """Text as a string, which every server takes; a list only where there are pictures."""
    if not any(isinstance(part, Image) for part in message.parts):
        return message.text
    content: list[JsonObject] = []
    for part in message.parts:
        match part:
            case Text():
                content.append({"type": "text", "text": part.text})
            case Image():
                content.append({"type": "image_url", "image_url": {"url": part.as_url()}})
            case _:
                pass  # has no place in a user's message
    return content


def _tool(tool: ToolSpec, strict: bool) -> JsonObject:
    function: JsonObject = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    if strict:
        function["parameters"], function["strict"] = bound(tool)
    return {"type": "function", "function": function}


def _call(call: ToolCall) -> JsonObject:
    return {
        "id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def _choice(choice: Any) -> Any:
    return (
        {"type": "function", "function": {"name": choice.name}} if isinstance(choice, ToolNamed) else choice
    )


# --- pieces of the answer -------------------------------------------------------------------------------------------


def _usage(usage: dict[str, Any]) -> Usage:
    details = usage.get("prompt_tokens_details") or {}
    return Usage.of(
        usage.get("prompt_tokens") or 0,
        usage.get("completion_tokens") or 0,
        read=details.get("cached_tokens") or 0,
        written=details.get("cache_write_tokens") or 0,
    )


def _failure(error: Any) -> Broken:
    if not isinstance(error, dict):
        return Broken(str(error))
    code = error.get("code") if isinstance(error.get("code"), str) else error.get("type")
    return Broken(str(error.get("message") or "the model failed"), code=str(code or ""), body=error)
