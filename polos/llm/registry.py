"""Providers by name: those that come with polos, and those that users register."""

from __future__ import annotations

import threading
from collections.abc import Callable
from importlib import import_module
from typing import Final, Literal, TypeVar, overload

from polos.errors import InvalidDefinition
from polos.llm.errors import UnknownProvider
from polos.llm.port import Provider

LlmApi = Literal["responses", "chat_completions"]
Factory = Callable[[], Provider]
F = TypeVar("F", bound=Factory)

_NAMES: Final = (
    "openai",
    "anthropic",
    "bedrock",
    "gemini",
    "groq",
    "fireworks",
    "together",
    "azure",
    "ollama",
)
_BOTH_APIS: Final = frozenset({"openai", "azure"})


class ProviderRegistry:
    """Names to providers. A provider is made when first asked for, and kept: it holds its connections."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._factories: dict[str, Factory] = {}
        self._made: dict[tuple[str, str], Provider] = {}

    def names(self) -> list[str]:
        """Every name an agent may give, sorted."""
        with self._lock:
            return sorted({*_NAMES, *self._factories})

    def register(self, name: str, factory: Factory) -> Callable[[], None]:
        """Let agents name `factory`'s provider. Replaces one of that name, until the returned function is called."""
        if not name or name != name.strip():
            raise InvalidDefinition(f"a provider needs a name without spaces around it, not {name!r}")
        with self._lock:
            before = self._factories.get(name)
            self._factories[name] = factory
            self._forget(name)

        def undo() -> None:
            with self._lock:
                if before is None:
                    self._factories.pop(name, None)
                else:
                    self._factories[name] = before
                self._forget(name)

        return undo

    def get(self, name: str, *, llm_api: str | None = None, base_url: str | None = None) -> Provider:
        """The provider of that name; see `get_provider`."""
        with self._lock:
            api = self._api(name, llm_api)
            if (name, api) not in self._made:
                self._made[name, api] = self._make(name, api, base_url)
            return self._made[name, api]

    def _api(self, name: str, llm_api: str | None) -> str:
        if name in self._factories:
            return ""  # its own business
        if llm_api not in {None, "responses", "chat_completions"}:
            raise InvalidDefinition(
                f"provider_llm_api is 'responses' or 'chat_completions', not {llm_api!r}; leave it out for the default"
            )
        if name in _BOTH_APIS:
            return llm_api or ("responses" if name == "openai" else "chat_completions")
        if llm_api == "responses":
            raise InvalidDefinition(
                f"the provider {name!r} has no Responses API here, only {' and '.join(sorted(_BOTH_APIS))} have; "
                "leave provider_llm_api out"
            )
        return "chat_completions"

    def _make(self, name: str, api: str, base_url: str | None) -> Provider:
        if factory := self._factories.get(name):
            return factory()
        if name not in _NAMES and not base_url:
            known = ", ".join(sorted({*_NAMES, *self._factories}))
            raise UnknownProvider(
                f"there is no provider {name!r} (known: {known}); register it with register_provider({name!r}, ...), "
                "or give a provider_base_url if its server speaks OpenAI's Chat Completions"
            )
        return _builtin(name, api)

    def _forget(self, name: str) -> None:
        self._made = {key: provider for key, provider in self._made.items() if key[0] != name}


def _builtin(name: str, api: str) -> Provider:
    """One of ours, its module loaded only now: a worker without agents loads none."""
    module = "polos.llm.providers."
    if name == "anthropic":
        made: Provider = import_module(module + "anthropic").Anthropic()
    elif name == "bedrock":
        made = import_module(module + "bedrock").Bedrock()
    elif api == "responses":
        openai = import_module(module + "openai_responses")
        made = openai.OpenAIResponses(openai.OPENAI if name == "openai" else openai.AZURE)
    else:
        rows = import_module(module + "compatible")
        row = rows.ROWS.get(name) or rows.unlisted(name)
        made = import_module(module + "openai_chat").OpenAIChat(row)
    return made


registry: Final = ProviderRegistry()
"""The registry of this process."""


@overload
def register_provider(name: str, factory: Factory) -> Factory: ...
@overload
def register_provider(name: str) -> Callable[[F], F]: ...
def register_provider(name: str, factory: Factory | None = None) -> Factory | Callable[[F], F]:
    """Let agents say `provider=name`. `factory` (a class, or a function) makes the `Provider` when first needed.

    Also a decorator: `@register_provider("mine") class Mine: ...`. A name that is taken is replaced, ours included.
    """
    if factory is not None:
        registry.register(name, factory)
        return factory

    def decorate(decorated: F) -> F:
        registry.register(name, decorated)
        return decorated

    return decorate


def get_provider(name: str, *, llm_api: str | None = None, base_url: str | None = None) -> Provider:
    """The provider of that name.

    `llm_api` chooses between OpenAI's (and Azure's) `responses` and `chat_completions`; others have one API. With a
    `base_url`, an unknown name is a server that speaks Chat Completions (its key, if any, in `<NAME>_API_KEY`).

    Raises:
        UnknownProvider: nothing of that name; lists the names there are.
        InvalidDefinition: an `llm_api` the provider does not have.
    """
    return registry.get(name, llm_api=llm_api, base_url=base_url)
