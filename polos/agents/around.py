"""The hooks around a run of an agent: before it is asked anything, and when it has its result."""

from __future__ import annotations

from polos.agents.asking import AgentInput
from polos.agents.context import AgentContext
from polos.agents.profile import Profile, with_options
from polos.agents.results import AgentResult, RevisedCodec
from polos.agents.run import Run
from polos.core.hooks import Flow, HookContext, run_hooks


async def before(ctx: AgentContext, profile: Profile, asked: AgentInput) -> AgentInput:
    """Call the hooks of the start; what the agent is asked then.

    Raises:
        StepExecutionError: One of them said fail.
    """

    def at() -> HookContext:
        return _hook_context(ctx, profile, "on_start", asked)

    changed = await run_hooks(ctx, "on_start", hooks=profile.hooks.on_start, at=at)
    payload = changed.get("current_payload")
    if payload is None:
        return asked
    return AgentInput.model_validate({**asked.model_dump(), **payload})


async def after(run: Run, result: AgentResult) -> AgentResult:
    """Call the hooks of the end, one at a time: what one gives is read as a change of the result as it stands then.

    Raises:
        StepExecutionError: One of them said fail.
    """
    for index, hook in enumerate(run.profile.hooks.on_end):
        before = result

        def at(before: AgentResult = before) -> HookContext:
            context = _hook_context(run.ctx, run.profile, "on_end", run.asked)
            return context.model_copy(update={"current_output": before})

        flow = Flow(output=RevisedCodec(before, run.profile.output and run.profile.output.schema))
        changed = await run_hooks(run.ctx, f"on_end:{index}", hooks=[hook], at=at, flow=flow)
        result = changed.get("current_output", result)
    return result


def _hook_context(ctx: AgentContext, profile: Profile, point: str, asked: AgentInput) -> HookContext:
    return HookContext(
        point=point,
        workflow_id=ctx.workflow_id,
        execution_id=ctx.execution_id,
        session_id=ctx.session_id or asked.session_id,
        user_id=ctx.user_id,
        agent_id=ctx.agent_id,
        current_payload=asked.model_dump(mode="json", exclude_defaults=True),
        llm_config=with_options(profile.model, asked.options).shown(),
    )
