"""The calls of an answer: each a child execution, all side by side; what goes wrong is told to the model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from pydantic import BaseModel

from polos.agents.asking import AgentInput
from polos.agents.loop import CallTools
from polos.agents.offers import Offer
from polos.agents.results import AgentResult, ToolResult, Usage, schema_name
from polos.agents.run import Run
from polos.core.codec import plain_json
from polos.errors import InvalidPayload, StepExecutionError
from polos.llm import types as llm
from polos.llm.errors import InvalidModelOutput
from polos.llm.types import ToolCall

_ROOT: Final = "payload."
_CUT_OFF: Final = (
    "the call was not made: your answer reached its limit of tokens and was cut off in it. Call again, with less in "
    "one answer"
)
_NOTHING_LEFT: Final = "the budget of the run is used up: answer with what there is"


@dataclass(frozen=True, slots=True)
class Called:
    """What became of a call: for the user (`result`), for the model (`text`), and what a sub-agent has used."""

    call: ToolCall
    result: ToolResult
    text: str
    delegated: AgentResult | None = None

    def part(self) -> llm.ToolResult:
        """As the model is told."""
        return llm.ToolResult(
            call_id=self.call.call_id, content=self.text, is_error=self.result.status == "failed"
        )


async def call_tools(run: Run, move: CallTools) -> list[Called]:
    """Make all calls of one answer, in their order.

    Raises:
        StepExecutionError: A hook said fail. A tool that fails does not raise: the model is told.
    """
    calls = [_Calling(run, f"{move.step}.{i}", call) for i, call in enumerate(move.calls)]
    if move.cut:
        calls[-1].cut = True
    agents = [call for call in calls if call.is_agent]
    for index, call in enumerate(agents):
        call.share = (index, len(agents))
    return list(await asyncio.gather(*(call.made() for call in calls)))


class _Calling:
    """One call. `key` tells it from every other call of the run.

    `cut`: the answer broke off in it or behind it. `share`: the how-manieth of how many agents that are called at once.
    """

    def __init__(self, run: Run, key: str, call: ToolCall) -> None:
        self._run = run
        self._key = key
        self._call = call
        self.cut = False
        self.share = (0, 1)

    @property
    def is_agent(self) -> bool:
        """Whether an agent answers."""
        offer = self._run.offers.get(self._call.name)
        return offer is not None and offer.is_agent

    async def made(self) -> Called:
        offer = self._run.offers.get(self._call.name)
        if offer is None:
            names = ", ".join(sorted(self._run.offers)) or "none"
            return self._failed(
                f"there is no tool {self._call.name!r}. The tools are: {names}", tool=self._call.name
            )
        try:
            arguments = offer.arguments(self._call)
        except InvalidModelOutput as error:
            return self._failed(_CUT_OFF if self.cut else str(error), tool=offer.tool)
        if self.cut and not arguments:  # what it was to be called with may just not have been written
            return self._failed(_CUT_OFF, tool=offer.tool)
        about = {"current_tool": offer.tool}
        changed = await self._run.hooks("on_tool_start", self._key, **about, current_payload=arguments)
        arguments = changed.get("current_payload", arguments)
        called = await self._invoke(offer, arguments)
        output = {"current_output": called.result.result, "error": called.result.error}
        changed = await self._run.hooks(
            "on_tool_end", self._key, **about, current_payload=arguments, **output
        )
        if "current_output" not in changed:
            return called
        revised = changed["current_output"]  # a call that failed stays one
        result = called.result.model_copy(update={"result": _json(revised), "result_schema": None})
        return replace(called, result=result, text=self._fitting(text_of(revised)))

    async def _invoke(self, offer: Offer, arguments: Any) -> Called:
        step = self._run.ctx.step
        try:
            payload = self._payload(offer, arguments)
            if payload is None:
                return self._failed(_NOTHING_LEFT, tool=offer.tool)
            value = await step.invoke_and_wait(f"{offer.tool}:{self._key}", offer.definition, payload)
        except InvalidPayload as error:
            problems = "; ".join(f"{path.removeprefix(_ROOT)}: {text}" for path, text in error.problems)
            return self._failed(f"the arguments do not fit: {problems}", tool=offer.tool)
        except StepExecutionError as error:
            return self._failed(error.message, tool=offer.tool, spent=_spent(error))
        return self._completed(offer, value)

    def _payload(self, offer: Offer, arguments: Any) -> Any:
        """What it is run with; an agent gets its share of what is left of the budget. None: nothing is left."""
        payload = offer.payload(arguments)
        if not offer.is_agent or not isinstance(payload, Mapping) or "input" not in payload:
            return payload
        left = self._run.rules.budget.left(self._run.state.spent.step_taken(), share=self.share)
        return None if left is None else AgentInput(input=payload["input"], budget=left)

    def _completed(self, offer: Offer, value: Any) -> Called:
        delegated = value if isinstance(value, AgentResult) else None
        answer = delegated.result if delegated else value
        schema = schema_name(type(answer)) if isinstance(answer, BaseModel) else None
        result = self._result(offer.tool, status="completed", result=_json(answer), result_schema=schema)
        return Called(self._call, result, self._fitting(text_of(answer)), delegated)

    def _fitting(self, text: str) -> str:
        """The text, cut at half of what the conversation may be: more of one result, and no compaction could help."""
        allowed = self._run.rules.compact_above
        if allowed is None or len(text) <= 2 * allowed:  # a token is about four characters
            return text
        return f"{text[: 2 * allowed]}\n[cut off here: the result has {len(text)} characters]"

    def _failed(self, error: str, *, tool: str, spent: AgentResult | None = None) -> Called:
        result = self._result(tool, status="failed", error=error)
        return Called(self._call, result, f"Error: {error}", spent)

    def _result(self, tool: str, **fields: Any) -> ToolResult:
        call = self._call
        return ToolResult(tool_name=tool, tool_call_id=call.id, tool_call_call_id=call.call_id, **fields)


def text_of(value: Any) -> str:
    """A tool's result as the model reads it: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else plain_json(value)


def _json(value: Any) -> Any:
    return json.loads(plain_json(value))


def _spent(error: StepExecutionError) -> AgentResult | None:
    """What a sub-agent had used when it failed, if the error says so."""
    account = error.data.get("agent")
    if not isinstance(account, Mapping):
        return None
    return AgentResult(
        agent_run_id=str(account.get("agent_run_id", "")),
        usage=Usage.model_validate(account.get("usage", {})),
        cost=account.get("cost"),
        run_steps=int(account.get("run_steps", 0)),
    )
