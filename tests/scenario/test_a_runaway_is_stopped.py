"""An execution that never comes to an end is stalled after a number of messages in a row, with what to do about it."""

import itertools

import pytest

from polos import ExecutionStalled, WorkflowContext, workflow
from polos.runtime.host import Settings
from polos.testing.local import MemoryHarness
from support.scenario import did, executions, times


def once_more() -> None:
    did("ran")


@workflow(id="runaway-endless")
async def endless(ctx: WorkflowContext) -> None:
    for number in itertools.count():
        await ctx.step.run(f"step-{number}", once_more)


@workflow(id="matryoshka")
async def matryoshka(ctx: WorkflowContext, payload: int) -> None:
    await ctx.step.invoke_and_wait("inner", "matryoshka", payload + 1)


@workflow(id="runaway-long")
async def long(ctx: WorkflowContext) -> int:
    for number in range(40):
        await ctx.step.run(f"step-{number}", once_more)
    return 40


def test_a_loop_without_end_stalls() -> None:
    with MemoryHarness(settings=Settings(max_hops=50)) as world:
        with pytest.raises(ExecutionStalled, match=r"runaway.*continue_as_new"):
            world.run(endless)
        assert 50 <= times("ran") <= 52


def test_children_of_children_count_as_well() -> None:
    with MemoryHarness(settings=Settings(max_hops=50)) as world:
        started = world.start(matryoshka, 0)
        world.pump()
        statuses = [world.status(execution) for execution in executions(world)]
        assert statuses.count("stalled") == 1
        assert len(statuses) <= 52
        assert started.status == "waiting"


def test_what_ends_in_time_is_left_alone() -> None:
    with MemoryHarness(settings=Settings(max_hops=50)) as world:
        assert world.run(long) == 40
