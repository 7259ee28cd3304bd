from __future__ import annotations

import subprocess
import sys

import pytest

from polos.errors import InvalidDefinition
from polos.llm.errors import UnknownProvider
from polos.llm.port import Provider
from polos.llm.registry import ProviderRegistry, get_provider, register_provider, registry
from polos.testing.fake_model import FakeModel

NAMES = ["anthropic", "azure", "bedrock", "fireworks", "gemini", "groq", "ollama", "openai", "together"]


def test_the_names_of_the_contract_are_there() -> None:
    assert ProviderRegistry().names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_name_gives_a_provider_that_knows_it_and_always_the_same(name: str) -> None:
    own = ProviderRegistry()
    provider = own.get(name)
    assert isinstance(provider, Provider)
    assert provider.name == name
    assert own.get(name) is provider
    assert provider.capabilities("some-model").parallel_tools


def test_an_unknown_name_is_told_with_those_there_are() -> None:
    with pytest.raises(UnknownProvider, match=r"opnai.*anthropic, azure.*register_provider") as caught:
        ProviderRegistry().get("opnai")
    assert isinstance(caught.value, InvalidDefinition)


def test_an_unknown_name_with_an_address_speaks_chat_completions() -> None:
    provider = ProviderRegistry().get("house", base_url="http://localhost:8000/v1")
    assert provider.name == "house"


def test_openai_speaks_responses_unless_told_otherwise_and_the_others_chat_completions() -> None:
    own = ProviderRegistry()
    apis = {
        ("openai", None): "OpenAIResponses",
        ("openai", "chat_completions"): "OpenAIChat",
        ("azure", None): "OpenAIChat",
        ("azure", "responses"): "OpenAIResponses",
        ("groq", "chat_completions"): "OpenAIChat",
    }
    for (name, api), kind in apis.items():
        assert type(own.get(name, llm_api=api)).__name__ == kind


@pytest.mark.parametrize(("name", "api"), [("groq", "responses"), ("openai", "completions")])
def test_an_api_that_a_provider_does_not_have_is_refused(name: str, api: str) -> None:
    with pytest.raises(InvalidDefinition, match="provider_llm_api"):
        ProviderRegistry().get(name, llm_api=api)


def test_a_registered_provider_is_found_and_made_once() -> None:
    own = ProviderRegistry()
    made: list[FakeModel] = []

    def factory() -> FakeModel:
        made.append(FakeModel([]))
        return made[-1]

    own.register("mine", factory)
    assert not made
    assert own.get("mine") is own.get("mine", llm_api="anything")
    assert len(made) == 1
    assert "mine" in own.names()


def test_a_name_of_ours_can_be_taken_and_given_back() -> None:
    own = ProviderRegistry()
    real, fake = own.get("openai"), FakeModel([])
    undo = own.register("openai", lambda: fake)
    assert own.get("openai") is fake
    undo()
    assert type(own.get("openai")) is type(real)


def test_register_provider_is_a_call_and_a_decorator() -> None:
    @register_provider("decorated-provider")
    class Mine(FakeModel):
        def __init__(self) -> None:
            super().__init__(["hi"], name="decorated-provider")

    register_provider("called-provider", Mine)
    try:
        assert isinstance(get_provider("decorated-provider"), Mine)
        assert isinstance(get_provider("called-provider"), Mine)
    finally:
        registry._factories.pop("decorated-provider")
        registry._factories.pop("called-provider")


@pytest.mark.parametrize("name", ["", " x"])
def test_a_name_that_nobody_could_write_is_refused(name: str) -> None:
    with pytest.raises(InvalidDefinition):
        ProviderRegistry().register(name, lambda: FakeModel([]))


def test_no_sdk_is_loaded_before_a_request_is_made() -> None:
    code = (
        "import sys; from polos.llm.registry import get_provider; "
        "[get_provider(n) for n in ('openai', 'anthropic', 'bedrock', 'groq')]; "
        "print([m for m in ('openai', 'anthropic', 'boto3', 'botocore', 'httpx', 'httpx2') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
