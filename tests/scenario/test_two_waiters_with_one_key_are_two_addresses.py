"""A resume is addressed to an execution: another execution of the run that waits under the same key goes on waiting."""

import asyncio

from polos import WorkflowContext, workflow
from polos.testing.harness import Harness
from support.outcomes import ended, of


@workflow(id="approver")
async def approver(ctx: WorkflowContext, payload: dict[str, str]) -> str:
    event = await ctx.step.suspend("approve", {"for": payload["name"]})
    return f"{payload['name']}: {event['data']}"


@workflow(id="two-approvers")
async def two_approvers(ctx: WorkflowContext) -> list[str]:
    waits = [ctx.step.invoke_and_wait(name, approver, {"name": name}) for name in ("a", "b")]
    return list(await asyncio.gather(*waits))


def children(world: Harness) -> dict[str, object]:
    found = of(world, "approver")
    return {world.service.describe(world.service.meta(one.id))["payload"]["name"]: one for one in found}


def test_each_is_answered_by_itself(tell) -> None:
    def story(world: Harness) -> object:
        parent = world.start(two_approvers)
        world.advance(3000)
        both = children(world)
        both["b"].resume("approve", "yes")
        world.advance(3000)
        between = (both["a"].status, both["b"].status, parent.status)
        both["a"].resume("approve", "no")
        return between, ended(parent)

    tell(story)


def test_the_other_goes_on_waiting(world: Harness) -> None:
    parent = world.start(two_approvers)
    world.advance(60)
    both = children(world)
    both["a"].resume("approve", "yes")
    world.advance(86_400)
    assert (both["a"].status, both["b"].status, parent.status) == ("completed", "waiting", "waiting")
    assert world.waits_for(both["b"]) == ["suspend:approve"]


def test_the_run_tells_which_execution_asks(world: Harness) -> None:
    parent = world.start(two_approvers)
    world.advance(60)
    events = world.service.topics.read(f"workflow/two-approvers/{parent.id}")
    asked = [event for event in events if event.type == "suspend_approve"]
    named = {event.data[event.data.index("execution_id") :].split('"')[2] for event in asked}
    assert named == {one.id for one in of(world, "approver")}
