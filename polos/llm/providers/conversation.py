"""What several adapters do to a conversation before they translate it."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import replace

from polos.llm.request import ModelRequest
from polos.llm.types import JsonObject, Message, Part, Text, ToolCall, ToolResult

INVALID: str = "INVALID_JSON"
"""The key under which arguments that were no JSON object go back to a provider that takes only objects."""


def with_schema_in_prompt(request: ModelRequest) -> ModelRequest:
    """The same request with its output schema told in words, for a model that cannot be bound to it."""
    if request.output is None:
        return request
    rule = (
        "Answer with one JSON value that matches the JSON schema below, and with nothing else: "
        "no explanation, no Markdown fence.\n" + json.dumps(request.output.schema, ensure_ascii=False)
    )
    return replace(request, system=f"{request.system}\n\n{rule}".strip(), output=None)


def hoist_system(request: ModelRequest) -> ModelRequest:
    """The same request with system messages of the conversation moved to `system`, in order."""
    texts = [request.system, *(m.text for m in request.messages if m.role == "system")]
    rest = tuple(message for message in request.messages if message.role != "system")
    return replace(request, system="\n\n".join(filter(None, texts)), messages=rest)


def without_tools(messages: Iterable[Message]) -> tuple[Message, ...]:
    """The conversation with calls and results told as text, for a request that may not have tools."""
    return tuple(_told(message) for message in messages)


def _told(message: Message) -> Message:
    if not any(isinstance(part, ToolCall | ToolResult) for part in message.parts):
        return message
    parts: list[Part] = []
    for part in message.parts:
        match part:
            case ToolCall():
                parts.append(Text(text=f"[called {part.name} with {part.arguments}]"))
            case ToolResult():
                parts.append(Text(text=f"[result: {part.content}]"))
            case _:
                parts.append(part)
    role = "user" if message.role == "tool" else message.role
    return message.model_copy(update={"role": role, "parts": tuple(parts)})


def arguments_object(arguments: str) -> JsonObject:
    """Arguments as the object that some providers want back; what is none goes back under `INVALID`."""
    try:
        value = json.loads(arguments if arguments.strip() else "{}")
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {INVALID: arguments}


def _fresh_id() -> str:
    return f"call_{uuid.uuid4().hex}"


class CallIds:
    """Ids of tool calls that are unique in the conversation: some providers omit them, some begin anew each turn."""

    def __init__(self, messages: Iterable[Message], *, fresh: Callable[[], str] = _fresh_id) -> None:
        self._used = {call.call_id for message in messages for call in message.tool_calls}
        self._fresh = fresh

    def unique(self, call_id: str | None) -> str:
        """`call_id` if it is given and new, else one of our own. Each call takes the id."""
        chosen = call_id or self._fresh()
        while chosen in self._used:
            chosen = self._fresh()
        self._used.add(chosen)
        return chosen
