"""Agents: a model with instructions, tools and limits, that works durably. An agent is a workflow.

weather = Agent(id="weather", provider="openai", model="gpt-5-mini", tools=[get_weather])
result = await weather.run("What's the weather in Oslo?")
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

from polos.agents.asking import AgentInput, AgentRequest
from polos.agents.body import run_agent
from polos.agents.budget import Budget
from polos.agents.conditions import ConditionsGiven, as_conditions
from polos.agents.context import AgentContext
from polos.agents.memory import CompactionConfig
from polos.agents.messages import Input
from polos.agents.model_step import Model
from polos.agents.output import Output
from polos.agents.profile import Hooks, Profile, with_options
from polos.agents.results import AgentResult, ResultCodec
from polos.agents.streaming import StreamResult
from polos.core.codec import Codec
from polos.core.definitions import Definition, Queue, registry
from polos.core.hooks import HooksGiven, as_hooks
from polos.core.models import ExecutionHandle
from polos.errors import InvalidDefinition, InvalidPayload
from polos.llm.port import Provider
from polos.llm.pricing import Prices
from polos.middleware.guardrail import GuardrailsGiven, as_guardrails
from polos.runtime.client import Client, client_first
from polos.runtime.service import StartOptions
from polos.runtime.workflow import Workflow, queue_of


@dataclass(frozen=True)
class AgentDefinition(Definition):
    """The definition of an agent: its result is rebuilt with the agent's own output schema."""

    written_at: str = ""

    @cached_property
    def result_codec(self) -> Codec[Any]:
        """How results are stored."""
        output = self.options["profile"].output
        return ResultCodec(None if output is None else output.schema)

    @property
    def place(self) -> str:
        """`file:line` where the agent is made."""
        return self.written_at


