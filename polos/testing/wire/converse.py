"""Bedrock's Converse and ConverseStream, server's side, with the binary framing of AWS event streams.

A frame: total length, length of the headers, checksum of these two, headers, payload, checksum of all. Numbers are
big-endian, checksums CRC-32.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from itertools import pairwise
from struct import pack
from typing import Any, Final
from urllib.parse import unquote

from polos.llm.types import StopReason
from polos.testing.turns import Failure
from polos.testing.wire.format import Chunk, Json, Said

_STOPS: Final = {
    StopReason.END: "end_turn",
    StopReason.TOOL_CALLS: "tool_use",
    StopReason.MAX_TOKENS: "max_tokens",
    StopReason.STOP_SEQUENCE: "stop_sequence",
    StopReason.REFUSED: "guardrail_intervened",
    StopReason.CONTEXT_FULL: "model_context_window_exceeded",
}
ERRORS: Final = {
    400: "ValidationException",
    401: "UnrecognizedClientException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    500: "InternalServerException",
    503: "ServiceUnavailableException",
}


def frame(kind: str, payload: Json, *, exception: bool = False) -> bytes:
    """One message of an event stream: an event of that type, or an exception."""
    names = {
        ":message-type": "exception" if exception else "event",
        ":exception-type" if exception else ":event-type": kind,
        ":content-type": "application/json",
    }
    headers = b"".join(
        pack("!B", len(name)) + name.encode() + pack("!BH", 7, len(value)) + value.encode()
        for name, value in names.items()
    )
    body = json.dumps(payload).encode()
    prelude = pack("!II", 12 + len(headers) + len(body) + 4, len(headers))
    message = prelude + pack("!I", zlib.crc32(prelude)) + headers + body
    return message + pack("!I", zlib.crc32(message))


class ConverseFormat:
    """`POST /model/<id>/converse` and `/model/<id>/converse-stream`."""

    name = "converse"
    content_type = "application/vnd.amazon.eventstream"

    def model(self, path: str, body: Json) -> str:
        return unquote(path.split("/model/", 1)[-1].rsplit("/", 1)[0])

    def streams(self, path: str, body: Json) -> bool:
        return path.endswith("-stream")

    def conversation(self, body: Json) -> Iterator[tuple[str, list[str], list[str]]]:
        for message in body.get("messages", ()):
            called = [b["toolUse"]["toolUseId"] for b in message["content"] if "toolUse" in b]
            answered = [b["toolResult"]["toolUseId"] for b in message["content"] if "toolResult" in b]
            yield message["role"], called, answered

    def problem(self, body: Json) -> str:
        messages = body.get("messages") or []
        if not messages or messages[0]["role"] != "user":
            return "A conversation must start with a user message."
        roles = [message["role"] for message in messages]
        if any(first == second for first, second in pairwise(roles)):
            return "A conversation must alternate between user and assistant roles."
        blocks = [block for message in messages for block in message["content"]]
        if any(not block["text"].strip() for block in blocks if "text" in block):
            return "The text field in the ContentBlock object is blank."
        if "toolConfig" not in body and any({"toolUse", "toolResult"} & block.keys() for block in blocks):
            return "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        return ""

    def answer(self, said: Said) -> Json:
        content = [block for block, _, _ in _blocks(said)]
        return {
            "output": {"message": {"role": "assistant", "content": content}},
            "stopReason": _STOPS[said.turn.stop_reason],
            "usage": _usage(said),
            "metrics": {"latencyMs": 1},
        }

    def chunks(self, said: Said) -> Iterator[Chunk]:
        yield Chunk(frame("messageStart", {"role": "assistant"}))
        for index, (_, start, deltas) in enumerate(_blocks(said)):
            if start:
                yield Chunk(frame("contentBlockStart", {"contentBlockIndex": index, "start": start}))
            for delta in deltas:
                yield Chunk(
                    frame("contentBlockDelta", {"contentBlockIndex": index, "delta": delta}), delta=True
                )
            yield Chunk(frame("contentBlockStop", {"contentBlockIndex": index}))
        yield Chunk(frame("messageStop", {"stopReason": _STOPS[said.turn.stop_reason]}))
        yield Chunk(frame("metadata", {"usage": _usage(said), "metrics": {"latencyMs": 1}}))

    def error(self, failure: Failure) -> Json:
        return {"message": failure.message or f"scripted failure {failure.status}"}

    def error_chunk(self, failure: Failure) -> bytes:
        kind = failure.code or ERRORS.get(failure.status, "InternalServerException")
        return frame(kind[0].lower() + kind[1:], self.error(failure), exception=True)


def _usage(said: Said) -> Json:
    usage = said.turn.tokens(said.asked)
    cached = usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    return {
        "inputTokens": usage.input_tokens - cached,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "cacheReadInputTokens": usage.cache_read_input_tokens,
        "cacheWriteInputTokens": usage.cache_creation_input_tokens,
    }


def _blocks(said: Said) -> Iterator[tuple[Json, Json, list[Json]]]:
    """Each block in one piece, its start if it has one, and its deltas."""
    turn = said.turn
    if turn.reasoning:
        yield from _reasoning(said)
    if text := turn.text or turn.refusal:
        yield {"text": text}, {}, [{"text": piece} for piece in turn.pieces(text)]
    for i, call in enumerate(turn.calls):
        use: dict[str, Any] = {"toolUseId": said.call_id(i, "tooluse_"), "name": call.name}
        written = "" if call.arguments.strip() == "{}" else call.arguments
        deltas = [{"toolUse": {"input": piece}} for piece in turn.pieces(written)]
        yield {"toolUse": {**use, "input": _object(call.arguments)}}, {"toolUse": use}, deltas


def _reasoning(said: Said) -> Iterator[tuple[Json, Json, list[Json]]]:
    """Thinking with its signature, and a redacted block, which is bytes."""
    text, signature = said.turn.reasoning, f"sig-{said.number}"
    deltas: list[Json] = [{"reasoningContent": {"text": piece}} for piece in said.turn.pieces(text)]
    deltas.append({"reasoningContent": {"signature": signature}})
    whole = {"reasoningContent": {"reasoningText": {"text": text, "signature": signature}}}
    yield whole, {}, deltas
    sealed = {"reasoningContent": {"redactedContent": base64.b64encode(b"\x00sealed\xff").decode()}}
    yield sealed, {}, [sealed]


def _object(arguments: str) -> Any:
    try:
        return json.loads(arguments or "{}")
    except ValueError:
        return {}
