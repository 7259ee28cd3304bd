"""The neutral shapes of a conversation with a model: what every provider is translated to and from.

A `Message` is a role and a list of parts. What a provider wrote is kept beside what it means: `raw` on a part is the
provider's own item, byte for byte as JSON, and `Message.api` names the wire format it is written in. Sent back to the
same API, the raw item goes unchanged (encrypted reasoning, thinking signatures and ids must come back as they were);
sent to another, the part is rebuilt from its meaning and what has none there is left out.

Messages, responses and usage are stored; `polos.llm.stored` gives them their versioned form.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

JsonObject = dict[str, JsonValue]
"""A JSON object, as `json.loads` gives it."""


class _Stored(BaseModel):
    """Frozen, strict about names, and short when stored: fields at their default are left out, except `type`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        return {
            name: value
            for name, value in handler(self).items()
            if name == "type" or fields[name].is_required() or getattr(self, name) != fields[name].default
        }


# --- parts --------------------------------------------------------------------------------------------------------


class Text(_Stored):
    """Words of the user or of the model. A refusal in words is text too; the stop reason tells it apart."""

    type: Literal["text"] = "text"
    text: str
    raw: JsonObject | None = None


class Image(_Stored):
    """A picture by `url`, or as base64 `data` with its `media_type` (`image/png`); exactly one of the two."""

    type: Literal["image"] = "image"
    url: str = ""
    data: str = ""
    media_type: str = ""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.url) == bool(self.data):
            raise ValueError("give an image either by url=, or by data= (base64) with media_type=")
        if self.data and not self.media_type:
            raise ValueError("an image given by data= needs its media_type=, e.g. 'image/png'")
        return self

    def as_url(self) -> str:
        """The url, or the data as a `data:` url."""
        return self.url or f"data:{self.media_type};base64,{self.data}"


class ToolCall(_Stored):
    """The model asks for a tool. `arguments` is the JSON text it wrote, unchecked: models do write bad JSON.

    `call_id` is what the result refers to; it is unique in the conversation, by our own doing where a provider
    repeats or omits it. `id` is the provider's id of the item, the same as `call_id` where it has only one.
    A call without arguments has `{}`. Read them by `polos.llm.parsing.parse_arguments`.
    """

    type: Literal["tool_call"] = "tool_call"
    call_id: str
    name: str
    arguments: str = "{}"
    id: str = ""
    raw: JsonObject | None = None

    @model_validator(mode="before")
    @classmethod
    def _id_or_call_id(cls, data: Any) -> Any:
        if isinstance(data, dict) and not data.get("id"):
            return {**data, "id": data.get("call_id", "")}
        return data


class ToolResult(_Stored):
    """What a tool answered to the call `call_id`, as text (JSON for structured values)."""

    type: Literal["tool_result"] = "tool_result"
    call_id: str
    content: str
    is_error: bool = False


class Reasoning(_Stored):
    """The model's thinking: `text` is what may be shown (often a summary, often nothing), `raw` what must go back."""

    type: Literal["reasoning"] = "reasoning"
    text: str = ""
    raw: JsonObject | None = None


class Opaque(_Stored):
    """An item of the provider's that has no neutral meaning (a built-in web search, say), kept to be sent back."""

    type: Literal["opaque"] = "opaque"
    raw: JsonObject


Part = Annotated[Text | Image | ToolCall | ToolResult | Reasoning | Opaque, Field(discriminator="type")]
"""One piece of a message; a closed union, told apart by `type`."""

Role = Literal["system", "user", "assistant", "tool"]


# --- messages -----------------------------------------------------------------------------------------------------


