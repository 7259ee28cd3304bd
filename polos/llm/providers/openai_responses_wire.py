"""OpenAI's Responses format, as pure functions: a request to its body, and its events to ours.

Stateless on purpose (`store: false`): a replay months later must not depend on what the provider still keeps. So the
model's reasoning comes encrypted and goes back with the conversation, every output item exactly as it came, taken
from its *done* event; the *added* one may lack parts of it.
"""

from __future__ import annotations

import re
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
from polos.llm.providers.conversation import CallIds
from polos.llm.providers.sdk import Broken, each
from polos.llm.request import ModelRequest, OutputSpec, ToolNamed, ToolSpec
from polos.llm.schema import NotBindable, openai_schema, wrapped
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

API: Final = "openai.responses"

_NO_REASONING: Final = re.compile(r"gpt-3|gpt-4|gpt-5(\.\d+)?-chat|chatgpt|^davinci|^babbage")
"""Models that know no encrypted reasoning and reject the wish for it; all newer ones have it."""


class ResponsesWire:
    """One request in the Responses format."""

    def __init__(self, request: ModelRequest) -> None:
        self._request = request
        self._ids = CallIds(request.messages)
        self._parts: dict[int, Part] = {}
        self._calls: dict[int, str] = {}  # output index -> our call id, from `added` on
        self._end: dict[str, Any] | None = None

    # --- the request

    def body(self) -> dict[str, Any]:
        request = self._request
        stored = bool(request.extra.get("store", False))
        body: dict[str, Any] = {
            "model": request.model,
            "input": _items(request.messages, stored),
            "store": False,
        }
        if not stored and not _NO_REASONING.search(request.model):
            body["include"] = ["reasoning.encrypted_content"]
        if request.system:
            body["instructions"] = request.system
        if request.tools:
            body["tools"] = [_tool(tool) for tool in request.tools]
            body["tool_choice"] = _choice(request.tool_choice)
        if request.output is not None:
            body["text"] = {"format": {"type": "json_schema", **json_format(request.output)}}
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.max_output_tokens is not None:
            body["max_output_tokens"] = request.max_output_tokens
        return body

    # --- the answer

    def feed(self, chunk: dict[str, Any]) -> Iterator[StreamEvent]:
        if chunk.get("event") == "error":  # as SDKs before 2.0 hand it on
            chunk = chunk.get("data") or chunk
        index = chunk.get("output_index", -1)
        match chunk.get("type"):
            case "response.output_text.delta" | "response.refusal.delta" if chunk.get("delta"):
                yield TextDelta(chunk["delta"])
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta" if chunk.get(
                "delta"
            ):
                yield ReasoningDelta(chunk["delta"])
            case "response.output_item.added":
                yield from self._added(index, chunk["item"])
            case "response.function_call_arguments.delta" if chunk.get("delta") and index in self._calls:
                yield ToolCallDelta(self._calls[index], chunk["delta"])
            case "response.output_item.done":
                yield from self._done(index, chunk["item"])
            case "response.completed" | "response.incomplete":
                self._end = chunk["response"]
            case "response.failed":
                raise _failure(chunk.get("response", {}).get("error") or {})
            case "error":
                raise _failure(chunk.get("error") or chunk)
            case _:
                pass  # progress of the provider's own tools, parts that their items repeat

    def _added(self, index: int, item: dict[str, Any]) -> Iterator[StreamEvent]:
        if item.get("type") == "function_call":
            self._calls[index] = self._ids.unique(item.get("call_id"))
            yield ToolCallStart(self._calls[index], item.get("name", ""))

    def _done(self, index: int, item: dict[str, Any]) -> Iterator[StreamEvent]:
        if item.get("type") == "function_call" and index not in self._calls:
            yield from self._added(index, item)
        self._parts[index] = part = _part(item, self._calls.get(index, ""))
        if isinstance(part, ToolCall):
            yield ToolCallDone(part)

    def finish(self) -> ModelResponse:
        if self._end is None:
            raise Broken("the stream ended before the answer was complete")
        if not self._parts:  # some compatible servers send items only at the end
            return self.whole(self._end)
        return self._response(self._end)

    def whole(self, answer: dict[str, Any]) -> ModelResponse:
        if answer.get("error"):
            raise _failure(answer["error"])
        for index, item in enumerate(each(answer.get("output"))):
            call_id = self._ids.unique(item.get("call_id")) if item.get("type") == "function_call" else ""
            self._parts[index] = _part(item, call_id)
        return self._response(answer)

    def _response(self, answer: dict[str, Any]) -> ModelResponse:
        parts = tuple(self._parts[index] for index in sorted(self._parts))
        reason, detail = _stop(answer, parts)
        return ModelResponse(
            message=Message(role="assistant", parts=parts, api=API),
            stop_reason=reason,
            usage=_usage(answer.get("usage") or {}),
            model=str(answer.get("model") or self._request.model),
            response_id=str(answer.get("id") or ""),
            stop_detail=detail,
        )


# --- to the provider ------------------------------------------------------------------------------------------------


