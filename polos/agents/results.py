"""What an agent gives: its answer, what it did for it, and what that cost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from polos.core.codec import Codec, DoesNotFit, codec_for
from polos.errors import NotStorable, StoreTooNew
from polos.llm import types as llm

FORMAT: Final = 1


class Usage(BaseModel):
    """Tokens used. `input_tokens` counts the cached ones too; the cache fields say how many were read and written."""

    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0
    cache_read_input_tokens: int = 0
    cache_creation_input_tokens: int = 0

    @classmethod
    def of(cls, usage: llm.Usage) -> Self:
        """From what a provider reported."""
        return cls(**{name: getattr(usage, name) for name in cls.model_fields})

    def __add__(self, other: Usage) -> Usage:
        return Usage(**{name: getattr(self, name) + getattr(other, name) for name in Usage.model_fields})


class AgentOutcome(StrEnum):
    """How an agent's run ended. All but `completed` bring what there was: the last text, the results so far."""

    COMPLETED = "completed"
    """The model said what it had to say."""
    STOPPED = "stopped"
    """A stop condition held; `stopped_by` names it."""
    STEP_LIMIT = "step_limit"
    """The steps are used up."""
    TOKEN_LIMIT = "token_limit"  # noqa: S105 (no password)
    """The tokens are used up."""
    COST_LIMIT = "cost_limit"
    """The money is used up."""
    TIME_LIMIT = "time_limit"
    """The wall time is used up."""
    TRUNCATED = "truncated"
    """The last answer was cut off, at `max_output_tokens` or at the end of the context."""
    REFUSED = "refused"
    """The model declined; the result is what it said to that."""


class ToolResult(BaseModel):
    """What became of one tool call. `result` is JSON: a model that the tool returned is a dict here.

    `tool_call_id` is the provider's id of the call, `tool_call_call_id` the one its result referred to.
    """

    tool_name: str
    status: Literal["completed", "failed"]
    result: Any = None
    result_schema: str | None = None
    error: str | None = None
    tool_call_id: str = ""
    tool_call_call_id: str = ""


class AgentStep(BaseModel):
    """One finished step of an agent: an answer of the model, and what its tool calls gave."""

    step: int
    content: str = ""
    tool_calls: list[dict[str, Any]] = Field(default_factory=list)
    tool_results: list[ToolResult] = Field(default_factory=list)
    usage: Usage = Field(default_factory=Usage)


class AgentResult(BaseModel):
    """The result of an agent's run.

    `result` is the last text, or an instance of the agent's `output_schema`, which `result_schema` names then.
    `usage` and `cost` (US dollars, an estimate by list prices; None if a model has none) are summed over the whole
    run: guardrails in words, summaries and sub-agents included. `total_steps` counts the agent's own steps.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    agent_run_id: str
    result: Any = None
    result_schema: str | None = None
    tool_results: list[ToolResult] = Field(default_factory=list)
    total_steps: int = 0
    usage: Usage = Field(default_factory=Usage)
    cost: Decimal | None = None
    outcome: AgentOutcome = AgentOutcome.COMPLETED
    stopped_by: str | None = None
    run_steps: int = 0
    """Steps of the agent and of its sub-agents together."""


class ResultCodec(Codec[AgentResult]):
    """How results are stored: plain JSON, in which the answer is rebuilt by the agent's own `output_schema`."""

    def __init__(self, output_schema: Any = None) -> None:
        self._output = None if output_schema is None else codec_for(output_schema, root="result.result")

    def encode(self, value: AgentResult) -> str:
        """See `Codec.encode`."""
        data = {"v": FORMAT, **value.model_dump(mode="json", exclude={"result"})}
        typed = self._output is not None and value.result_schema is not None
        text = self._output.encode(value.result) if typed and self._output else _PLAIN.encode(value.result)
        return json.dumps({**data, "result": json.loads(text)}, ensure_ascii=False, separators=(",", ":"))

    def decode(self, text: str) -> AgentResult:
        """See `Codec.decode`."""
        try:
            data = dict(json.loads(text))
            if data.pop("v", FORMAT) > FORMAT:
                raise StoreTooNew(
                    "the result of an agent was stored by a newer version of polos; upgrade this one"
                )
            stored = json.dumps(data.pop("result", None))
            typed = self._output is not None and data.get("result_schema") is not None
            answer = self._output.decode(stored) if typed and self._output else _PLAIN.decode(stored)
            return AgentResult.model_validate({**data, "result": answer})
        except (ValueError, TypeError) as error:
            raise NotStorable(f"the text is no result of an agent: {error}", path="result") from error

    def round_trip(self, value: AgentResult) -> tuple[str, AgentResult]:
        """See `Codec.round_trip`."""
        text = self.encode(value)
        return text, self.decode(text)

    def coerce(self, value: Any) -> AgentResult:
        """See `Codec.coerce`."""
        try:
            return AgentResult.model_validate(value)
        except ValueError as error:
            raise DoesNotFit([("result", f"is no AgentResult: {error}")], root="result") from error


class RevisedCodec(ResultCodec):
    """What a hook at the end may give: a whole result, some of its fields, or another answer in its place."""

    def __init__(self, before: AgentResult, output_schema: Any = None) -> None:
        super().__init__(output_schema)
        self._before = before

    def coerce(self, value: Any) -> AgentResult:
        """See `Codec.coerce`."""
        if isinstance(value, AgentResult):
            return value
        if isinstance(value, Mapping) and value and set(value) <= set(AgentResult.model_fields):
            return super().coerce({**dict(self._before), **value})
        keeps = self._before.result_schema if isinstance(value, type(self._before.result)) else None
        return self._before.model_copy(update={"result": value, "result_schema": keeps})


_PLAIN = codec_for(root="result.result")


def schema_name(schema: Any) -> str:
    """The name of an output schema: of a class, where it is defined."""
    name = getattr(schema, "__qualname__", None)
    return f"{schema.__module__}.{name}" if name else repr(schema)
