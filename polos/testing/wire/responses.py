"""OpenAI's Responses API, server's side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from polos.llm.types import StopReason
from polos.testing.turns import Failure
from polos.testing.wire.format import Chunk, Json, Said, sse, strict_problem

_INCOMPLETE: Final = {StopReason.MAX_TOKENS: "max_output_tokens"}


class ResponsesFormat:
    """`POST /v1/responses`."""

    name = "responses"
    content_type = "text/event-stream"

    def model(self, path: str, body: Json) -> str:
        return str(body.get("model", ""))

    def streams(self, path: str, body: Json) -> bool:
        return bool(body.get("stream"))

    def conversation(self, body: Json) -> Iterator[tuple[str, list[str], list[str]]]:
        """Items that follow each other as one turn are one message."""
        role, called, answered = "", list[str](), list[str]()
        for item in body.get("input", ()):
            kind = item.get("type", "message")
            now = {
                "function_call": "assistant",
                "reasoning": "assistant",
                "function_call_output": "tool",
            }.get(kind, item.get("role", "assistant"))
            if now != role:
                if role:
                    yield role, called, answered
                role, called, answered = now, [], []
            if kind == "function_call":
                called.append(item["call_id"])
            if kind == "function_call_output":
                answered.append(item["call_id"])
        if role:
            yield role, called, answered

    def problem(self, body: Json) -> str:
        for tool in body.get("tools", ()):
            if tool.get("strict") and (found := strict_problem(tool.get("parameters"), tool["name"])):
                return found
        form = (body.get("text") or {}).get("format") or {}
        if form.get("strict") and (found := strict_problem(form.get("schema"))):
            return found
        if not body.get("store", True):
            for item in body.get("input", ()):
                if item.get("type") == "reasoning" and not item.get("encrypted_content"):
                    return f"Item with id '{item.get('id')}' not found. Items are not persisted when `store` is false."
        return ""

    def answer(self, said: Said) -> Json:
        items = [done for _, done, _ in _items(said)]
        return _response(said, items, "incomplete" if said.turn.stop_reason in _INCOMPLETE else "completed")

    def chunks(self, said: Said) -> Iterator[Chunk]:
        count = iter(range(10**9))

        def event(kind: str, **fields: Any) -> Chunk:
            data = {"type": kind, "sequence_number": next(count), **fields}
            return Chunk(sse(data, kind), delta=kind.endswith(".delta"))

        yield event("response.created", response=_response(said, [], "in_progress"))
        yield event("response.in_progress", response=_response(said, [], "in_progress"))
        for index, (added, done, deltas) in enumerate(_items(said)):
            yield event("response.output_item.added", output_index=index, item=added)
            for kind, fields in deltas:
                yield event(kind, output_index=index, item_id=done["id"], **fields)
            yield event("response.output_item.done", output_index=index, item=done)
        final = self.answer(said)
        yield event(f"response.{final['status']}", response=final)

    def error(self, failure: Failure) -> Json:
        kind = {401: "invalid_request_error", 429: "requests", 400: "invalid_request_error"}
        code = {401: "invalid_api_key", 429: "rate_limit_exceeded"}
        return {
            "error": {
                "message": failure.message or f"scripted failure {failure.status}",
                "type": kind.get(failure.status, "server_error"),
                "param": None,
                "code": failure.code or code.get(failure.status),
            },
        }

    def error_chunk(self, failure: Failure) -> bytes:
        event = {
            "type": "error",
            "code": failure.code or "server_error",
            "message": failure.message or "scripted failure",
            "param": None,
            "sequence_number": 99,
        }
        return sse(event, "error")


def _response(said: Said, items: list[Json], status: str) -> Json:
    usage = said.turn.tokens(said.asked)
    incomplete = {"reason": _INCOMPLETE[said.turn.stop_reason]} if status == "incomplete" else None
    told = {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_input_tokens,
            "cache_write_tokens": usage.cache_creation_input_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": len(said.turn.reasoning) // 4},
        "total_tokens": usage.total_tokens,
    }
    return {
        "id": f"resp_{said.number}",
        "object": "response",
        "created_at": 1700000000,
        "status": status,
        "error": None,
        "incomplete_details": incomplete,
        "model": said.model,
        "output": items,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "usage": None if status == "in_progress" else told,
    }


_Item = tuple[Json, Json, list[tuple[str, Json]]]


def _items(said: Said) -> Iterator[_Item]:
    """Each output item as it is added, as it is done, and what streams in between."""
    turn = said.turn
    if turn.reasoning:
        yield _reasoning(said)
    if turn.text or turn.refusal:
        yield _message(said)
    for i, call in enumerate(turn.calls):
        base = {"id": f"fc_{said.number}_{i}", "type": "function_call", "call_id": said.call_id(i, "call_")}
        added = {**base, "name": call.name, "arguments": "", "status": "in_progress"}
        done = {**base, "name": call.name, "arguments": call.arguments, "status": "completed"}
        kind = "response.function_call_arguments."
        deltas: list[tuple[str, Json]] = [(kind + "delta", {"delta": p}) for p in turn.pieces(call.arguments)]
        yield added, done, [*deltas, (kind + "done", {"arguments": call.arguments, "name": call.name})]


def _reasoning(said: Said) -> _Item:
    base = {"id": f"rs_{said.number}", "type": "reasoning"}
    done = {
        **base,
        "summary": [{"type": "summary_text", "text": said.turn.reasoning}],
        "encrypted_content": f"gAAAA-{said.number}-sealed==",
    }
    kind = "response.reasoning_summary_text.delta"
    pieces: list[tuple[str, Json]] = [
        (kind, {"summary_index": 0, "delta": piece}) for piece in said.turn.pieces(said.turn.reasoning)
    ]
    return {**base, "summary": [], "encrypted_content": ""}, done, pieces


def _message(said: Said) -> _Item:
    turn = said.turn
    base = {"id": f"msg_{said.number}", "type": "message", "role": "assistant", "phase": "final_answer"}
    if turn.refusal:
        part: Json = {"type": "refusal", "refusal": turn.refusal}
        kind, text = "response.refusal.", turn.refusal
    else:
        part = {"type": "output_text", "text": turn.text, "annotations": [], "logprobs": []}
        kind, text = "response.output_text.", turn.text
    deltas: list[tuple[str, Json]] = [
        (kind + "delta", {"content_index": 0, "delta": piece, "logprobs": []}) for piece in turn.pieces(text)
    ]
    return (
        {**base, "status": "in_progress", "content": []},
        {**base, "status": "completed", "content": [part]},
        deltas,
    )
