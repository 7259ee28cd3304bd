"""Chat Completions over the `openai` package: OpenAI's older API, and every provider that is compatible with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

from polos.llm.events import StreamEvent
from polos.llm.port import Capabilities
from polos.llm.providers.compatible import Compatible
from polos.llm.providers.conversation import with_schema_in_prompt
from polos.llm.providers.openai_chat_wire import ChatWire
from polos.llm.providers.sdk import SdkProvider
from polos.llm.request import ModelRequest


class OpenAIChat(SdkProvider):
    """A provider that speaks Chat Completions as its row in `compatible.ROWS` says."""

    _named = ("model", "messages")

    def __init__(self, row: Compatible, **options: Any) -> None:
        super().__init__(row.endpoint(), **options)
        self._row = row

    def capabilities(self, model: str) -> Capabilities:
        """What that model can do here, by the provider's row."""
        return self._row.capabilities(model)

    def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        """Ask, and yield what comes; in one piece where the provider does not stream structured answers."""
        if request.output is not None and self._binds(request) and not self._row.stream_with_schema:
            request = replace(request, stream=False)
        return super().stream(request)

    def _binds(self, request: ModelRequest) -> bool:
        can = self._row.capabilities(request.model)
        return can.native_schema and (can.tools_with_schema or not request.tools)

    def _wire(self, request: ModelRequest) -> ChatWire:
        if request.output is None or self._binds(request):
            return ChatWire(request, self._row)
        return ChatWire(
            with_schema_in_prompt(request), self._row, json_mode=self._row.json_mode and not request.tools
        )

    def _client(self, sdk: Any, **options: Any) -> Any:
        return sdk.AsyncOpenAI(**options)

    def _method(self, client: Any) -> Any:
        return client.chat.completions.create