def _items(messages: Iterable[Message], stored: bool) -> list[JsonObject]:
    return [item for message in messages for item in _of_message(message, stored)]


def _of_message(message: Message, stored: bool) -> list[JsonObject]:
    if message.role == "assistant":
        return _of_assistant(message, stored)
    if message.role == "tool":
        return [
            {"type": "function_call_output", "call_id": part.call_id, "output": part.content}
            for part in message.parts
            if isinstance(part, ToolResult)
        ]
    content: list[Any] = []
    for part in message.parts:
        match part:
            case Text():
                content.append({"type": "input_text", "text": part.text})
            case Image():
                content.append({"type": "input_image", "image_url": part.as_url(), "detail": "auto"})
            case _:
                pass  # has no place in a user's message
    return [{"role": message.role, "content": content}]


def _of_assistant(message: Message, stored: bool) -> list[JsonObject]:
    items: list[JsonObject] = []
    lost_reasoning = False
    for part in message.parts:
        raw = getattr(part, "raw", None) if message.api == API else None
        if isinstance(part, Reasoning) and raw is not None and not (stored or raw.get("encrypted_content")):
            lost_reasoning = True  # nobody keeps what it stands for
        elif raw is not None:
            items.append(raw)
        elif isinstance(part, ToolCall):
            items.append(
                {
                    "type": "function_call",
                    "call_id": part.call_id,
                    "name": part.name,
                    "arguments": part.arguments,
                },
            )
        elif isinstance(part, Text) and part.text:
            items.append({"role": "assistant", "content": part.text})
    while (
        items and items[-1].get("type") == "reasoning"
    ):  # rejected without the item that it led to: it was cut off
        items.pop()
    if lost_reasoning:  # an item with its id calls for the reasoning it followed; without, it stands alone
        items = [{name: value for name, value in item.items() if name != "id"} for item in items]
    return items


def _tool(tool: ToolSpec) -> JsonObject:
    parameters, strict = bound(tool)
    return {
        "type": "function",
        "name": tool.name,
        "description": tool.description,
        "parameters": parameters,
        "strict": strict,
    }


def bound(tool: ToolSpec) -> tuple[JsonObject, bool]:
    """The tool's schema in strict form if it has one, and whether it is."""
    if tool.strict:
        try:
            return openai_schema(tool.parameters), True
        except NotBindable:
            pass  # the model is told the schema as it is, and pydantic checks what it writes
    return tool.parameters, False


def json_format(output: OutputSpec) -> JsonObject:
    """`name`, `schema` and `strict` of an answer's format."""
    schema = wrapped(output.schema)
    try:
        return {"name": output.name, "schema": openai_schema(schema), "strict": True}
    except NotBindable:
        return {"name": output.name, "schema": schema, "strict": False}


def _choice(choice: Any) -> Any:
    return {"type": "function", "name": choice.name} if isinstance(choice, ToolNamed) else choice


# --- from the provider ----------------------------------------------------------------------------------------------


def _part(item: dict[str, Any], call_id: str) -> Part:
    match item.get("type"):
        case "message":
            texts = [c.get("text") or c.get("refusal") or "" for c in each(item.get("content"))]
            return Text(text="".join(texts), raw=item)
        case "reasoning":
            texts = [c.get("text") or "" for c in each(item.get("summary") or item.get("content"))]
            return Reasoning(text="\n\n".join(texts), raw=item)
        case "function_call":
            arguments = item.get("arguments") or "{}"
            raw = {**item, "call_id": call_id}
            return ToolCall(
                call_id=call_id,
                name=item.get("name", ""),
                arguments=arguments,
                id=item.get("id") or call_id,
                raw=raw,
            )
        case _:
            return Opaque(raw=item)


def _stop(answer: dict[str, Any], parts: tuple[Part, ...]) -> tuple[StopReason, str]:
    if answer.get("status") == "incomplete":
        why = str((answer.get("incomplete_details") or {}).get("reason") or "")
        return (StopReason.REFUSED if why == "content_filter" else StopReason.MAX_TOKENS), why
    if any(isinstance(part, ToolCall) for part in parts):
        return StopReason.TOOL_CALLS, ""
    if any(_is_refusal(part) for part in parts):
        return StopReason.REFUSED, "refusal"
    return StopReason.END, ""


def _is_refusal(part: Part) -> bool:
    if not isinstance(part, Text) or part.raw is None:
        return False
    return any(content.get("type") == "refusal" for content in each(part.raw.get("content")))


def _usage(usage: dict[str, Any]) -> Usage:
    details = usage.get("input_tokens_details") or {}
    return Usage.of(
        usage.get("input_tokens") or 0,
        usage.get("output_tokens") or 0,
        read=details.get("cached_tokens") or 0,
        written=details.get("cache_write_tokens") or 0,
    )


def _failure(error: dict[str, Any]) -> Broken:
    code = str(error.get("code") or error.get("type") or "")
    return Broken(str(error.get("message") or "the model failed"), code=code, body=error)
