"""Inside of a step nothing can be recorded, so a durable verb there is an error that says where it belongs."""

import pytest

from polos import ExecutionFailed, NotAllowedHere, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.scenario import did, effects


@workflow(id="waits-in-an-async-step")
async def waits_in_an_async_step(ctx: WorkflowContext) -> str:
    async def step() -> None:
        did("effect")
        await ctx.step.wait_for("inside", seconds=5)

    await ctx.step.run("outside", step, max_retries=0)
    return "done"


@workflow(id="waits-in-a-sync-step")
async def waits_in_a_sync_step(ctx: WorkflowContext) -> str:
    def step() -> None:
        ctx.step.wait_for("inside", seconds=5).send(None)

    await ctx.step.run("outside", step, max_retries=0)
    return "done"


@workflow(id="invokes-in-a-step")
async def invokes_in_a_step(ctx: WorkflowContext) -> str:
    async def step() -> str:
        try:
            await ctx.step.invoke("inside", waits_in_an_async_step)
        except NotAllowedHere as error:
            return str(error)
        return "no error"

    return await ctx.step.run("outside", step, max_retries=0)


@workflow(id="sync-workflow")
def sync_workflow(ctx: WorkflowContext) -> str:
    ctx.step.run("inside", str).send(None)
    return "done"


@pytest.mark.parametrize("workflow_id", ["waits-in-an-async-step", "waits-in-a-sync-step", "sync-workflow"])
def test_it_fails_the_execution_and_says_where_verbs_belong(world: Harness, workflow_id: str) -> None:
    with pytest.raises(
        ExecutionFailed, match=r"'inside'.*inside a step or a sync workflow.*async workflow itself"
    ):
        world.run(workflow_id)
    assert effects().get("effect", 0) <= 1


def test_the_step_may_catch_it(world: Harness) -> None:
    assert "invoke('inside')" in world.run(invokes_in_a_step)
