"""All that an agent is set up with, checked and settled: what its executions look things up in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, cast

from polos.agents.budget import Budget
from polos.agents.conditions import StopCondition
from polos.agents.memory import CompactionConfig
from polos.agents.model_step import CannotAsk, Model
from polos.agents.offers import Offer, ToolSource, by_name, offers_of, sources
from polos.agents.output import Output
from polos.core.hooks import Hook
from polos.llm.request import ModelRequest, ToolChoice, ToolNamed
from polos.middleware.guardrail import Guardrail, Rule

_SETTINGS: Final = ("temperature", "max_output_tokens", "tool_choice")
_REQUEST: Final = ("cache", "timeout", "api_key_env")


@dataclass(frozen=True)
class Hooks:
    """The hooks of an agent, by point."""

    on_start: tuple[Hook, ...] = ()
    on_end: tuple[Hook, ...] = ()
    on_agent_step_start: tuple[Hook, ...] = ()
    on_agent_step_end: tuple[Hook, ...] = ()
    on_tool_start: tuple[Hook, ...] = ()
    on_tool_end: tuple[Hook, ...] = ()

    def at(self, point: str) -> tuple[Hook, ...]:
        """Those of one point."""
        hooks: tuple[Hook, ...] = getattr(self, point)
        return hooks


@dataclass(frozen=True)
class Profile:
    """An agent's settings."""

    id: str
    model: Model
    system_prompt: str = ""
    tools: tuple[Any, ...] = ()
    hooks: Hooks = field(default_factory=Hooks)
    guardrails: tuple[Guardrail | Rule, ...] = ()
    guardrail_retries: int = 2
    conditions: tuple[StopCondition, ...] = ()
    output: Output | None = None
    compaction: CompactionConfig = field(default_factory=CompactionConfig)
    budget: Budget = field(default_factory=Budget)
    streams: bool = False

    @cached_property
    def offers(self) -> dict[str, Offer]:
        """The tools that are known without asking, by the name the model calls."""
        return by_name(offers_of(self.tools), self.id)

    @cached_property
    def sources(self) -> list[ToolSource]:
        """The tools that have to be asked what they have."""
        return sources(self.tools)

    @property
    def limits_steps(self) -> bool:
        """Whether it says itself after how many steps to stop."""
        return self.budget.steps is not None or any(one.name == "max_steps" for one in self.conditions)


def with_options(model: Model, options: Mapping[str, Any]) -> Model:
    """A model with the options of one run over its own: settings by name, all others for the provider's API.

    Raises:
        CannotAsk: The `tool_choice` is none.
    """
    given = {
        ("max_output_tokens" if name == "max_tokens" else name): value for name, value in options.items()
    }
    settings: dict[str, Any] = {name: given.pop(name) for name in _SETTINGS if name in given}
    if "tool_choice" in settings:
        settings["tool_choice"] = _tool_choice(settings["tool_choice"])
    fields: dict[str, Any] = {name: given.pop(name) for name in _REQUEST if name in given}
    return replace(model, fields={**model.fields, **fields}, extra={**model.extra, **given}, **settings)


def _tool_choice(given: Any) -> ToolChoice:
    """A choice as users write it: in our words, by the name of a tool, or as a provider's API has it."""
    match given:
        case "auto" | "none" | "required" | ToolNamed():
            return cast("ToolChoice", given)
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            return ToolNamed(name)
        case str(name):
            return ToolNamed(name)
        case {"type": "any"}:
            return "required"
        case _:
            raise CannotAsk(
                f"tool_choice={given!r}: say 'auto', 'none', 'required', or the name of one of the agent's tools"
            )


def request_of(model: Model, **fields: Any) -> ModelRequest:
    """The request to this model, still without messages."""
    return ModelRequest(
        model=model.name,
        messages=(),
        temperature=model.temperature,
        max_output_tokens=model.max_output_tokens,
        base_url=model.base_url,
        extra=model.extra,
        **{**model.fields, **fields},
    )
