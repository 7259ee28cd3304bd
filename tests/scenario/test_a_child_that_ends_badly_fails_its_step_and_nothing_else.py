"""A child that fails, is cancelled or times out fails the operation that waits for it, nothing else."""

import asyncio

from polos import StepExecutionError, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.outcomes import ended, of, statuses
from support.scenario import did, effects


def work(what: str) -> str:
    did(what)
    return what


@workflow(id="fails")
async def fails(ctx: WorkflowContext) -> None:
    await ctx.step.run("work", work, "failing")
    raise ValueError("not today")


@workflow(id="waits-for-days")
async def waits_for_days(ctx: WorkflowContext) -> str:
    await ctx.step.wait_for("long", days=3)
    return "waited"


@workflow(id="sibling")
async def sibling(ctx: WorkflowContext) -> str:
    await ctx.step.wait_for("a while", hours=2)
    return await ctx.step.run("work", work, "sibling")


async def told(wait: object) -> str:
    try:
        return str(await wait)
    except StepExecutionError as error:
        return f"{error.error_type}: {error.message}"


@workflow(id="parent-of-each")
async def parent_of_each(ctx: WorkflowContext) -> list[str]:
    waits = [
        told(ctx.step.invoke_and_wait("fails", fails)),
        told(ctx.step.invoke_and_wait("times out", waits_for_days, run_timeout_seconds=1800)),
        told(ctx.step.invoke_and_wait("goes well", sibling)),
    ]
    return list(await asyncio.gather(*waits))


@workflow(id="parent-of-a-cancelled-one")
async def parent_of_a_cancelled_one(ctx: WorkflowContext) -> list[str]:
    waits = [
        told(ctx.step.invoke_and_wait("is cancelled", waits_for_days)),
        told(ctx.step.invoke_and_wait("goes well", sibling)),
    ]
    return list(await asyncio.gather(*waits))


@workflow(id="middle")
async def middle(ctx: WorkflowContext) -> str:
    return await ctx.step.invoke_and_wait("bad", waits_for_days, run_timeout_seconds=60)


@workflow(id="grandparent")
async def grandparent(ctx: WorkflowContext) -> str:
    text = await told(ctx.step.invoke_and_wait("middle", middle))
    await ctx.step.run("after", work, "went on")
    return text


def test_failure_and_timeout_are_errors_of_their_own_steps(tell) -> None:
    def story(world: Harness) -> object:
        return ended(world.start(parent_of_each)), statuses(world)

    tell(story)


def test_a_cancelled_child_tells_its_parent(tell) -> None:
    def story(world: Harness) -> object:
        parent = world.start(parent_of_a_cancelled_one)
        world.advance(3000)
        of(world, "waits-for-days")[0].cancel()
        return ended(parent), statuses(world)

    tell(story)


def test_it_goes_up_one_level_at_a_time(tell) -> None:
    def story(world: Harness) -> object:
        return ended(world.start(grandparent)), statuses(world)

    tell(story)


def test_a_timeout_starts_the_child_once_and_leaves_its_siblings_alone(world: Harness) -> None:
    started = world.start(parent_of_each)
    status, result = ended(started)
    assert status == "completed"
    assert [text.partition(":")[0] for text in result] == ["ValueError", "ExecutionTimedOut", "sibling"]
    assert statuses(world) == [
        ("fails", "failed"),
        ("parent-of-each", "completed"),
        ("sibling", "completed"),
        ("waits-for-days", "timed_out"),
    ]
    assert effects() == {"failing": 1, "sibling": 1}


def test_the_parent_of_a_cancelled_child_does_not_wait_for_ever(world: Harness) -> None:
    parent = world.start(parent_of_a_cancelled_one)
    world.advance(60)
    of(world, "waits-for-days")[0].cancel()
    result = parent.result()
    assert result[0].startswith("ExecutionCancelled")
    assert result[1] == "sibling"
