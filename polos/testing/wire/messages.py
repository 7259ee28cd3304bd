"""Anthropic's Messages API, server's side."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from polos.llm.types import StopReason
from polos.testing.turns import Failure
from polos.testing.wire.format import Chunk, Json, Said, sse

_STOPS: Final = {
    StopReason.END: "end_turn",
    StopReason.TOOL_CALLS: "tool_use",
    StopReason.MAX_TOKENS: "max_tokens",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.REFUSED: "refusal",
    StopReason.PAUSED: "pause_turn",
    StopReason.CONTEXT_FULL: "model_context_window_exceeded",
}
_TYPES: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class MessagesFormat:
    """`POST /v1/messages`."""

    name = "messages"
    content_type = "text/event-stream"

    def model(self, path: str, body: Json) -> str:
        return str(body.get("model", ""))

    def streams(self, path: str, body: Json) -> bool:
        return bool(body.get("stream"))

    def conversation(self, body: Json) -> Iterator[tuple[str, list[str], list[str]]]:
        for message in body.get("messages", ()):
            blocks = message["content"] if isinstance(message["content"], list) else []
            called = [block["id"] for block in blocks if block["type"] == "tool_use"]
            answered = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
            yield message["role"], called, answered

    def problem(self, body: Json) -> str:
        if not isinstance(body.get("max_tokens"), int):
            return "max_tokens: Field required"
        messages = body.get("messages") or []
        if not messages or messages[0]["role"] != "user":
            return "messages: first message must use the user role"
        for at, message in enumerate(messages):
            for i, block in enumerate(message["content"] if isinstance(message["content"], list) else ()):
                if found := _block_problem(block):
                    return f"messages.{at}.content.{i}: {found}"
        marks = json.dumps(body).count('"cache_control"')
        return "A maximum of 4 blocks with cache_control may be provided." if marks > 4 else ""

    def answer(self, said: Said) -> Json:
        content = [{**empty, **done} for empty, done, _ in _blocks(said)]
        return {**_message(said), "content": content, "stop_reason": _stop(said), "usage": _usage(said)}

    def chunks(self, said: Said) -> Iterator[Chunk]:
        def event(kind: str, **fields: Any) -> Chunk:
            return Chunk(sse({"type": kind, **fields}, kind), kind == "content_block_delta")

        start = {**_message(said), "usage": {**_usage(said), "output_tokens": 1}}
        yield event("message_start", message=start)
        yield event("ping")
        for index, (empty, _, deltas) in enumerate(_blocks(said)):
            yield event("content_block_start", index=index, content_block=empty)
            for delta in deltas:
                yield event("content_block_delta", index=index, delta=delta)
            yield event("content_block_stop", index=index)
        told = {"output_tokens": said.turn.tokens(said.asked).output_tokens}
        yield event("message_delta", delta={"stop_reason": _stop(said), "stop_sequence": None}, usage=told)
        yield event("message_stop")

    def error(self, failure: Failure) -> Json:
        kind = failure.code or _TYPES.get(failure.status, "api_error")
        message = failure.message or f"scripted failure {failure.status}"
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_scripted"}

    def error_chunk(self, failure: Failure) -> bytes:
        return sse(self.error(failure), "error")


def _block_problem(block: Json) -> str:
    if block["type"] == "text" and not block["text"].strip():
        return "text content blocks must be non-empty"
    if block["type"] == "tool_use" and not isinstance(block.get("input"), dict):
        return "tool_use.input: Input should be a valid dictionary"
    if block["type"] == "thinking" and not str(block.get("signature", "")).startswith("sig-"):
        return "Invalid `signature` in `thinking` block"
    return ""


def _message(said: Said) -> Json:
    return {
        "id": f"msg_{said.number}",
        "type": "message",
        "role": "assistant",
        "model": said.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop(said: Said) -> str:
    return _STOPS[said.turn.stop_reason]


def _usage(said: Said) -> Json:
    usage = said.turn.tokens(said.asked)
    cached = usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    return {
        "input_tokens": usage.input_tokens - cached,
        "output_tokens": usage.output_tokens,
        "cache_read_input_tokens": usage.cache_read_input_tokens,
        "cache_creation_input_tokens": usage.cache_creation_input_tokens,
    }


def _blocks(said: Said) -> Iterator[tuple[Json, Json, list[Json]]]:
    """Each block as it begins, what it holds in the end, and its deltas."""
    turn = said.turn
    if turn.reasoning:
        signature = f"sig-{said.number}"
        deltas: list[Json] = [
            {"type": "thinking_delta", "thinking": piece} for piece in turn.pieces(turn.reasoning)
        ]
        deltas.append({"type": "signature_delta", "signature": signature})
        empty: Json = {"type": "thinking", "thinking": "", "signature": ""}
        yield empty, {"thinking": turn.reasoning, "signature": signature}, deltas
    if text := turn.text or turn.refusal:
        deltas = [{"type": "text_delta", "text": piece} for piece in turn.pieces(text)]
        yield {"type": "text", "text": ""}, {"text": text}, deltas
    for i, call in enumerate(turn.calls):
        empty = {"type": "tool_use", "id": said.call_id(i, "toolu_"), "name": call.name, "input": {}}
        # The API streams nothing for a call without arguments.
        written = "" if call.arguments.strip() == "{}" else call.arguments
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in turn.pieces(written)]
        yield empty, {"input": _object(call.arguments)}, deltas


def _object(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return {}
