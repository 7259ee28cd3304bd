"""Bedrock's Converse format, as pure functions.

Blocks are told apart by their one key. Raw items are kept as JSON, where bytes (redacted reasoning, pictures) stand
as `{"$bytes": base64}` and are turned back before they are sent.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, Final

from polos.llm.errors import BadRequest
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

API: Final = "bedrock.converse"
_BYTES: Final = "$bytes"
_LIKE_BYTES: Final = re.compile(r"\$+bytes")

_STOPS: Final = {
    "end_turn": StopReason.END,
    "tool_use": StopReason.TOOL_CALLS,
    "max_tokens": StopReason.MAX_TOKENS,
    "stop_sequence": StopReason.STOP_SEQUENCE,
    "guardrail_intervened": StopReason.REFUSED,
    "content_filtered": StopReason.REFUSED,
    "refusal": StopReason.REFUSED,
    "model_context_window_exceeded": StopReason.CONTEXT_FULL,
}

_CHOOSES: Final = re.compile(r"anthropic\.claude|amazon\.nova|mistral")
_CACHES: Final = re.compile(r"amazon\.nova|anthropic\.claude")
_CACHES_NOT: Final = re.compile(r"claude-(?:v|instant|3-haiku|3-sonnet|3-opus|3-5-sonnet-20240620)")


def caches(model: str) -> bool:
    """Whether prompts for that model may have cache points (a model without rejects them)."""
    return bool(_CACHES.search(model)) and not _CACHES_NOT.search(model)


def chooses(model: str) -> bool:
    """Whether that model can be made to call a tool."""
    return bool(_CHOOSES.search(model))


class BedrockWire:
    """One request in the Converse format."""

    def __init__(self, request: ModelRequest, *, cache: bool = True) -> None:
        request = hoist_system(request)
        self._cache = cache and caches(request.model)
        # Converse has no choice `none`, and takes no calls in the conversation without the tools.
        self._tools = () if request.tool_choice == "none" else request.tools
        self._messages = request.messages if self._tools else without_tools(request.messages)
        self._request = request
        self._ids = CallIds(request.messages)
        self._blocks: dict[int, dict[str, Any]] = {}
        self._parts: dict[int, Part] = {}
        self._stop = ""
        self._usage: dict[str, Any] = {}

    # --- the request

    def body(self) -> dict[str, Any]:
        request = self._request
        points = self._cache_points()
        body: dict[str, Any] = {"modelId": request.model, "messages": _messages(self._messages)}
        if points and body["messages"] and body["messages"][-1]["role"] == "user":
            body["messages"][-1]["content"].extend(points)
        if request.system:
            body["system"] = [{"text": request.system}, *points]
        if self._tools:
            body["toolConfig"] = {
                "tools": [{"toolSpec": _tool(t.name, t.description, t.parameters)} for t in self._tools],
                **_choice(request.tool_choice, request.model),
            }
        limits = {"temperature": request.temperature, "maxTokens": request.max_output_tokens}
        if told := {name: value for name, value in limits.items() if value is not None}:
            body["inferenceConfig"] = told
        if request.output is not None:
            schema = json.dumps(closed_schema(wrapped(request.output.schema)))
            structure = {"jsonSchema": {"schema": schema, "name": request.output.name}}
            body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": structure}}
        return body

    def _cache_points(self) -> list[dict[str, Any]]:
        ttl = self._request.cache_ttl() if self._cache else None
        if ttl is None:
            return []
        return [{"cachePoint": {"type": "default", **({"ttl": ttl} if ttl != "5m" else {})}}]

    # --- the answer

    def feed(self, chunk: dict[str, Any]) -> Iterator[StreamEvent]:
        for name, event in chunk.items():
            match name:
                case "contentBlockStart":
                    yield from self._begin(event["contentBlockIndex"], event.get("start") or {})
                case "contentBlockDelta":
                    yield from self._more(event["contentBlockIndex"], event.get("delta") or {})
                case "contentBlockStop":
                    yield from self._close(event["contentBlockIndex"])
                case "messageStop":
                    self._stop = event.get("stopReason") or ""
                case "metadata":
                    self._usage = event.get("usage") or {}
                case _:
                    pass  # messageStart says only whose turn it is

    def _begin(self, index: int, start: dict[str, Any]) -> Iterator[StreamEvent]:
        block = self._blocks.setdefault(index, {})
        if "toolUse" in start:
            use = {**start["toolUse"], "toolUseId": self._ids.unique(start["toolUse"].get("toolUseId"))}
            block["toolUse"] = {**use, "input": ""}
            yield ToolCallStart(use["toolUseId"], use.get("name", ""))

    def _more(self, index: int, delta: dict[str, Any]) -> Iterator[StreamEvent]:
        block = self._blocks.setdefault(index, {})  # text blocks begin without a start
        if text := delta.get("text"):
            block["text"] = block.get("text", "") + text
            yield TextDelta(text)
        if "toolUse" in delta and (more := delta["toolUse"].get("input")):
            block["toolUse"]["input"] += more
            yield ToolCallDelta(block["toolUse"]["toolUseId"], more)
        if thought := delta.get("reasoningContent"):
            yield from self._think(block.setdefault("reasoningContent", {}), thought)
        if citation := delta.get("citation"):
            block.setdefault("citations", []).append(jsonable(citation))

    def _think(self, content: dict[str, Any], thought: dict[str, Any]) -> Iterator[StreamEvent]:
        if "redactedContent" in thought:
            old = base64.b64decode(content.get("redactedContent", {}).get(_BYTES, ""))
            content["redactedContent"] = jsonable(old + thought["redactedContent"])
            return
        shown = content.setdefault("reasoningText", {"text": ""})
        if text := thought.get("text"):
            shown["text"] += text
            yield ReasoningDelta(text)
        if signature := thought.get("signature"):
            shown["signature"] = shown.get("signature", "") + signature

    def _close(self, index: int) -> Iterator[StreamEvent]:
        block = self._blocks.get(index, {})
        written = ""
        if "toolUse" in block:
            written = block["toolUse"]["input"]
            block["toolUse"]["input"] = jsonable(arguments_object(written))
        if "citations" in block:
            content = [{"text": block.pop("text", "")}]
            self._blocks[index] = block = {
                "citationsContent": {"content": content, "citations": block["citations"]}
            }
        if block:
            self._parts[index] = part = _part(block, written)
            if isinstance(part, ToolCall):
                yield ToolCallDone(part)

    def finish(self) -> ModelResponse:
        if not self._stop:
            raise Broken("the stream ended before the answer was complete")
        return self._response()

    def whole(self, answer: dict[str, Any]) -> ModelResponse:
        content = (answer.get("output") or {}).get("message", {}).get("content")
        for index, block in enumerate(each(jsonable(content))):
            if "toolUse" in block:
                block["toolUse"]["toolUseId"] = self._ids.unique(block["toolUse"].get("toolUseId"))
            self._parts[index] = _part(block, "")
        self._stop = answer.get("stopReason") or ""
        if not self._stop:
            raise Broken("the answer says not why it ended, so it is not whole")
        self._usage = answer.get("usage") or {}
        return self._response()

    def _response(self) -> ModelResponse:
        if self._stop.startswith(
            "malformed"
        ):  # what the model wrote was no call, and is lost: it may do better
            raise Broken("the model wrote a call or an answer that Bedrock could not read")
        parts = tuple(self._parts[index] for index in sorted(self._parts))
        return ModelResponse(
            message=Message(role="assistant", parts=parts, api=API),
            stop_reason=_STOPS.get(self._stop, StopReason.END),
            usage=_usage(self._usage),
            model=self._request.model,
            stop_detail=self._stop,
        )


# --- to the provider ------------------------------------------------------------------------------------------------


def _messages(messages: Iterable[Message]) -> list[dict[str, Any]]:
    merged: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if message.role == "assistant" else "user"
        content = _content(message)
        if merged and merged[-1]["role"] == role:
            merged[-1]["content"].extend(content)
        elif content:
            merged.append({"role": role, "content": content})
    return merged


def _content(message: Message) -> list[dict[str, Any]]:
    """The blocks of a message. Thinking that was cut off, so that nothing came of it, is rejected and left out."""
    blocks = [block for part in message.parts if (block := _block(part, message.api)) is not None]
    while blocks and "reasoningContent" in blocks[-1]:
        blocks.pop()
    return blocks


def _block(part: Part, api: str) -> dict[str, Any] | None:
    raw = getattr(part, "raw", None) if api == API else None
    match part:
        case Text(text=text) if not text.strip():  # the API rejects it, its own too
            return None
        case Text() | ToolCall() | Reasoning() | Opaque() if raw is not None:
            block: dict[str, Any] = with_bytes(raw)
            return block
        case Text():
            return {"text": part.text}
        case Image():
            return _image(part)
        case ToolCall():
            use = {"toolUseId": part.call_id, "name": part.name, "input": arguments_object(part.arguments)}
            return {"toolUse": use}
        case ToolResult():
            result = {"toolUseId": part.call_id, "content": [{"text": part.content or " "}]}
            return {"toolResult": {**result, "status": "error" if part.is_error else "success"}}
        case _:
            return None


def _image(image: Image) -> dict[str, Any]:
    if not image.data:
        raise BadRequest(
            "Bedrock takes no images by url: give data= (base64) and media_type=", provider="bedrock"
        )
    kind = image.media_type.rsplit("/", 1)[-1].replace("jpg", "jpeg")
    return {"image": {"format": kind, "source": {"bytes": base64.b64decode(image.data)}}}


def _tool(name: str, description: str, parameters: Any) -> dict[str, Any]:
    # Converse rejects an empty description.
    told = {"description": description} if description else {}
    return {"name": name, **told, "inputSchema": {"json": parameters}}


def _choice(choice: ToolChoice, model: str) -> dict[str, Any]:
    """Left out for `auto`, which is the rule: some models reject any choice, even that."""
    if choice == "auto" or not chooses(model):
        return {}
    return {"toolChoice": {"tool": {"name": choice.name}} if isinstance(choice, ToolNamed) else {"any": {}}}


# --- from the provider ----------------------------------------------------------------------------------------------


def _part(block: dict[str, Any], written: str) -> Part:
    if "text" in block:
        return Text(text=block["text"], raw=block)
    if "toolUse" in block and block["toolUse"].get("type") != "server_tool_use":
        use = block["toolUse"]
        given = with_bytes(use.get("input") or {})
        arguments = written if written.strip() else json.dumps(given, ensure_ascii=False)
        return ToolCall(
            call_id=use["toolUseId"],
            name=use.get("name", ""),
            arguments=arguments,
            id=use["toolUseId"],
            raw=block,
        )
    if "reasoningContent" in block:
        shown = block["reasoningContent"].get("reasoningText") or {}
        return Reasoning(text=shown.get("text") or "", raw=block)
    if "citationsContent" in block:
        texts = [content.get("text", "") for content in each(block["citationsContent"].get("content"))]
        return Text(text="".join(texts), raw=block)
    return Opaque(raw=block)


def _usage(usage: dict[str, Any]) -> Usage:
    read = usage.get("cacheReadInputTokens") or 0
    written = usage.get("cacheWriteInputTokens") or 0
    fresh = usage.get("inputTokens") or 0
    return Usage.of(fresh + read + written, usage.get("outputTokens") or 0, read=read, written=written)


# --- bytes in JSON --------------------------------------------------------------------------------------------------


def jsonable(value: Any) -> Any:
    """`value` with bytes as `{"$bytes": base64}`; what a model calls `$bytes` itself gets one `$` more."""
    match value:
        case bytes():
            return {_BYTES: base64.b64encode(value).decode("ascii")}
        case dict():
            return {
                f"${name}" if _LIKE_BYTES.fullmatch(name) else name: jsonable(part)
                for name, part in value.items()
            }
        case list() | tuple():
            return [jsonable(part) for part in value]
        case _:
            return value


def with_bytes(value: Any) -> Any:
    """The inverse of `jsonable`."""
    match value:
        case {"$bytes": str(encoded)} if len(value) == 1:
            return base64.b64decode(encoded)
        case dict():
            return {
                name[1:] if _LIKE_BYTES.fullmatch(name) else name: with_bytes(part)
                for name, part in value.items()
            }
        case list():
            return [with_bytes(part) for part in value]
        case _:
            return value
