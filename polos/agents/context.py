"""What the hooks, guardrails and conditions of an agent are given: the context of its execution."""

from __future__ import annotations

from typing import Any

from polos.agents.profile import Profile
from polos.core.context import WorkflowContext


class AgentContext(WorkflowContext):
    """One execution of an agent, as its hooks see it."""

    def __init__(self, info: Any, replay: Any, *, resolve: Any, logger: Any = None) -> None:
        super().__init__(info, replay, resolve=resolve, logger=logger)
        self._profile: Profile = resolve(info.workflow).options["profile"]

    @property
    def agent_id(self) -> str:
        """The agent's id; the same as `workflow_id`."""
        return self.workflow_id

    @property
    def conversation_id(self) -> str | None:
        """The session whose history the agent goes on with; the same as `session_id`."""
        return self.session_id

    @property
    def model(self) -> str:
        """The name of the model."""
        return self._profile.model.name

    @property
    def provider(self) -> str:
        """The name of the provider."""
        return str(self._profile.model.shown()["provider"])

    @property
    def system_prompt(self) -> str:
        """The system prompt; empty if there is none."""
        return self._profile.system_prompt

    @property
    def tools(self) -> list[Any]:
        """The tools, as they were given to the agent."""
        return list(self._profile.tools)

    @property
    def temperature(self) -> float | None:
        """The temperature, if one was set."""
        return self._profile.model.temperature

    @property
    def max_tokens(self) -> int | None:
        """The longest answer, in tokens, if a limit was set."""
        return self._profile.model.max_output_tokens

    @property
    def began_at(self) -> float:
        """When the execution began, in epoch seconds."""
        return float(self._replay.journal.start.at / 1000)

    @property
    def elapsed_seconds(self) -> float:
        """Wall time since the execution began, as far as the journal knows: the same at every replay."""
        return max(0.0, self._replay.now_ms / 1000 - self.began_at)
