"""What an agent is run with: the payload of its executions, and the request that a workflow makes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, Field, field_validator

from polos.agents.budget import Budget
from polos.agents.messages import to_messages
from polos.agents.results import AgentResult
from polos.core.definitions import Definition
from polos.llm.types import Message


class AgentInput(BaseModel):
    """The payload of an agent's execution.

    `input` is a text or a list of messages. `streaming`: tell the readers of the run what the model says while it says
    it. `options` go to the model (`temperature`, `max_output_tokens`, `tool_choice`, or what the provider's API knows).
    `session_id` counts where the execution was started without one.
    """

    model_config = ConfigDict(extra="ignore")

    input: str | list[Any]
    streaming: bool = False
    session_id: str | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    budget: Budget | None = None

    @field_validator("input", mode="before")
    @classmethod
    def _messages(cls, given: Any) -> Any:
        to_messages(given)
        if isinstance(given, str):
            return given
        return [one.model_dump(mode="json") if isinstance(one, Message) else _plain(one) for one in given]


def _plain(given: Any) -> Any:
    return dict(given) if isinstance(given, Mapping) else given


@dataclass(frozen=True, slots=True)
class AgentRequest:
    """An agent and what it is asked: `agent.with_input(...)`, for `ctx.step.agent_invoke` and its kin."""

    definition: Definition
    payload: AgentInput
    session_id: str | None = None
    user_id: str | None = None
    initial_state: Any = None
    run_timeout_seconds: float | None = None

    @property
    def id(self) -> str:
        """The agent's id."""
        return self.definition.id

    def decode(self, text: str) -> AgentResult:
        """The result of the agent from what was stored of it."""
        return cast(AgentResult, self.definition.result_codec.decode(text))
