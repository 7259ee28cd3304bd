"""One operation of an execution, in full."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from polos.server.models.executions import Operation


class Input(BaseModel):
    """What an operation was given: arguments of a step (what JSON has no form for, as text), or a child's payload."""

    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    payload: Any = None


class Tokens(BaseModel):
    """Tokens of one call of a model; the cached ones are among the input."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0


class Said(BaseModel):
    """A message: its parts as they were stored, without what only the provider understands."""

    role: str
    parts: list[dict[str, Any]]


class Reply(BaseModel):
    """What a model answered."""

    message: Said
    stop_reason: str
    model: str = ""
    response_id: str = ""


class LlmCall(BaseModel):
    """A step that asks a model. What was asked is null where the agent's code is not known here; `cost` in US dollars.

    `first_token_ms`: from the beginning of the attempt that answered to its first words, where the run was streamed.
    """

    provider: str | None = None
    model: str | None = None
    system: str | None = None
    messages: list[Said] | None = None
    tools: list[str] = []
    streaming: bool = False
    response: Reply | None = None
    usage: Tokens | None = None
    cost: str | None = None
    first_token_ms: int | None = None


class LogLine(BaseModel):
    """A line that a step has logged."""

    at: datetime
    level: str
    logger: str
    text: str


class AttemptLog(BaseModel):
    """The last lines that an attempt has logged; `left_out`: how many there were before them."""

    attempt: int
    lines: list[LogLine]
    left_out: int = 0


class StepDetail(Operation):
    """One operation with what it was given and gave. `*_omitted`: too large for an answer.

    `logs`: of the attempts that are over and have logged something, as far as the process's logging let it through.
    `input_known`: whether the code is here that says what it was given. `question`: what a suspended step shows to who
    answers.
    """

    function: str | None = None
    input: Input | None = None
    input_known: bool = False
    input_omitted: bool = False
    output: Any = None
    output_omitted: bool = False
    error: dict[str, Any] | None = None
    max_retries: int | None = None
    timeout: float | None = None
    queue: str | None = None
    question: Any = None
    logs: list[AttemptLog] = Field(default_factory=list)
    llm: LlmCall | None = None
