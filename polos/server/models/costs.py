"""What executions cost. Amounts are US dollars as decimal text."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel


class CostRow(BaseModel):
    """The executions of one workflow that began on one day (UTC). `llm_cost`: null if a model has no price.

    `entries`: of their journals, besides starts and ends.
    """

    day: date
    workflow_id: str
    kind: str
    executions: int
    entries: int
    input_tokens: int
    output_tokens: int
    llm_cost: str | None
    aws_cost: str


class CostPage(BaseModel):
    """Part of an account: rows of several pages with one day and workflow add up. `next_cursor`: null at the end."""

    rows: list[CostRow]
    assumed: str
    next_cursor: str | None = None


class CostLine(BaseModel):
    """So much of something, and what that costs."""

    what: str
    count: int
    dollars: str


class LlmCost(BaseModel):
    """What models asked for, in a run of an agent with its sub-agents."""

    input_tokens: int
    output_tokens: int
    cost: str | None


class AwsCost(BaseModel):
    """About what AWS asks for an execution; `assumed` says how it was found."""

    lines: list[CostLine]
    dollars: str
    assumed: str


class ExecutionCost(BaseModel):
    """What one execution costs. `llm`: null if it is no agent's run, or has not ended."""

    llm: LlmCost | None
    aws: AwsCost
