"""One run of an agent as its parts share it: where the loop stands, the conversation, what may be called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from polos.agents.asking import AgentInput
from polos.agents.context import AgentContext
from polos.agents.loop import Move, Rules, State, decide
from polos.agents.memory import Conversation
from polos.agents.model_step import RETRIES, Model, ModelAnswer, ModelCall, call_model
from polos.agents.offers import Offer
from polos.agents.profile import Profile
from polos.agents.results import AgentResult, AgentStep, ToolResult, Usage
from polos.core.codec import Codec
from polos.core.hooks import ONCE, HookContext, inline, run_hooks
from polos.core.retry import RetryPolicy


@dataclass
class Run:
    """The state of one run. All of it follows from the journal: a replay arrives at the same."""

    ctx: AgentContext
    profile: Profile
    asked: AgentInput
    model: Model
    session: str | None = None
    rules: Rules = field(default_factory=Rules)
    state: State = field(default_factory=State)
    talk: Conversation = field(default_factory=Conversation)
    offers: dict[str, Offer] = field(default_factory=dict)
    steps: list[AgentStep] = field(default_factory=list)
    results: list[ToolResult] = field(default_factory=list)

    @property
    def streaming(self) -> bool:
        """Whether the readers of the run are told what the model says."""
        return self.asked.streaming or self.profile.streams

    @property
    def deadline(self) -> float | None:
        """When its wall time is used up, in epoch seconds."""
        seconds = self.rules.budget.seconds
        return None if seconds is None else self.ctx.began_at + seconds

    async def ask(self, key: str, call: ModelCall) -> ModelAnswer:
        """Call the model, as the step of that key.

        Raises:
            StepExecutionError: It did not answer, for good.
        """
        answer: ModelAnswer = await self.ctx.step.run(key, call_model, call, **RETRIES)
        return answer

    async def hooks(self, point: str, key: str, **current: Any) -> dict[str, Any]:
        """Call the hooks of a point; what they changed. `key` tells this moment from others at the same point.

        Raises:
            StepExecutionError: One of them said fail.
        """
        hooks = self.profile.hooks.at(point)
        if not hooks:
            return {}
        count = len(self.steps)

        def at() -> HookContext:
            known = [step.model_dump(mode="json") for step in self.steps[:count]]
            return self._hook_context(point, known, current)

        return await run_hooks(self.ctx, f"{point}:{key}" if key else point, hooks=hooks, at=at)

    def _hook_context(self, point: str, steps: list[dict[str, Any]], current: dict[str, Any]) -> HookContext:
        ctx = self.ctx
        return HookContext(
            point=point,
            workflow_id=ctx.workflow_id,
            execution_id=ctx.execution_id,
            session_id=self.session,
            user_id=ctx.user_id,
            agent_id=ctx.agent_id,
            llm_config=self.model.shown(),
            steps=steps,
            **{name: value() if callable(value) else value for name, value in current.items()},
        )

    async def record(
        self, address: str, function: Callable[[], Any], codec: Codec[Any], *, retry: RetryPolicy = ONCE
    ) -> Any:
        """Call a function and record what it gives, without an invocation of its own."""
        return await inline(self.ctx._replay, address, function, codec, retry=retry)

    def move(self) -> Move:
        """What to do next, the time that has passed counted in."""
        if self.rules.budget.seconds is not None:
            spent = replace(self.state.spent, seconds=self.ctx.elapsed_seconds)
            self.state = replace(self.state, spent=spent)
        return decide(self.state, self.rules)

    def spend(self, answer: ModelAnswer) -> None:
        """Count a call of the model."""
        spent = self.state.spent.called(Usage.of(answer.response.usage), answer.cost)
        self.state = replace(self.state, spent=spent)

    def delegated(self, result: AgentResult) -> None:
        """Count what a sub-agent has used."""
        self.state = replace(self.state, spent=self.state.spent.delegated(result))

    def account(self) -> dict[str, Any]:
        """What the run has used so far, for the error it fails with."""
        spent = self.state.spent
        return {
            "agent_run_id": self.ctx.execution_id,
            "usage": spent.usage.model_dump(),
            "cost": None if spent.total_cost is None else str(spent.total_cost),
            "run_steps": spent.steps,
        }
