"""Cancel raises CancelledError at the await; what the code does about it are ordinary steps; children follow."""

import asyncio

import pytest

from polos import ExecutionCancelled, ExecutionTimedOut, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.scenario import did, effects, executions, times


def reserve() -> str:
    did("reserved")
    return "r1"


def release(reservation: str) -> None:
    did(f"released {reservation}")


@workflow(id="holds-something")
async def holds_something(ctx: WorkflowContext) -> str:
    reservation = await ctx.step.run("reserve", reserve)
    try:
        await ctx.step.wait_for("long", days=3)
    except asyncio.CancelledError:
        await ctx.step.run("release", release, reservation)
        raise
    return "held"


@workflow(id="swallows-cancel")
async def swallows_cancel(ctx: WorkflowContext) -> str:
    try:
        await ctx.step.wait_for("long", days=3)
    except asyncio.CancelledError:
        return "went on"
    return "held"


@workflow(id="parent-of-a-holder")
async def parent_of_a_holder(ctx: WorkflowContext) -> str:
    return await ctx.step.invoke_and_wait("child", holds_something)


@workflow(id="has-a-time", run_timeout_seconds=3600)
async def has_a_time(ctx: WorkflowContext) -> None:
    try:
        await ctx.step.wait_for("long", days=3)
    finally:
        did("finally")


def cancelled(world: Harness, workflow: object, *, after: float = 60) -> str:
    started = world.start(workflow)
    world.advance(after)
    started.cancel()
    with pytest.raises(ExecutionCancelled):
        started.result()
    return started.status


def test_cleanup_steps_run(tell) -> None:
    tell(lambda world: cancelled(world, holds_something, after=3600))


def test_a_child_is_cancelled_with_its_parent(tell) -> None:
    def story(world: Harness) -> object:
        cancelled(world, parent_of_a_holder, after=3600)
        world.advance(3600)
        return [world.status(execution) for execution in executions(world)]

    tell(story)


def test_what_was_held_is_released_once(world: Harness) -> None:
    cancelled(world, holds_something)
    assert effects() == {"reserved": 1, "released r1": 1}


def test_children_end_as_cancelled(world: Harness) -> None:
    cancelled(world, parent_of_a_holder)
    world.advance(600)
    assert [world.status(execution) for execution in executions(world)] == ["cancelled", "cancelled"]
    assert times("released r1") == 1


def test_a_cancel_before_it_has_begun_runs_nothing(world: Harness) -> None:
    assert cancelled(world, holds_something, after=0) == "cancelled"


def test_a_second_cancel_is_ignored(world: Harness) -> None:
    started = world.start(holds_something)
    world.advance(60)
    started.cancel()
    started.cancel()
    with pytest.raises(ExecutionCancelled):
        started.result()
    assert times("released r1") == 1
    assert not started.cancel(), "it has ended"


def test_code_that_catches_it_and_returns_has_completed(world: Harness) -> None:
    started = world.start(swallows_cancel)
    world.advance(60)
    started.cancel()
    assert started.result() == "went on"
    assert started.status == "completed"


def test_the_run_timeout_is_a_cancel_that_is_called_a_timeout(world: Harness) -> None:
    started = world.start(has_a_time)
    begun = world.clock.now()
    with pytest.raises(ExecutionTimedOut):
        started.result()
    assert started.status == "timed_out"
    assert 3600 <= world.clock.now() - begun <= 3603