class Agent(Workflow[..., Any, AgentResult]):
    """A model that works with tools until it has an answer, durably: no finished call of it is ever made again.

    `provider` is a name ("openai", "anthropic", "bedrock" ...) or a provider object, `model` the model's name there.
    `tools`: tools, other agents, workflows, MCP servers. `stop_conditions` are looked at after each step; without
    `max_steps` among them (or a `budget` of steps) it ends after 10 steps. `output_schema`: what the answer has to be,
    a pydantic model for instance. `guardrails`: functions, or rules in words. `budget`: limits of a run, sub-agents
    included. `compaction`: how long conversations are shortened. `stream_to_workflow`: tell readers of the run what the
    model says, also where the agent is called by a workflow. `options` go to the provider's API with every call.
    `prices` replace or extend the price list that `cost` is estimated by.

    Raises:
        InvalidDefinition: The settings cannot work; an agent of that id is defined elsewhere.
    """

    def __init__(
        self,
        id: str,  # the contract's name
        provider: str | Provider,
        model: str,
        *,
        description: str | None = None,
        system_prompt: str | None = None,
        tools: Sequence[Any] | None = None,
        temperature: float | None = None,
        max_output_tokens: int | None = None,
        provider_base_url: str | None = None,
        provider_llm_api: str | None = None,
        queue: str | Queue | Mapping[str, Any] | None = None,
        stop_conditions: ConditionsGiven = None,
        output_schema: Any = None,
        on_start: HooksGiven = None,
        on_end: HooksGiven = None,
        on_agent_step_start: HooksGiven = None,
        on_agent_step_end: HooksGiven = None,
        on_tool_start: HooksGiven = None,
        on_tool_end: HooksGiven = None,
        guardrails: GuardrailsGiven = None,
        guardrail_max_retries: int = 2,
        compaction: CompactionConfig | None = None,
        stream_to_workflow: bool = False,
        budget: Budget | None = None,
        options: dict[str, Any] | None = None,
        prices: Prices | None = None,
        run_timeout_seconds: float | None = None,
    ) -> None:
        _check(id, provider, model, guardrail_max_retries)
        profile = Profile(
            id=id,
            model=with_options(
                Model(
                    provider=provider,
                    name=model,
                    base_url=provider_base_url,
                    llm_api=provider_llm_api,
                    temperature=temperature,
                    max_output_tokens=max_output_tokens,
                    prices=prices or Prices(),
                ),
                options or {},
            ),
            system_prompt=system_prompt or "",
            tools=tuple(tools or ()),
            hooks=Hooks(
                on_start=as_hooks(on_start),
                on_end=as_hooks(on_end),
                on_agent_step_start=as_hooks(on_agent_step_start),
                on_agent_step_end=as_hooks(on_agent_step_end),
                on_tool_start=as_hooks(on_tool_start),
                on_tool_end=as_hooks(on_tool_end),
            ),
            guardrails=as_guardrails(guardrails),
            guardrail_retries=guardrail_max_retries,
            conditions=as_conditions(stop_conditions),
            output=None if output_schema is None else Output(output_schema),
            compaction=compaction or CompactionConfig(),
            budget=budget or Budget(),
            streams=stream_to_workflow,
        )
        place = _place()
        definition = AgentDefinition(
            id=id,
            function=_body(profile, place),
            kind="agent",
            description=description or "",
            queue=queue_of(queue, id),
            context=AgentContext,
            run_timeout=run_timeout_seconds,
            options={"profile": profile},
            written_at=place,
        )
        registry.add(definition)
        super().__init__(definition)
        self.profile = profile
        self.__doc__ = description

    # --- as it was set up -------------------------------------------------------------------------------------------

    @property
    def provider(self) -> str | Provider:
        """The provider, by name or as an object."""
        return self.profile.model.provider

    @property
    def model(self) -> str:
        """The model's name."""
        return self.profile.model.name

    @property
    def description(self) -> str:
        """What it is good for, told to the models of agents that have it as a tool."""
        return self.definition.description

    @property
    def system_prompt(self) -> str:
        """Its instructions."""
        return self.profile.system_prompt

    @property
    def tools(self) -> list[Any]:
        """Its tools, as they were given."""
        return list(self.profile.tools)

    @property
    def temperature(self) -> float | None:
        """The temperature, if set."""
        return self.profile.model.temperature

    @property
    def max_output_tokens(self) -> int | None:
        """The longest answer in tokens, if limited."""
        return self.profile.model.max_output_tokens

    @property
    def output_schema(self) -> Any:
        """What its answers have to be, if not text."""
        return None if self.profile.output is None else self.profile.output.schema

    # --- asking it --------------------------------------------------------------------------------------------------

    def with_input(
        self,
        input: Input,
        *,
        session_id: str | None = None,
        user_id: str | None = None,
        streaming: bool = False,
        initial_state: Any = None,
        budget: Budget | None = None,
        run_timeout_seconds: float | None = None,
        **provider_kwargs: Any,
    ) -> AgentRequest:
        """The agent with what it is asked, for `ctx.step.agent_invoke(key, ...)` and its kin, and for batches.

        Raises:
            InvalidPayload: The input is neither a text nor a list of messages.
        """
        payload = self._asked(input, streaming=streaming, budget=budget, options=provider_kwargs)
        return AgentRequest(self.definition, payload, session_id, user_id, initial_state, run_timeout_seconds)

    async def invoke(  # type: ignore[override]  # an agent takes an input, and gives its options to the model
        self, *args: Client | Input, streaming: bool = False, **options: Any
    ) -> ExecutionHandle[AgentResult]:
        """Ask and go on: `invoke([client,] input, session_id=, user_id=, ..., **provider_kwargs)`."""
        _, handle = await self._start(args, options, streaming=streaming)
        return handle

    async def run(  # type: ignore[override]  # as `invoke`
        self, *args: Client | Input, timeout: float | None = 600.0, **options: Any
    ) -> AgentResult:
        """Ask and wait for the answer.

        `run([client,] input, initial_state=, session_id=, user_id=, budget=, run_timeout_seconds=, idempotency_key=,
        queue=, concurrency_key=, **provider_kwargs)`: what is none of these goes to the model.

        Raises:
            ExecutionFailed, ExecutionCancelled, ExecutionTimedOut: What happened instead of an answer.
            ResultTimeout: After `timeout` seconds; the run goes on.
        """
        client, handle = await self._start(args, options, streaming=False)
        return cast(AgentResult, await client.wait_result(handle.id, timeout))

    async def stream(self, *args: Client | Input, **options: Any) -> StreamResult:
        """Ask, and read what the model says while it says it; arguments as `run`."""
        client, handle = await self._start(args, options, streaming=True)
        return StreamResult(client, handle)

    async def _start(
        self, args: tuple[Any, ...], options: dict[str, Any], *, streaming: bool
    ) -> tuple[Client, ExecutionHandle]:
        client, rest = client_first(args, options.pop("client", None))
        asked = rest.pop(0) if rest else options.pop("input", None)
        if rest:
            raise TypeError(
                f"expected ([client,] input), got {len(args)} arguments; options are given by name"
            )
        start = StartOptions(
            queue=options.pop("queue", None),
            concurrency_key=options.pop("concurrency_key", None),
            session=options.pop("session_id", None),
            user=options.pop("user_id", None),
            initial_state=options.pop("initial_state", None),
            run_timeout=options.pop("run_timeout_seconds", None),
            idempotency_key=options.pop("idempotency_key", None),
        )
        payload = self._asked(asked, streaming=streaming, budget=options.pop("budget", None), options=options)
        return client, await client.start(self.definition, payload, start)

    def _asked(
        self, asked: Any, *, streaming: bool, budget: Budget | None, options: dict[str, Any]
    ) -> AgentInput:
        try:
            return AgentInput(input=asked, streaming=streaming, budget=budget, options=options)
        except ValueError as error:
            errors = getattr(error, "errors", None)
            found = errors(include_input=False) if callable(errors) else []
            problems = [(".".join(map(str, one["loc"])), one["msg"]) for one in found]
            raise InvalidPayload(self.id, problems or [("input", str(error))]) from error


def _body(profile: Profile, place: str) -> Callable[..., Any]:
    async def agent(ctx: AgentContext, payload: AgentInput) -> AgentResult:
        return await run_agent(profile, ctx, payload)

    agent.__name__ = profile.id
    # Agents share this code, so the registry knows by their places whether one is another's reload.
    agent.__qualname__ = place
    return agent


def _place() -> str:
    """Where the agent is made: the first frame outside of this module."""
    frame = sys._getframe(2)
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"


def _check(id: str, provider: Any, model: str, retries: int) -> None:
    if not id or not isinstance(id, str):
        raise InvalidDefinition(f"an agent needs an id, got {id!r}")
    if not isinstance(provider, str) and not isinstance(provider, Provider):
        raise InvalidDefinition(
            f"agent {id!r}: provider={provider!r}; give a name such as 'openai', or an object with `stream`"
        )
    if not model or not isinstance(model, str):
        raise InvalidDefinition(f"agent {id!r}: model={model!r}; give the model's name, e.g. 'gpt-5-mini'")
    if retries < 0:
        raise InvalidDefinition(f"agent {id!r}: guardrail_max_retries={retries}; give 0 or more")
