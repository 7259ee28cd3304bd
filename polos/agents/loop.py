"""The loop of an agent, as a pure machine: from what has happened to the next move. The body carries moves out.

    phase      what has happened                        next move
    READY      nothing, or a step is over               Finish (a limit is reached) | Compact | CallModel
    TOO_LONG   the provider refused: too long           Compact | Fail
    TOO_LATE   the provider may answer, but too late    Finish
    ANSWERED   the model has answered                   CheckAnswer
    REJECTED   a guardrail did not accept the answer    CallModel, anew, with its feedback | Finish | Fail
    ACCEPTED   the answer stands                        CallTools | CallModel, to mend its JSON | EndStep | Fail
    CALLED     every call has its result                EndStep
    ENDED      the step is over                         Finish | as READY

`decide` is total: every state has a move. What happens changes the state by the functions below it, and by nothing
else, so that a replay of the same happenings arrives at the same state.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from polos.agents.budget import Budget, Spent
from polos.agents.results import AgentOutcome
from polos.llm.types import Message, ModelResponse, StopReason, ToolCall, assistant, user

DEFAULT_STEPS: Final = 10
"""Steps of an agent that was given no `max_steps` and no budget of steps."""


class Phase(StrEnum):
    """Where the step under way stands; see the table above."""

    READY = "ready"
    TOO_LONG = "too_long"
    TOO_LATE = "too_late"
    ANSWERED = "answered"
    REJECTED = "rejected"
    ACCEPTED = "accepted"
    CALLED = "called"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Rules:
    """What holds for a whole run.

    `max_steps`: of this agent alone, None if its own condition or budget says. `guardrail_retries`: calls made anew for
    one step after a refusal. `repairs`: calls made anew for one step to mend invalid JSON. `compact_above`: tokens of
    conversation above which it is compacted; None: never.
    """

    max_steps: int | None = DEFAULT_STEPS
    budget: Budget = field(default_factory=Budget)
    guardrail_retries: int = 2
    repairs: int = 1
    compact_above: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """Where a run stands.

    `steps` counts finished steps. `asides` are messages that belong to the step under way alone: answers that did not
    stand, and what was said to them. `refusals`: how often, in this step, the provider found the conversation too long.
    `problem`: why the answer is no valid output. `tokens`: about how long the conversation is. `just_compacted`:
    nothing was said since the last time.
    """

    phase: Phase = Phase.READY
    steps: int = 0
    answer: ModelResponse | None = None
    rejections: int = 0
    repairs: int = 0
    refusals: int = 0
    asides: tuple[Message, ...] = ()
    feedback: str = ""
    problem: str = ""
    stopped_by: str | None = None
    spent: Spent = field(default_factory=Spent)
    tokens: int = 0
    just_compacted: bool = False


# --- moves --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CallModel:
    """Ask the model. `name` tells this call from every other of the run: a call made anew has another name."""

    step: int
    name: str
    asides: tuple[Message, ...] = ()

    @property
    def first(self) -> bool:
        """Whether it begins a step."""
        return self.name == str(self.step)


@dataclass(frozen=True, slots=True)
class CheckAnswer:
    """Let the guardrails look at the answer. `name` as that of the call it came from."""

    name: str
    answer: ModelResponse


@dataclass(frozen=True, slots=True)
class CallTools:
    """Call what the answer calls, side by side. `cut`: the answer broke off, so its last call may not be whole."""

    step: int
    calls: tuple[ToolCall, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class EndStep:
    """The step is over: tell the hooks, and ask the stop conditions."""

    step: int


@dataclass(frozen=True, slots=True)
class Compact:
    """Put a summary in the place of the older part of the conversation."""


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over, with what there is."""

    outcome: AgentOutcome
    stopped_by: str | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """The run fails. `error_type` says of what kind, as a class name does."""

    error_type: str
    message: str


Move = CallModel | CheckAnswer | CallTools | EndStep | Compact | Finish | Fail

_CUT_OFF: Final = {
    StopReason.MAX_TOKENS: AgentOutcome.TRUNCATED,
    StopReason.CONTEXT_FULL: AgentOutcome.TRUNCATED,
    StopReason.REFUSED: AgentOutcome.REFUSED,
}


def decide(state: State, rules: Rules) -> Move:
    """The next move."""
    match state.phase:
        case Phase.READY:
            return _next_step(state, rules)
        case Phase.TOO_LONG:
            return _shorten(state, rules)
        case Phase.TOO_LATE:
            return Finish(AgentOutcome.TIME_LIMIT)
        case Phase.ANSWERED:
            return CheckAnswer(_name(state), _answer(state))
        case Phase.REJECTED:
            return _anew(state, rules)
        case Phase.ACCEPTED:
            return _act(state, rules)
        case Phase.CALLED:
            return EndStep(state.steps + 1)
        case Phase.ENDED:
            return _after(state, rules)


def _next_step(state: State, rules: Rules) -> Move:
    reached = rules.budget.exhausted(state.spent)
    if reached is None and rules.max_steps is not None and state.steps >= rules.max_steps:
        reached = AgentOutcome.STEP_LIMIT
    if reached is not None:
        return Finish(reached)
    if rules.compact_above is not None and state.tokens > rules.compact_above and not state.just_compacted:
        return Compact()
    return CallModel(state.steps + 1, _name(state), state.asides)


