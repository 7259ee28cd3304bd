"""`run_timeout_seconds` counts waits, `compute_timeout_seconds` does not; both end as timed out, cleanup included."""

import pytest

from polos import ExecutionTimedOut, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.outcomes import ended
from support.scenario import did, times

at_work: list[Harness] = []


def busy(seconds: float) -> None:
    did("busy")
    at_work[-1].work(seconds)


def clean() -> None:
    did("cleaned")


@workflow(id="waits-much", compute_timeout_seconds=100)
async def waits_much(ctx: WorkflowContext) -> str:
    for number in range(3):
        await ctx.step.run(f"busy {number}", busy, 20)
        await ctx.step.wait_for(f"wait {number}", hours=5)
    return "done"


@workflow(id="works-much", compute_timeout_seconds=100)
async def works_much(ctx: WorkflowContext) -> str:
    try:
        for number in range(10):
            await ctx.step.run(f"busy {number}", busy, 30)
        return "done"
    finally:
        await ctx.step.run("clean", clean)


@workflow(id="waits-too-long", run_timeout_seconds=1800)
async def waits_too_long(ctx: WorkflowContext) -> str:
    try:
        await ctx.step.suspend("approve")
        return "done"
    finally:
        await ctx.step.run("clean", clean)


def test_waiting_is_no_compute(world: Harness) -> None:
    at_work.append(world)
    assert world.run(waits_much) == "done"
    assert world.clock.now() > 15 * 3600


def test_working_is(world: Harness) -> None:
    at_work.append(world)
    started = world.start(works_much)
    with pytest.raises(ExecutionTimedOut):
        started.result()
    assert started.status == "timed_out"
    assert (times("busy"), times("cleaned")) == (4, 1)


def test_the_wall_clock_counts_a_suspension(tell) -> None:
    tell(lambda world: ended(world.start(waits_too_long)))


def test_a_start_may_give_its_own(world: Harness) -> None:
    begun = world.clock.now()
    started = world.start(waits_too_long, run_timeout_seconds=60)
    assert ended(started)[0] == "timed_out"
    assert 60 <= world.clock.now() - begun <= 63
    at_work.append(world)
    assert ended(world.start(waits_much, compute_timeout=30))[0] == "timed_out"
