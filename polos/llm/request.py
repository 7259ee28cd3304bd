"""What a model is asked: one neutral request, translated by each provider's adapter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from polos.llm.types import JsonObject, Message

DEFAULT_TIMEOUT: Final = 300.0
"""Seconds of silence on the connection after which a call is given up; a third of a Lambda function's life."""

CachePolicy = Literal["auto", "off", "5m", "1h"]
"""Whether to mark the prompt for the provider's cache, where it has marks: `auto` marks for five minutes whatever will
be sent again (a conversation with tools, or one that has turns already) and leaves single questions alone, as writing
to a cache costs more than not using it."""


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it. `parameters` is the JSON schema of its arguments, an object.

    With `strict`, a provider that can bind the model to the schema is asked to, if the schema allows it.
    """

    name: str
    description: str
    parameters: JsonObject
    strict: bool = True


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """The answer must be JSON that matches `schema`. `name` is letters, digits, `_` and `-`, up to 64."""

    name: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class ToolNamed:
    """A tool choice: the model must call this one."""

    name: str


ToolChoice = Literal["auto", "none", "required"] | ToolNamed
"""`auto`: as the model likes. `none`: no call. `required`: at least one call."""


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One call of a model.

    `stream=False` asks the provider for the answer in one piece; the events are the same, fewer.
    `extra` is passed to the provider's API as it is (`reasoning`, `thinking`, `top_p`, `service_tier` ...), over
    what the adapter says itself. `base_url` replaces the provider's address, `api_key_env` the name of the
    environment variable the key is read from, at each call. `timeout` is in seconds of silence, not of work.
    """

    model: str
    messages: tuple[Message, ...]
    system: str = ""
    tools: tuple[ToolSpec, ...] = ()
    tool_choice: ToolChoice = "auto"
    output: OutputSpec | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    stream: bool = True
    cache: CachePolicy = "auto"
    extra: Mapping[str, Any] = field(default_factory=dict)
    base_url: str | None = None
    api_key_env: str | None = None
    timeout: float = DEFAULT_TIMEOUT

    def cache_ttl(self) -> Literal["5m", "1h"] | None:
        """How long the prompt should stay in the provider's cache; None: no marks."""
        if self.cache == "off":
            return None
        if self.cache != "auto":
            return self.cache
        goes_on = bool(self.tools) or any(message.role == "assistant" for message in self.messages)
        return "5m" if goes_on else None