def _shorten(state: State, rules: Rules) -> Move:
    if rules.compact_above is None or state.just_compacted:
        return Fail("ContextTooLong", state.feedback)
    return Compact()


def _anew(state: State, rules: Rules) -> Move:
    if state.rejections > rules.guardrail_retries:
        return Fail(
            "GuardrailFailed",
            f"no answer passed the guardrails in {state.rejections} attempts; the last objection: {state.feedback}",
        )
    return _again(state, rules)


def _again(state: State, rules: Rules) -> Move:
    """The same step once more, if there is anything left to pay it with."""
    reached = rules.budget.exhausted(state.spent)
    return Finish(reached) if reached else CallModel(state.steps + 1, _name(state), state.asides)


def _act(state: State, rules: Rules) -> Move:
    answer = _answer(state)
    if answer.tool_calls:
        cut = answer.stop_reason in (StopReason.MAX_TOKENS, StopReason.CONTEXT_FULL)
        return CallTools(state.steps + 1, answer.tool_calls, cut)
    if not state.problem or answer.stop_reason in (StopReason.REFUSED, StopReason.PAUSED):
        return EndStep(state.steps + 1)
    if state.repairs > rules.repairs:
        return Fail(
            "InvalidModelOutput", f"the model did not answer as its output_schema asks: {state.problem}"
        )
    return _again(state, rules)


def _after(state: State, rules: Rules) -> Move:
    answer = _answer(state)
    if answer.stop_reason is StopReason.PAUSED or answer.tool_calls:
        if state.stopped_by is not None:
            return Finish(AgentOutcome.STOPPED, state.stopped_by)
        return _next_step(state, rules)
    return Finish(_CUT_OFF.get(answer.stop_reason, AgentOutcome.COMPLETED))


def _answer(state: State) -> ModelResponse:
    if state.answer is None:
        raise AssertionError(f"an agent is in phase {state.phase} without an answer")
    return state.answer


def _name(state: State) -> str:
    """Of the call that is under way, or next: unique in the run."""
    step = state.steps + 1
    anew = f":guardrail-{state.rejections}" if state.rejections else ""
    mended = f":repair-{state.repairs}" if state.repairs else ""
    shortened = f":compacted-{state.refusals}" if state.refusals else ""
    return f"{step}{anew}{mended}{shortened}"


# --- what happens -------------------------------------------------------------------------------------------------


def begun(state: State, tokens: int) -> State:
    """The conversation that the run begins with is known."""
    return replace(state, phase=Phase.READY, tokens=tokens)


def answered(state: State, answer: ModelResponse) -> State:
    """The model has answered. Calls of an answer that it or the provider's filter broke off are none."""
    if answer.stop_reason is StopReason.REFUSED and answer.tool_calls:
        answer = answer.model_copy(update={"message": answer.message.with_tool_calls(())})
    return replace(state, phase=Phase.ANSWERED, answer=answer, just_compacted=False)


def too_long(state: State, message: str) -> State:
    """The provider has refused the conversation for its length."""
    return replace(state, phase=Phase.TOO_LONG, refusals=state.refusals + 1, feedback=message)


def too_late(state: State) -> State:
    """The provider wants a longer pause than the run has time."""
    return replace(state, phase=Phase.TOO_LATE)


def rejected(state: State, feedback: str) -> State:
    """A guardrail did not accept the answer: it is shown to the model with the objection, and is then forgotten."""
    objection = f"Your answer was not accepted: {feedback}\nAnswer again, without mentioning this."
    return replace(
        state,
        phase=Phase.REJECTED,
        rejections=state.rejections + 1,
        feedback=feedback,
        asides=(*state.asides, *_said(state), user(objection)),
    )


def accepted(state: State, answer: ModelResponse, problem: str = "") -> State:
    """The answer stands as it is now. `problem`: why its text is no valid output, if it is to be one."""
    state = replace(state, phase=Phase.ACCEPTED, answer=answer, problem=problem)
    if not problem or answer.tool_calls:
        return state
    return replace(
        state,
        repairs=state.repairs + 1,
        asides=(
            *state.asides,
            *_said(state),
            user(f"{problem}\nAnswer again, with the corrected JSON alone."),
        ),
    )


def called(state: State) -> State:
    """Every call has its result."""
    return replace(state, phase=Phase.CALLED)


def step_ended(state: State, stopped_by: str | None, tokens: int) -> State:
    """The step is over and part of the conversation; `stopped_by` names the stop condition that holds."""
    return replace(
        state,
        phase=Phase.ENDED,
        steps=state.steps + 1,
        tokens=tokens,
        spent=state.spent.step_taken(),
        rejections=0,
        repairs=0,
        refusals=0,
        asides=(),
        feedback="",
        stopped_by=stopped_by,
    )


def compacted(state: State, tokens: int) -> State:
    """A summary stands in the place of the older part."""
    return replace(state, phase=Phase.READY, tokens=tokens, just_compacted=True)


def _said(state: State) -> tuple[Message, ...]:
    """The words of an answer that does not stand. Its calls are left out: they will never have results."""
    text = _answer(state).text
    return (assistant(text),) if text.strip() else ()