class Message(_Stored):
    """One turn of a conversation.

    `system` and `user` hold text and images, `assistant` what a model answered, `tool` the results of its calls.
    `api` names the wire format of the parts' `raw` items, e.g. `openai.responses`; empty if there are none.
    """

    role: Role
    parts: tuple[Part, ...]
    api: str = ""

    @property
    def text(self) -> str:
        """All text parts joined."""
        return "".join(part.text for part in self.parts if isinstance(part, Text))

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls in the order the model made them."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    def with_text(self, text: str) -> Message:
        """The same message saying `text` instead, in one part; reasoning and calls are kept as they are."""
        if text == self.text:
            return self
        others = [(i, part) for i, part in enumerate(self.parts) if not isinstance(part, Text)]
        first = next((i for i, part in enumerate(self.parts) if isinstance(part, Text)), None)
        if first is None:  # words come before the calls that follow from them
            first = next((i for i, part in others if isinstance(part, ToolCall)), len(self.parts))
        before: list[Part] = [part for i, part in others if i < first]
        after: list[Part] = [part for i, part in others if i >= first]
        said: list[Part] = [Text(text=text)] if text else []
        return self.model_copy(update={"parts": (*before, *said, *after)})

    def with_tool_calls(self, calls: Iterable[ToolCall]) -> Message:
        """The same message making `calls` instead. A call that was changed loses its raw item; others keep theirs."""
        before = {call.call_id: call for call in self.tool_calls}
        kept: list[Part] = [part for part in self.parts if not isinstance(part, ToolCall)]
        for call in calls:
            old = before.get(call.call_id)
            same = old is not None and (old.name, old.arguments) == (call.name, call.arguments)
            kept.append(old if old is not None and same else call.model_copy(update={"raw": None}))
        return self.model_copy(update={"parts": tuple(kept)})


def user(*content: str | Image) -> Message:
    """A message of the user's: texts and images in order."""
    parts = tuple(Text(text=item) if isinstance(item, str) else item for item in content)
    return Message(role="user", parts=parts)


def assistant(text: str) -> Message:
    """A message in the model's voice that no provider wrote."""
    return Message(role="assistant", parts=(Text(text=text),))


def tool_results(results: Iterable[ToolResult]) -> Message:
    """The answers to the calls of the assistant's last message, all of them in one message."""
    return Message(role="tool", parts=tuple(results))


# --- what a model gives back --------------------------------------------------------------------------------------


class Usage(_Stored):
    """Tokens of one call, or of many added up.

    `input_tokens` counts the whole input, the cached part included (some providers count it apart: the adapters add
    it), so `total_tokens` is input plus output whatever the provider. The two cache fields say how much of the input
    was read from the provider's prompt cache and how much was written to it.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0

    @classmethod
    def of(cls, input_tokens: int, output_tokens: int, *, read: int = 0, written: int = 0) -> Usage:
        """Usage with its total; `read` and `written` are the cached parts of `input_tokens`."""
        return cls(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            total_tokens=input_tokens + output_tokens,
            cache_read_input_tokens=read,
            cache_creation_input_tokens=written,
        )

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            total_tokens=self.total_tokens + other.total_tokens,
            cache_read_input_tokens=self.cache_read_input_tokens + other.cache_read_input_tokens,
            cache_creation_input_tokens=self.cache_creation_input_tokens + other.cache_creation_input_tokens,
        )


class StopReason(StrEnum):
    """Why the model stopped; a closed set, whatever the provider calls it."""

    END = "end"
    """It said what it had to say."""
    TOOL_CALLS = "tool_calls"
    """It waits for the results of its calls."""
    MAX_TOKENS = "max_tokens"
    """Cut off at `max_output_tokens`: the text, or the arguments of the last call, may be incomplete."""
    STOP_SEQUENCE = "stop_sequence"
    """It wrote one of the caller's stop sequences."""
    REFUSED = "refused"
    """The model or the provider's filter declined; the text, if any, says so. Tokens were used all the same."""
    CONTEXT_FULL = "context_full"
    """Cut off because the context window is full."""
    PAUSED = "paused"
    """The provider broke off a long turn of its own tools: send the message back as it is, and it goes on."""


class ModelResponse(_Stored):
    """A finished answer. `stop_detail` is the provider's own word for the stop, for people.

    `usage` is zero if the provider did not say (some do not when streaming).
    """

    message: Message
    stop_reason: StopReason
    usage: Usage = Usage()
    model: str = ""
    response_id: str = ""
    request_id: str = ""
    stop_detail: str = ""

    @property
    def text(self) -> str:
        """All text of the answer."""
        return self.message.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The calls the model makes."""
        return self.message.tool_calls
