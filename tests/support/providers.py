"""Every provider over its real SDK, its address that of a `WireServer`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
from botocore.config import Config

from polos.llm.port import Provider
from polos.llm.providers.anthropic import Anthropic
from polos.llm.providers.bedrock import Bedrock, make_client
from polos.llm.providers.compatible import ROWS, unlisted
from polos.llm.providers.openai_chat import OpenAIChat
from polos.llm.providers.openai_responses import OpenAIResponses
from polos.llm.request import ModelRequest, ToolSpec
from polos.llm.types import user
from polos.testing.wire.format import Said
from polos.testing.wire_server import WireServer

WEATHER = ToolSpec(
    name="get_weather",
    description="The weather of a city.",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "unit": {"type": "string", "default": "C"}},
        "required": ["city"],
    },
)
NOW = ToolSpec(name="now", description="The time.", parameters={"type": "object", "properties": {}})


@dataclass(frozen=True)
class Subject:
    """A provider under test: how to make it, a model it has, the format it speaks and the variable of its key."""

    id: str
    model: str
    format: str
    make: Callable[[dict[str, str]], Provider]
    key_env: str = ""

    def provider(self, server: WireServer, **env: str) -> Provider:
        return self.make({**server.env(), **env})

    def request(self, *messages: Any, **options: Any) -> ModelRequest:
        return ModelRequest(self.model, messages or (user("hello"),), **options)


def bedrock_client(*, url: str | None, region: str | None, timeout: float) -> Any:
    """As `make_client`, with credentials of its own."""
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=timeout),
    )


def _chat(name: str, env: dict[str, str]) -> Provider:
    return OpenAIChat(ROWS.get(name) or unlisted(name), environ=env)


def _unlisted(env: dict[str, str]) -> Provider:
    return _chat("mine", {**env, "MINE_BASE_URL": env["OPENAI_BASE_URL"]})


RESPONSES = Subject(
    "openai", "gpt-5.5", "responses", lambda env: OpenAIResponses(environ=env), "OPENAI_API_KEY"
)
CHAT = Subject("openai-chat", "gpt-5.5", "chat", partial(_chat, "openai"), "OPENAI_API_KEY")
ANTHROPIC = Subject(
    "anthropic", "claude-sonnet-5", "messages", lambda env: Anthropic(environ=env), "ANTHROPIC_API_KEY"
)
BEDROCK = Subject(
    "bedrock",
    "eu.anthropic.claude-sonnet-5-v1:0",
    "converse",
    lambda env: Bedrock(environ=env, make=bedrock_client),
)
GEMINI = Subject("gemini", "gemini-2.5-pro", "chat", partial(_chat, "gemini"), "GEMINI_API_KEY")
GROQ = Subject("groq", "openai/gpt-oss-120b", "chat", partial(_chat, "groq"), "GROQ_API_KEY")
FIREWORKS = Subject("fireworks", "kimi", "chat", partial(_chat, "fireworks"), "FIREWORKS_API_KEY")
TOGETHER = Subject("together", "qwen", "chat", partial(_chat, "together"), "TOGETHER_API_KEY")
AZURE = Subject("azure", "my-deployment", "chat", partial(_chat, "azure"), "AZURE_OPENAI_API_KEY")
OLLAMA = Subject("ollama", "llama3.2", "chat", partial(_chat, "ollama"))
UNLISTED = Subject("unlisted", "any", "chat", _unlisted)


def turns_of_the_model(body: dict[str, object]) -> list[object]:
    """The assistant's turns of a request, in the provider's own items."""
    if "input" in body:
        kinds = [
            item for item in body["input"] if item.get("type") in {"reasoning", "function_call", "message"}
        ]
        return [kinds[:4]]
    return [message for message in body["messages"] if message["role"] == "assistant"]


def first_answer(subject: Subject, server: WireServer) -> object:
    """What the server's first answer was, in the form the provider wants it back."""
    first = server.requests[0]
    answer = first.format.answer(Said(first.reply, 0, subject.model, ""))
    if subject.format == "responses":
        return answer["output"]
    if subject.format == "chat":
        message = answer["choices"][0]["message"]
        keep = {"role", "content", "tool_calls"}
        if subject.id in {"fireworks", "unlisted"}:
            keep.add("reasoning_content")
        return {name: value for name, value in message.items() if name in keep}
    content = answer["content"] if subject.format == "messages" else answer["output"]["message"]["content"]
    return {"role": "assistant", "content": content}


NATIVE = (RESPONSES, CHAT, ANTHROPIC, BEDROCK)
"""One for each wire format."""
DIFFERING = (*NATIVE, GEMINI, GROQ, OLLAMA, UNLISTED)
"""And one for each way in which compatible servers differ."""
ALL = (*NATIVE, GEMINI, GROQ, FIREWORKS, TOGETHER, AZURE, OLLAMA, UNLISTED)

__all__ = [
    "ALL",
    "DIFFERING",
    "NATIVE",
    "NOW",
    "WEATHER",
    "Subject",
    "first_answer",
    "make_client",
    "turns_of_the_model",
]
