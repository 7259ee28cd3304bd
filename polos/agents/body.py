"""An agent's execution: an async workflow that carries out the moves its loop decides.

    decide(state, rules) -> move        pure, in `loop`
    CallModel                           a step; its answer is recorded once and never asked for again
    CheckAnswer                         guardrails, each recorded
    CallTools                           child executions, side by side
    EndStep                             hooks, stop conditions
    Compact                             a step that writes a summary
    Finish, Fail                        the result, or the error with what was used until then

The conversation of a run is in its journal, in the answers of its steps, each stored once; what came before it in its
session is in the session's log, and is referred to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final, assert_never

from polos.agents import sessions
from polos.agents.around import after, before
from polos.agents.asking import AgentInput
from polos.agents.calling import Called, call_tools
from polos.agents.checking import check
from polos.agents.compacting import shorten
from polos.agents.conditions import StopCondition, StopConditionContext
from polos.agents.context import AgentContext
from polos.agents.loop import (
    DEFAULT_STEPS,
    CallModel,
    CallTools,
    CheckAnswer,
    Compact,
    EndStep,
    Fail,
    Finish,
    Rules,
    accepted,
    answered,
    begun,
    called,
    compacted,
    rejected,
    step_ended,
    too_late,
    too_long,
)
from polos.agents.memory import Conversation, Past, view
from polos.agents.messages import shown_call, to_messages
from polos.agents.model_step import ModelCall, Prompt
from polos.agents.offers import by_name, found_offers
from polos.agents.profile import Profile, request_of, with_options
from polos.agents.results import AgentResult, AgentStep, Usage
from polos.agents.run import Run
from polos.core.codec import Codec, codec_for
from polos.core.hooks import ANYTHING
from polos.core.retry import RetryPolicy
from polos.errors import NonRetryable, StepExecutionError
from polos.llm.errors import InvalidModelOutput
from polos.llm.types import Message, ModelResponse, StopReason, tool_results
from polos.runtime import names
from polos.runtime.environment import step_environment

STEPS_ENV: Final = "POLOS_AGENT_MAX_STEPS"
_STORE_RETRIES: Final = RetryPolicy(max_retries=5, base_delay=1.0, max_delay=30.0)


async def run_agent(profile: Profile, ctx: AgentContext, asked: AgentInput) -> AgentResult:
    """The body of an agent's workflow.

    Raises:
        StepExecutionError: The model did not answer, a hook said fail, no answer passed the guardrails ...; what was
            used until then is in `data["agent"]`.
    """
    asked = await before(ctx, profile, asked)
    run = Run(
        ctx,
        profile,
        asked,
        with_options(profile.model, asked.options),
        session=ctx.session_id or asked.session_id,
    )
    try:
        result = await _Body(run).result()
    except StepExecutionError as error:
        error.data.setdefault("agent", run.account())
        raise
    return result


class _Body:
    """One run, move by move."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._past: Past | None = None
        self._made: list[Called] = []
        # What a hook put in the place of the conversation holds for the whole step, calls made anew included.
        self._instead: tuple[Message, ...] | None = None

    async def result(self) -> AgentResult:
        await self._begin()
        run = self._run
        while True:
            match run.move():
                case CallModel() as move:
                    await self._call_model(move)
                case CheckAnswer() as move:
                    await self._check(move)
                case CallTools() as move:
                    await self._call_tools(move)
                case EndStep() as move:
                    await self._end_step(move)
                case Compact():
                    await self._compact()
                case Finish() as move:
                    return await self._finish(move)
                case Fail() as move:
                    raise StepExecutionError(move.message, error_type=move.error_type)
                case never:
                    assert_never(never)

    # --- the beginning --------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """What the run depends on beyond its code and input is recorded first: settings, its session, found tools."""
        run = self._run
        looked = await run.record("agent:begin", self._look, ANYTHING, retry=_STORE_RETRIES)
        if looked["past"] is not None:
            self._past = Past(**looked["past"])
        run.talk = Conversation(past=self._past, own=to_messages(run.asked.input))
        compaction = run.profile.compaction
        run.rules = Rules(
            max_steps=None if run.profile.limits_steps else looked["max_steps"],
            budget=run.profile.budget.within(run.asked.budget),
            guardrail_retries=run.profile.guardrail_retries,
            compact_above=compaction.max_conversation_tokens if compaction.enabled else None,
        )
        run.state = begun(run.state, run.talk.tokens)
        run.offers = await self._offers()

    def _look(self) -> dict[str, Any]:
        past = None
        if self._run.session is not None:
            environment = step_environment()
            name = names.session(environment.project, self._run.profile.id, self._run.session)
            held = sessions.look(environment.ports.log, name)
            past = {field: getattr(held, field) for field in Past.__dataclass_fields__}
        return {"max_steps": _default_steps(), "past": past}

    async def _offers(self) -> dict[str, Any]:
        profile = self._run.profile
        if not profile.sources:
            return profile.offers
        offers = list(profile.offers.values())
        for source in profile.sources:
            found = await self._run.ctx.step.run(f"tools:{source.name}", source.discover)
            offers += found_offers(source, found)
        return by_name(offers, profile.id)

    # --- a call of the model --------------------------------------------------------------------------------------

    async def _call_model(self, move: CallModel) -> None:
        run = self._run
        if move.first:
            self._instead = await self._step_started(move)
        key = f"llm:{move.name}"
        call = self._call(move)
        try:
            answer = await run.ask(key, call)
        except StepExecutionError as error:
            match error.error_type:
                case "ContextTooLong":
                    run.state = too_long(run.state, error.message)
                case "NoTimeLeft":
                    run.state = too_late(run.state)
                case _:
                    raise
            return
        run.spend(answer)
        run.state = answered(run.state, answer.response)

    def _call(self, move: CallModel) -> ModelCall:
        run, profile = self._run, self._run.profile
        talk = run.talk
        choice = run.model.tool_choice if move.step == 1 else "auto"
        request = request_of(
            run.model,
            system=profile.system_prompt,
            tools=tuple(offer.spec for offer in run.offers.values()),
            tool_choice=choice if run.offers else "auto",
            output=None if profile.output is None else profile.output.spec,
        )
        prompt = Prompt(talk.past, tuple(talk.own), talk.cut, talk.summary, move.asides, self._instead)
        return ModelCall(
            run.model,
            request,
            prompt,
            step=f"llm:{move.step}",
            streaming=run.streaming and not profile.guardrails,
            budgeted=run.rules.budget.cost is not None,
            deadline=run.deadline,
        )

    async def _step_started(self, move: CallModel) -> tuple[Message, ...] | None:
        """Tell the hooks; the messages to send in place of the conversation, if one says so."""
        own = list(self._run.talk.own)

        def payload() -> dict[str, Any]:
            return {"step": move.step, "messages": [message.model_dump(mode="json") for message in own]}

        changed = await self._run.hooks(
            "on_agent_step_start", str(move.step), step=move.step, current_payload=payload
        )
        revised = changed.get("current_payload")
        if not isinstance(revised, Mapping) or "messages" not in revised:
            return None
        return tuple(to_messages(revised["messages"]))

    # --- what is done with the answer -------------------------------------------------------------------------------

    async def _check(self, move: CheckAnswer) -> None:
        run = self._run
        checked = await check(run, move)
        if checked.objection is not None:
            run.state = rejected(run.state, checked.objection)
            return
        answer = checked.answer
        problem = ""
        if run.profile.output is not None and not answer.tool_calls:
            problem = run.profile.output.problem(answer.text)
        run.state = accepted(run.state, answer, problem)
        if not problem or answer.stop_reason in (StopReason.REFUSED, StopReason.PAUSED):
            await self._told(move.name, answer)

    async def _told(self, name: str, answer: ModelResponse) -> None:
        """What was kept back until the guardrails had seen it."""
        run = self._run
        if not run.streaming or not run.profile.guardrails:
            return
        about = {
            "step": f"llm:{run.state.steps + 1}",
            "_metadata": {"execution_id": run.ctx.execution_id, "workflow_id": run.ctx.workflow_id},
        }
        step = run.ctx.step
        if answer.text:
            data = {"content": answer.text, **about}
            await step.publish_workflow_event(f"text:{name}", data, "text_delta")
        for index, made in enumerate(answer.tool_calls):
            data = {"tool_call": shown_call(made), **about}
            await step.publish_workflow_event(f"call:{name}:{index}", data, "tool_call")

    async def _call_tools(self, move: CallTools) -> None:
        run = self._run
        made = await call_tools(run, move)
        for one in made:
            if one.delegated is not None:
                run.delegated(one.delegated)
        run.results += [one.result for one in made]
        self._made = made
        run.state = called(run.state)

    async def _end_step(self, move: EndStep) -> None:
        """The answer and its results become part of the conversation; then hooks and conditions have their say."""
        run = self._run
        answer = run.state.answer
        if answer is None:
            raise AssertionError("a step ends without an answer")
        made = self._made if answer.tool_calls else []
        message = await self._step_end_hooks(move, answer, [one.result for one in made])
        run.talk.add(message, *([tool_results(one.part() for one in made)] if made else []))
        run.steps.append(
            AgentStep(
                step=move.step,
                content=message.text,
                tool_calls=[shown_call(call) for call in message.tool_calls],
                tool_results=[one.result for one in made],
                usage=Usage.of(answer.usage),
            )
        )
        run.state = step_ended(run.state, await self._stopped_by(move.step), run.talk.tokens)

    async def _step_end_hooks(self, move: EndStep, answer: ModelResponse, results: list[Any]) -> Message:
        run = self._run

        def output() -> dict[str, Any]:
            return {
                "step": move.step,
                "content": answer.text,
                "tool_calls": [shown_call(call) for call in answer.tool_calls],
                "tool_results": [result.model_dump(mode="json") for result in results],
            }

        changed = await run.hooks("on_agent_step_end", str(move.step), step=move.step, current_output=output)
        revised = changed.get("current_output")
        if isinstance(revised, Mapping) and isinstance(revised.get("content"), str):
            return answer.message.with_text(revised["content"])
        return answer.message

    async def _stopped_by(self, step: int) -> str | None:
        """The first stop condition that holds."""
        run = self._run
        ctx = StopConditionContext.model_construct(
            steps=list(run.steps),
            usage=run.state.spent.usage,
            agent_id=run.profile.id,
            agent_run_id=run.ctx.execution_id,
        )
        for index, condition in enumerate(run.profile.conditions):
            if await self._holds(condition, ctx, f"{step}:{index}"):
                return condition.name
        return None

    async def _holds(self, condition: StopCondition, ctx: StopConditionContext, key: str) -> bool:
        if condition.pure:
            return bool(condition.holds(ctx))
        address = f"stop:{key}:{condition.name}"
        return bool(await self._run.record(address, condition.question(ctx), _BOOL))

    # --- shortening -------------------------------------------------------------------------------------------------

    async def _compact(self) -> None:
        run = self._run
        name = f"compact:{run.state.steps + 1}:{run.state.refusals}"
        await shorten(run, name)
        run.state = compacted(run.state, run.talk.tokens)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _finish(self, move: Finish) -> AgentResult:
        run = self._run
        value, schema = self._value()
        spent = run.state.spent
        result = AgentResult(
            agent_run_id=run.ctx.execution_id,
            result=value,
            result_schema=schema,
            tool_results=run.results,
            total_steps=run.state.steps,
            usage=spent.usage,
            cost=spent.total_cost,
            outcome=move.outcome,
            stopped_by=move.stopped_by,
            run_steps=spent.steps,
        )
        result = await after(run, result)
        if self._past is not None:
            await run.record("agent:remember", self._remember, ANYTHING, retry=_STORE_RETRIES)
        return result

    def _value(self) -> tuple[Any, str | None]:
        """The last answer: as an instance of the output schema where it is one, else the last text there was."""
        run = self._run
        texts = [step.content for step in run.steps if step.content]
        text = texts[-1] if texts else ""
        output = run.profile.output
        if output is not None and text:
            try:
                return output.read(text), output.name
            except InvalidModelOutput:
                return text, None
        return text, None

    def _remember(self) -> None:
        """Append what was said to the session's log."""
        run, past = self._run, self._past
        if past is None:
            return
        log = step_environment().ports.log
        talk = run.talk
        shortened = None
        own = talk.own
        if talk.cut:
            earlier = sessions.read(log, past).messages
            shortened = sessions.History(talk.summary, tuple(view(earlier, min(talk.cut, len(earlier)), "")))
            own = view(own, max(0, talk.cut - len(earlier)), "")
        sessions.remember(log, past, run.ctx.execution_id, own, shortened=shortened)


_BOOL: Final[Codec[bool]] = codec_for(bool)


def _default_steps() -> int:
    given = os.environ.get(STEPS_ENV, "").strip()
    if not given:
        return DEFAULT_STEPS
    if not given.isdigit() or int(given) < 1:
        raise NonRetryable(f"{STEPS_ENV}={given!r}: give the number of steps, 1 or more")
    return int(given)
