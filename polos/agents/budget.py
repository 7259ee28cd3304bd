"""What an agent may use up, and what it has: counted over the run, sub-agents included."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from polos.agents.results import AgentOutcome, AgentResult, Usage


class Budget(BaseModel):
    """Limits of one run; None is none. Looked at before each call of the model: the run ends with what it has.

    `steps` are answers of models, `tokens` input and output together, `cost` US dollars by list prices, `seconds` wall
    time since the run began, waits included. Sub-agents count, and get what is left.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: int | None = Field(default=None, ge=1)
    tokens: int | None = Field(default=None, ge=1)
    cost: Decimal | None = Field(default=None, gt=0)
    seconds: float | None = Field(default=None, gt=0)

    def exhausted(self, spent: Spent) -> AgentOutcome | None:
        """The first limit that is reached, as the outcome it leads to."""
        if self.steps is not None and spent.steps >= self.steps:
            return AgentOutcome.STEP_LIMIT
        if self.tokens is not None and spent.usage.total_tokens >= self.tokens:
            return AgentOutcome.TOKEN_LIMIT
        if self.cost is not None and (spent.cost or 0) >= self.cost:
            return AgentOutcome.COST_LIMIT
        if self.seconds is not None and spent.seconds >= self.seconds:
            return AgentOutcome.TIME_LIMIT
        return None

    def left(self, spent: Spent, *, share: tuple[int, int] = (0, 1)) -> Budget | None:
        """What the i-th of n sub-agents that run side by side (`share` is (i, n)) may use, so that all keep within.

        None: there is nothing left for it.
        """
        index, shares = share
        rest: dict[str, Any] = {}
        if self.steps is not None:
            rest["steps"] = (self.steps - spent.steps + shares - 1 - index) // shares
        if self.tokens is not None:
            rest["tokens"] = (self.tokens - spent.usage.total_tokens + shares - 1 - index) // shares
        if self.cost is not None:
            rest["cost"] = (self.cost - (spent.cost or 0)) / shares
        if self.seconds is not None:
            rest["seconds"] = self.seconds - spent.seconds
        return None if any(amount <= 0 for amount in rest.values()) else Budget(**rest)

    def within(self, other: Budget | None) -> Budget:
        """The stricter of two budgets, limit by limit."""
        if other is None:
            return self
        tightest = {}
        for name in Budget.model_fields:
            given = [value for value in (getattr(self, name), getattr(other, name)) if value is not None]
            tightest[name] = min(given) if given else None
        return Budget(**tightest)


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has used so far. `priced`: whether all of it has a price, so that `cost` is the whole cost."""

    usage: Usage = field(default_factory=Usage)
    cost: Decimal | None = None
    priced: bool = True
    steps: int = 0
    seconds: float = 0.0

    def called(self, usage: Usage, cost: Decimal | None) -> Self:
        """After a call of a model."""
        return replace(
            self,
            usage=self.usage + usage,
            cost=(self.cost or Decimal(0)) + (cost or Decimal(0)),
            priced=self.priced and cost is not None,
        )

    def step_taken(self) -> Self:
        """With the step under way counted, which is paid already."""
        return replace(self, steps=self.steps + 1)

    def delegated(self, result: AgentResult) -> Self:
        """After a sub-agent has ended."""
        return replace(self.called(result.usage, result.cost), steps=self.steps + result.run_steps)

    @property
    def total_cost(self) -> Decimal | None:
        """The cost, if all of it is known."""
        return self.cost if self.priced else None
