"""Guardrails at work: each looks at the answer as those before it have left it, and is recorded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from polos.agents.loop import CheckAnswer
from polos.agents.messages import read_call, shown_call
from polos.agents.model_step import ModelCall, Prompt
from polos.agents.output import Output
from polos.agents.profile import request_of
from polos.agents.run import Run
from polos.core.codec import Codec, codec_for
from polos.core.hooks import HookAction
from polos.errors import InvalidDefinition
from polos.llm.errors import InvalidModelOutput
from polos.llm.types import ModelResponse, ToolCall, user
from polos.middleware.guardrail import (
    JUDGE,
    Guardrail,
    GuardrailContext,
    GuardrailResult,
    Rule,
    Verdict,
    judgement,
)

_RESULT: Final[Codec[GuardrailResult]] = codec_for(GuardrailResult)
_VERDICT: Final = Output(Verdict)


@dataclass(frozen=True, slots=True)
class Checked:
    """The answer as the guardrails leave it, or the objection of the one that did not accept it."""

    answer: ModelResponse
    objection: str | None = None


async def check(run: Run, move: CheckAnswer) -> Checked:
    """Let every guardrail look, in order; the first objection ends it.

    Raises:
        StepExecutionError: A guardrail raised, or the model that judges could not be asked.
    """
    answer = move.answer
    for index, guardrail in enumerate(run.profile.guardrails):
        if isinstance(guardrail, Rule):
            result = await _judge(run, f"{move.name}:{index}", guardrail, answer)
        else:
            result = await _call(run, f"{move.name}:{index}", guardrail, answer)
        if result.action is HookAction.FAIL:
            return Checked(answer, result.error_message or "it breaks a rule")
        answer = _modified(answer, result, f"{run.ctx.execution_id}:{move.name}:{index}")
    return Checked(answer)


async def _call(run: Run, key: str, guardrail: Guardrail, answer: ModelResponse) -> GuardrailResult:
    count = len(run.steps)

    def arguments() -> tuple[Any, ...]:
        return guardrail.arguments(run.ctx, _context(run, answer, count))

    def called() -> GuardrailResult:
        return _checked(guardrail, guardrail(*arguments()))

    async def awaited() -> GuardrailResult:
        return _checked(guardrail, await guardrail(*arguments()))

    function: Callable[[], Any] = awaited if guardrail.is_async else called
    result: GuardrailResult = await run.record(f"guardrail:{key}:{guardrail.name}", function, _RESULT)
    return result


def _checked(guardrail: Guardrail, returned: Any) -> GuardrailResult:
    """What a guardrail returned, with calls that can be made."""
    result = guardrail.verdict(returned)
    try:
        _calls(result, "")
    except ValueError as error:
        raise InvalidDefinition(
            f"modified_tool_calls of the guardrail {guardrail.name!r}: {error}"
        ) from error
    return result


async def _judge(run: Run, key: str, rule: Rule, answer: ModelResponse) -> GuardrailResult:
    """Ask the agent's own model whether the answer keeps a rule. A judgement that cannot be read is an objection."""
    question = judgement(rule.text, answer.text, [shown_call(call) for call in answer.tool_calls])
    request = request_of(run.model, system=JUDGE, output=_VERDICT.spec)
    call = ModelCall(run.model, request, Prompt(None, (), instead=(user(question),)), step=f"guardrail:{key}")
    judged = await run.ask(f"guardrail:{key}", call)
    run.spend(judged)
    try:
        verdict = _VERDICT.read(judged.response.text)
    except InvalidModelOutput:
        return GuardrailResult.fail(f"it could not be judged whether this rule is kept: {rule.text}")
    if verdict.passed:
        return GuardrailResult.continue_with()
    return GuardrailResult.fail(verdict.reason or f"it breaks this rule: {rule.text}")


def _context(run: Run, answer: ModelResponse, count: int) -> GuardrailContext:
    ctx = run.ctx
    return GuardrailContext(
        content=answer.text,
        tool_calls=[shown_call(call) for call in answer.tool_calls],
        agent_workflow_id=ctx.workflow_id,
        agent_run_id=ctx.execution_id,
        session_id=run.session,
        user_id=ctx.user_id,
        llm_config=run.model.shown(),
        steps=[step.model_dump(mode="json") for step in run.steps[:count]],
    )


def _modified(answer: ModelResponse, result: GuardrailResult, name: str) -> ModelResponse:
    message = answer.message
    if result.modified_content is not None:
        message = message.with_text(result.modified_content)
    if result.modified_tool_calls is not None:
        message = message.with_tool_calls(_calls(result, name))
    return answer if message is answer.message else answer.model_copy(update={"message": message})


def _calls(result: GuardrailResult, name: str) -> list[ToolCall]:
    """The calls that it wrote. `name` is no other check's, so that ids made from it are no other call's."""
    fresh = hashlib.sha256(name.encode()).hexdigest()[:24]
    calls = result.modified_tool_calls or ()
    return [read_call(call, f"call_{fresh}_{index}") for index, call in enumerate(calls)]
