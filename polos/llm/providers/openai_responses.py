"""OpenAI over its Responses API (the `openai` package)."""

from __future__ import annotations

import re
from typing import Any, Final

from polos.llm.port import Capabilities
from polos.llm.providers.compatible import ROWS
from polos.llm.providers.conversation import with_schema_in_prompt
from polos.llm.providers.openai_responses_wire import ResponsesWire
from polos.llm.providers.sdk import Endpoint, SdkProvider
from polos.llm.request import ModelRequest

OPENAI: Final = Endpoint(
    name="openai",
    package="openai",
    extra="openai",
    url="https://api.openai.com/v1",
    url_envs=("OPENAI_BASE_URL",),
    key_envs=("OPENAI_API_KEY",),
)
AZURE: Final = ROWS["azure"].endpoint()

_NO_SCHEMA: Final = re.compile(r"gpt-3|gpt-4(-|$)|gpt-4o-2024-05-13|chatgpt")


class OpenAIResponses(SdkProvider):
    """Models of OpenAI (or Azure) over the Responses API; stateless, with reasoning kept by us."""

    _named = ("model", "input")

    def __init__(self, endpoint: Endpoint = OPENAI, **options: Any) -> None:
        super().__init__(endpoint, **options)

    def capabilities(self, model: str) -> Capabilities:
        """All but caching marks (OpenAI caches by itself); models before GPT-4o know no schema."""
        native = not _NO_SCHEMA.search(model)
        return Capabilities(native_schema=native, tools_with_schema=native)

    def _wire(self, request: ModelRequest) -> ResponsesWire:
        if request.output is not None and not self.capabilities(request.model).native_schema:
            request = with_schema_in_prompt(request)
        return ResponsesWire(request)

    def _client(self, sdk: Any, **options: Any) -> Any:
        return sdk.AsyncOpenAI(**options)

    def _method(self, client: Any) -> Any:
        return client.responses.create
