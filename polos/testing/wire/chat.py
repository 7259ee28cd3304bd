"""OpenAI's Chat Completions, as it and its compatible servers speak it, server's side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from polos.llm.types import StopReason
from polos.testing.turns import Failure
from polos.testing.wire.format import Chunk, Json, Said, sse, strict_problem

_FINISH: Final = {
    StopReason.END: "stop",
    StopReason.STOP_SEQUENCE: "stop",
    StopReason.TOOL_CALLS: "tool_calls",
    StopReason.MAX_TOKENS: "length",
    StopReason.REFUSED: "stop",
}


class ChatFormat:
    """`POST /v1/chat/completions`."""

    name = "chat"
    content_type = "text/event-stream"

    def model(self, path: str, body: Json) -> str:
        return str(body.get("model", ""))

    def streams(self, path: str, body: Json) -> bool:
        return bool(body.get("stream"))

    def conversation(self, body: Json) -> Iterator[tuple[str, list[str], list[str]]]:
        for message in body.get("messages", ()):
            called = [call["id"] for call in message.get("tool_calls") or ()]
            answered = [message["tool_call_id"]] if message["role"] == "tool" else []
            yield message["role"], called, answered

    def problem(self, body: Json) -> str:
        for tool in body.get("tools", ()):
            function = tool["function"]
            if function.get("strict") and (found := strict_problem(function["parameters"], function["name"])):
                return found
        form = (body.get("response_format") or {}).get("json_schema") or {}
        if form.get("strict") and (found := strict_problem(form.get("schema"))):
            return found
        for message in body.get("messages", ()):
            for call in message.get("tool_calls") or ():
                if not call["function"]["arguments"].strip():
                    return "Invalid value for 'tool_calls.function.arguments': expected JSON, got an empty string."
        return ""

    def answer(self, said: Said) -> Json:
        turn = said.turn
        message: Json = {"role": "assistant", "content": turn.text or None, "refusal": turn.refusal or None}
        if turn.reasoning:
            message["reasoning_content"] = turn.reasoning
        if turn.calls:
            message["tool_calls"] = [_call(said, i, call.arguments) for i, call in enumerate(turn.calls)]
        choice = {"index": 0, "message": message, "finish_reason": _finish(said), "logprobs": None}
        return {**_base(said, "chat.completion"), "choices": [choice], "usage": _usage(said)}

    def chunks(self, said: Said) -> Iterator[Chunk]:
        turn = said.turn

        def chunk(delta: Json, finish: str | None = None, counted: bool = True) -> Chunk:
            choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
            return Chunk(sse({**_base(said, "chat.completion.chunk"), "choices": [choice]}), counted)

        yield chunk({"role": "assistant", "content": ""}, counted=False)
        for name, text in (
            ("reasoning_content", turn.reasoning),
            ("content", turn.text),
            ("refusal", turn.refusal),
        ):
            for piece in turn.pieces(text):
                yield chunk({name: piece})
        for i, call in enumerate(turn.calls):
            yield chunk({"tool_calls": [{"index": i, **_call(said, i, "")}]})
            for piece in turn.pieces(call.arguments):
                yield chunk({"tool_calls": [{"index": i, "function": {"arguments": piece}}]})
        yield chunk({}, _finish(said), counted=False)
        usage = {**_base(said, "chat.completion.chunk"), "choices": [], "usage": _usage(said)}
        yield Chunk(sse(usage))
        yield Chunk(sse("[DONE]"))

    def error(self, failure: Failure) -> Json:
        code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
        return {
            "error": {
                "message": failure.message or f"scripted failure {failure.status}",
                "type": "invalid_request_error" if failure.status < 500 else "server_error",
                "param": None,
                "code": failure.code or code.get(failure.status),
            },
        }

    def error_chunk(self, failure: Failure) -> bytes:
        return sse(self.error(failure))


def _base(said: Said, kind: str) -> Json:
    return {"id": f"chatcmpl-{said.number}", "object": kind, "created": 1700000000, "model": said.model}


def _finish(said: Said) -> str:
    return _FINISH.get(said.turn.stop_reason, "stop")


def _call(said: Said, index: int, arguments: str) -> dict[str, Any]:
    call: Json = {
        "id": said.call_id(index, "call_"),
        "type": "function",
        "function": {"name": said.calls[index].name, "arguments": arguments},
        # as Gemini adds to its calls, and wants back
        "extra_content": {"google": {"thought_signature": f"sig-{said.number}-{index}"}},
    }
    if not call["id"]:
        del call["id"]
    return call


def _usage(said: Said) -> Json:
    usage = said.turn.tokens(said.asked)
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_input_tokens},
    }
