"""One call of a model, as a step: what is asked, who is asked, and what is recorded of the answer."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from polos.agents import sessions
from polos.agents.deltas import Deltas
from polos.agents.memory import Past, view
from polos.errors import InvalidDefinition, NonRetryable, PolosError
from polos.llm.errors import ModelError, ProviderUnavailable
from polos.llm.events import Done, TextDelta, ToolCallDelta, ToolCallDone
from polos.llm.port import Provider
from polos.llm.pricing import Prices
from polos.llm.registry import get_provider
from polos.llm.request import ModelRequest, ToolChoice
from polos.llm.text import writable
from polos.llm.types import Message, ModelResponse
from polos.runtime.environment import StepEnvironment, step_environment

RETRIES: Final[Mapping[str, Any]] = {"max_retries": 8, "base_delay": 1.0, "max_delay": 60.0}
"""How often a call that may succeed later is repeated, when the provider does not say when: about three minutes."""


class CannotAsk(NonRetryable):
    """The agent's model cannot be asked as the agent is set up: an unknown provider, an SDK that is missing."""

    code = "cannot_ask"


class NoTimeLeft(NonRetryable):
    """The model could be asked again only when the run's budget of wall time is used up."""

    code = "no_time_left"


class ModelAnswer(BaseModel):
    """What the journal keeps of a call: the answer and what it cost. Without a price, `cost` is None."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    v: Literal[1] = 1
    response: ModelResponse
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """Which model is asked, and how: the settings of an agent with those of one run over them."""

    provider: str | Provider
    name: str
    base_url: str | None = None
    llm_api: str | None = None
    temperature: float | None = None
    max_output_tokens: int | None = None
    tool_choice: ToolChoice = "auto"
    extra: Mapping[str, Any] = field(default_factory=dict)
    fields: Mapping[str, Any] = field(default_factory=dict)
    prices: Prices = field(default_factory=Prices)

    def resolve(self) -> Provider:
        """The provider.

        Raises:
            CannotAsk: There is none of that name.
        """
        if not isinstance(self.provider, str):
            return self.provider
        try:
            return get_provider(self.provider, llm_api=self.llm_api, base_url=self.base_url)
        except InvalidDefinition as error:
            raise CannotAsk(str(error)) from error

    def shown(self) -> dict[str, Any]:
        """What hooks and guardrails see of it."""
        name = self.provider if isinstance(self.provider, str) else self.provider.name
        return {
            "provider": name,
            "model": self.name,
            "temperature": self.temperature,
            "max_output_tokens": self.max_output_tokens,
        }


@dataclass(frozen=True, slots=True)
class Prompt:
    """The messages of a call: by reference where they are in a session's log, `view`ed as the conversation stands."""

    past: Past | None
    own: tuple[Message, ...]
    cut: int = 0
    summary: str = ""
    asides: tuple[Message, ...] = ()
    instead: tuple[Message, ...] | None = None

    def messages(self, environment: StepEnvironment) -> tuple[Message, ...]:
        """What is sent."""
        if self.instead is not None:
            return (*self.instead, *self.asides)
        everything = (*self.before(environment), *self.own)
        return (*view(everything, self.cut, self.summary), *self.asides)

    def before(self, environment: StepEnvironment) -> tuple[Message, ...]:
        """The messages of the session."""
        if self.past is None or not self.past.count:
            return ()
        return sessions.read(environment.ports.log, self.past).messages


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call. `request` has everything but the messages. `streaming`: tell the readers of the run what comes;
    `step` is the name they know it by: the same for calls of which the later one stands for the earlier. `deadline`:
    epoch seconds, behind which it is not asked again.
    """

    model: Model
    request: ModelRequest
    prompt: Prompt
    step: str
    streaming: bool = False
    budgeted: bool = False
    deadline: float | None = None


async def call_model(call: ModelCall) -> ModelAnswer:
    """Ask; the answer with its cost.

    Raises:
        ModelError: As providers do; those that may succeed later are tried again by the engine, after the time they ask
            for.
        CannotAsk: The agent is set up in a way that cannot work.
        NoTimeLeft: It could only be asked again when it is too late.
    """
    environment = step_environment()
    if environment.attempt > 1 and _too_late(call, environment, 0.0):
        raise NoTimeLeft("the run has no time left to ask again")
    provider = call.model.resolve()
    capabilities = provider.capabilities(call.request.model)
    request = replace(
        call.request,
        messages=call.prompt.messages(environment),
        stream=call.streaming or capabilities.stream_usage,
    )
    if call.budgeted and call.model.prices.price(request.model) is None:
        raise CannotAsk(
            f"a budget of money needs a price, and there is none for the model {request.model!r}: give the agent "
            f"prices=Prices({{{request.model!r}: Price(input, output)}}), or a budget of tokens"
        )
    try:
        response = _writable(await _ask(provider, request, call, environment))
    except InvalidDefinition as error:
        raise CannotAsk(str(error)) from error
    except ModelError as error:
        if error.retryable and _too_late(call, environment, error.retry_after):
            raise NoTimeLeft(f"the run has no time left to ask again: {error}") from error
        raise
    except PolosError:
        raise
    except Exception as error:  # to ask again would be to pay again for what will go wrong again
        raise CannotAsk(
            f"the provider {provider.name!r} raised {type(error).__name__}: {error}. A provider raises one of the "
            "errors in polos.llm.errors; this one is a bug, of ours or of the provider's, and is not tried again"
        ) from error
    cost = call.model.prices.cost(response.usage, request.model)
    return ModelAnswer(response=response, cost=cost)


def _too_late(call: ModelCall, environment: StepEnvironment, pause: float | None) -> bool:
    return call.deadline is not None and environment.ports.clock.now() + (pause or 0.0) >= call.deadline


def _writable(response: ModelResponse) -> ModelResponse:
    """The answer as the journal can hold it: it is paid for, so no odd character may lose it."""
    given = response.model_dump(mode="json")
    mended = writable(given)
    return response if mended is given else ModelResponse.model_validate(mended)


async def _ask(
    provider: Provider, request: ModelRequest, call: ModelCall, environment: StepEnvironment
) -> ModelResponse:
    if not call.streaming:
        return await _listen(provider, request, None)
    async with Deltas(environment, step=call.step) as deltas:
        return await _listen(provider, request, deltas)


async def _listen(provider: Provider, request: ModelRequest, deltas: Deltas | None) -> ModelResponse:
    async with aclosing(provider.stream(request)) as events:
        async for event in events:
            match event:
                case TextDelta(text=text) if deltas:
                    deltas.text(text)
                case ToolCallDelta(call_id=call_id, text=text) if deltas:
                    deltas.arguments(call_id, text)
                case ToolCallDone(call=made) if deltas:
                    deltas.call(made)
                case Done(response=response):
                    return response
                case _:
                    pass  # nothing that readers are told
    raise ProviderUnavailable("the answer ended before it was complete", provider=provider.name)
