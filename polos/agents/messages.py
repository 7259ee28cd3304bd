"""From what people write as messages to what models are asked: strings, and dicts in the shapes of the providers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from polos.llm.types import Image, Message, Part, Text, ToolCall, ToolResult, user

_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}

Input = str | Sequence[Message | Mapping[str, Any]]
"""What an agent is asked: a text, or a conversation whose last message is to be answered."""


def to_messages(given: Input) -> list[Message]:
    """The messages of an input.

    Raises:
        ValueError: It holds something that is no message; says what one looks like.
    """
    if isinstance(given, str):
        return [user(given)]
    if isinstance(given, Mapping) or not isinstance(given, Sequence):
        raise ValueError(  # noqa: TRY004 (pydantic reports ValueErrors as what they are: a field that does not fit)
            f'the input is a text, or a list of messages like {{"role": "user", "content": "Hi"}}, '
            f"not {type(given).__name__}"
        )
    messages = [_message(one, f"input[{i}]") for i, one in enumerate(given)]
    if not messages:
        raise ValueError("the input is an empty list; give at least one message")
    return messages


def _message(given: Any, where: str) -> Message:
    if isinstance(given, Message):
        return given
    if not isinstance(given, Mapping) or given.get("role") not in _ROLES:
        roles = ", ".join(_ROLES)
        raise ValueError(f"{where}: a message is a dict with a role ({roles}) and content, not {given!r:.80}")
    try:
        if "parts" in given:
            return Message.model_validate(given)
        return Message.model_validate({"role": _ROLES[given["role"]], "parts": _parts(given, where)})
    except ValidationError as error:
        raise ValueError(f"{where}: {error.errors()[0]['msg']}") from error


def _parts(given: Mapping[str, Any], where: str) -> tuple[Part, ...]:
    content = given.get("content")
    if given["role"] == "tool":
        call_id = given.get("tool_call_id") or given.get("call_id")
        if not call_id:
            raise ValueError(f"{where}: a tool message needs the tool_call_id of the call that it answers")
        text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        return (ToolResult(call_id=str(call_id), content=text),)
    items = [content] if isinstance(content, str | Mapping) else list(content or ())
    parts: list[Part] = [_part(item, where) for item in items if item != ""]
    parts += [_call(call, where) for call in given.get("tool_calls") or ()]
    if not parts:
        raise ValueError(f"{where}: the message is empty; give it content")
    return tuple(parts)


def _part(item: Any, where: str) -> Part:
    match item:
        case str():
            return Text(text=item)
        case {"type": "text" | "input_text" | "output_text", "text": str(text)}:
            return Text(text=text)
        case {"type": "image_url" | "input_image", "image_url": {"url": str(url)}}:
            return _image(url)
        case {"type": "image_url" | "input_image", "image_url": str(url)}:
            return _image(url)
        case {"type": "image", "source": {"type": "base64", "media_type": str(kind), "data": str(data)}}:
            return Image(data=data, media_type=kind)
        case {"type": "image", "source": {"type": "url", "url": str(url)}} | {
            "type": "image",
            "url": str(url),
        }:
            return _image(url)
        case {"type": "image", "data": str(data), "media_type": str(kind)}:
            return Image(data=data, media_type=kind)
        case _:
            raise ValueError(
                f'{where}: content is text, or parts like {{"type": "text", "text": ...}} and '
                f'{{"type": "image", "url": ...}}, not {item!r:.80}'
            )


def _image(url: str) -> Image:
    """A `data:` url as the data it holds: not every provider takes one."""
    head, comma, data = url.partition(",")
    if head.startswith("data:") and head.endswith(";base64") and comma:
        return Image(data=data, media_type=head.removeprefix("data:").removesuffix(";base64"))
    return Image(url=url)


def _call(call: Any, where: str) -> ToolCall:
    match call:
        case {"id": str(call_id), "function": {"name": str(name), "arguments": arguments}}:
            text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
            return ToolCall(call_id=call_id, name=name, arguments=text)
        case _:
            raise ValueError(
                f'{where}: a tool call is {{"id": ..., "function": {{"name": ..., "arguments": ...}}}}, '
                f"not {call!r:.80}"
            )


# --- calls as users see them --------------------------------------------------------------------------------------


def shown_call(call: ToolCall) -> dict[str, Any]:
    """A call as hooks, guardrails and events show it: in OpenAI's shape."""
    return {
        "id": call.id or call.call_id,
        "call_id": call.call_id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def read_call(shown: Mapping[str, Any], fresh: str) -> ToolCall:
    """A call that a guardrail wrote; one without an id gets `fresh`.

    Raises:
        ValueError: It has no name.
    """
    function = shown.get("function")
    source = function if isinstance(function, Mapping) else shown
    name, arguments = source.get("name"), source.get("arguments", "{}")
    if not isinstance(name, str) or not name:
        raise ValueError(
            f'a tool call is {{"id": ..., "function": {{"name": ..., "arguments": ...}}}}, not {dict(shown)!r:.80}'
        )
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    call_id = str(shown.get("call_id") or shown.get("id") or fresh)
    return ToolCall(call_id=call_id, name=name, arguments=text, id=str(shown.get("id") or call_id))
