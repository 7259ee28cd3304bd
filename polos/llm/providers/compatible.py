"""Providers that speak OpenAI's Chat Completions, and in what they differ: one table, a row each.

The rows follow what is known of the providers' documentation, with the careful value where that is silent; they were
not tried against the services themselves. A row is data: your own server gets one by
`register_provider("mine", lambda: OpenAIChat(Compatible("mine", url=...)))`, or none at all if an agent names its
`provider_base_url`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from polos.llm.port import Capabilities
from polos.llm.providers.sdk import Endpoint

NO_MODEL: Final = r"(?!)"
ANY_MODEL: Final = r""


@dataclass(frozen=True, slots=True)
class Compatible:
    """A provider's way of speaking Chat Completions.

    `key_envs`, `url_envs`: environment variables, by default `<NAME>_API_KEY` and `<NAME>_BASE_URL`.
    `path` is added to an address without one.
    `schema_models`: the models (a pattern found in the name) that can be bound to a schema; for the others the schema
    goes into the prompt, with `json_mode` if the provider has that. `stream_with_schema`: whether it streams then.
    `strict_tools`: whether tools may carry `strict`. `keeps_reasoning`: whether its reasoning is to be sent back.
    """

    name: str
    url: str = ""
    key_envs: tuple[str, ...] = ()
    url_envs: tuple[str, ...] = ()
    path: str = ""
    key_optional: bool = False
    extra: str = "openai"
    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    schema_models: str = ANY_MODEL
    tools_with_schema: bool = False
    stream_with_schema: bool = True
    json_mode: bool = True
    strict_tools: bool = False
    tool_choice: bool = True
    parallel_tools: bool = True
    stream_usage: bool = True
    keeps_reasoning: bool = False

    @property
    def api(self) -> str:
        """The wire format of raw items: one provider's extras are not another's."""
        return f"openai.chat/{self.name}"

    def endpoint(self) -> Endpoint:
        """Where it is and whose key it takes."""
        prefix = re.sub(r"\W+", "_", self.name).upper()
        return Endpoint(
            name=self.name,
            package="openai",
            extra=self.extra,
            url=self.url,
            url_envs=self.url_envs or (f"{prefix}_BASE_URL",),
            key_envs=self.key_envs or (f"{prefix}_API_KEY",),
            key_optional=self.key_optional,
            path=self.path,
        )

    def capabilities(self, model: str) -> Capabilities:
        """What that model can do here, by this row."""
        native = re.search(self.schema_models, model) is not None
        return Capabilities(
            native_schema=native,
            tools_with_schema=native and self.tools_with_schema,
            parallel_tools=self.parallel_tools,
            tool_choice=self.tool_choice,
            stream_usage=self.stream_usage,
        )


ROWS: Final[dict[str, Compatible]] = {
    row.name: row
    for row in (
        Compatible(
            "openai",
            url="https://api.openai.com/v1",
            max_tokens="max_completion_tokens",
            tools_with_schema=True,
            strict_tools=True,
        ),
        Compatible(
            # AZURE_OPENAI_ENDPOINT is the resource's address: https://<resource>.openai.azure.com, with or without path
            "azure",
            path="/openai/v1",
            key_envs=("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
            url_envs=("AZURE_OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"),
            max_tokens="max_completion_tokens",
            tools_with_schema=True,
            strict_tools=True,
        ),
        Compatible(
            # Refuses tools together with a schema; its thought signatures ride on the tool calls.
            "gemini",
            url="https://generativelanguage.googleapis.com/v1beta/openai",
            key_envs=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
            extra="gemini",
        ),
        Compatible(
            # Structured output for some models only, and neither streamed nor with tools.
            "groq",
            url="https://api.groq.com/openai/v1",
            extra="groq",
            max_tokens="max_completion_tokens",
            schema_models=r"gpt-oss|kimi-k2|llama-4",
            stream_with_schema=False,
        ),
        Compatible(
            "fireworks",
            url="https://api.fireworks.ai/inference/v1",
            extra="fireworks",
            keeps_reasoning=True,
        ),
        Compatible("together", url="https://api.together.xyz/v1", extra="together"),
        Compatible(
            # On this machine, without a key; ignores tool_choice.
            "ollama",
            url="http://localhost:11434/v1",
            key_optional=True,
            tool_choice=False,
        ),
    )
}


def unlisted(name: str) -> Compatible:
    """A careful row for a server known by its address alone; its key, if it wants one, is `<NAME>_API_KEY`."""
    return Compatible(name, key_optional=True, keeps_reasoning=True)
