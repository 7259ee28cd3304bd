"""Anthropic's Claude over the Messages API (the `anthropic` package)."""

from __future__ import annotations

import re
from typing import Any, Final

from polos.llm.port import Capabilities
from polos.llm.providers.anthropic_wire import AnthropicWire
from polos.llm.providers.conversation import with_schema_in_prompt
from polos.llm.providers.sdk import Endpoint, SdkProvider
from polos.llm.request import ModelRequest
from polos.llm.schema import NotBindable, closed_schema, wrapped
from polos.llm.types import JsonObject

ANTHROPIC: Final = Endpoint(
    name="anthropic",
    package="anthropic",
    extra="anthropic",
    url="https://api.anthropic.com",
    url_envs=("ANTHROPIC_BASE_URL",),
    key_envs=("ANTHROPIC_API_KEY",),
)

_NO_SCHEMA: Final = re.compile(
    r"claude-(?:2|instant|v\d|3)|claude-(?:opus|sonnet)-4(?:-0)?(?:@|-20\d{6}|-v\d|$)",
)
"""Claude before 4.1 and 4.5: not to be bound to a schema."""


def binds_schemas(model: str) -> bool:
    """Whether that Claude has structured output, here or on Bedrock."""
    return not _NO_SCHEMA.search(model)


def bindable(schema: JsonObject) -> bool:
    """Whether structured output of Claude's kind can say that schema."""
    try:
        closed_schema(wrapped(schema))
    except NotBindable:
        return False
    return True


class Anthropic(SdkProvider):
    """Claude, with prompt cache marks and thinking kept for the next turn."""

    _named = ("model", "max_tokens", "messages")

    def __init__(self, endpoint: Endpoint = ANTHROPIC, **options: Any) -> None:
        super().__init__(endpoint, **options)

    def capabilities(self, model: str) -> Capabilities:
        """All; models before Claude 4.1 and 4.5 know no schema."""
        native = binds_schemas(model)
        return Capabilities(native_schema=native, tools_with_schema=native, prompt_cache=True)

    def _wire(self, request: ModelRequest) -> AnthropicWire:
        output = request.output
        if output is not None and not (binds_schemas(request.model) and bindable(output.schema)):
            request = with_schema_in_prompt(request)
        return AnthropicWire(request)

    def _client(self, sdk: Any, **options: Any) -> Any:
        return sdk.AsyncAnthropic(**options)

    def _method(self, client: Any) -> Any:
        return client.messages.create
