"""A forced replay after each step finds code that decides otherwise the second time, and names the operation."""

import itertools

import pytest

from polos import ExecutionStalled, WorkflowContext, workflow
from polos.runtime.host import Settings
from polos.testing.harness import Harness
from polos.testing.local import MemoryHarness

COUNTER = itertools.count()


def one() -> int:
    return 1


@workflow(id="counts-outside")
async def counts_outside(ctx: WorkflowContext) -> None:
    await ctx.step.run("first", one)
    await ctx.step.run(f"number-{next(COUNTER)}", one)


@workflow(id="step-changes-a-variable", steps_per_invocation=None)
async def step_changes_a_variable(ctx: WorkflowContext) -> str:
    seen: list[int] = []
    await ctx.step.run("collect", seen.append, 1)
    if seen:
        await ctx.step.run("only-the-first-time", one)
    return f"{len(seen)}"


@workflow(id="steady")
async def steady(ctx: WorkflowContext) -> list[object]:
    await ctx.step.run("first", one)
    return [await ctx.step.uuid("id"), await ctx.step.random("chance"), await ctx.step.now("when")]


def test_a_changing_key_is_named(world: Harness) -> None:
    with pytest.raises(ExecutionStalled, match="run:number-"):
        world.run(counts_outside)


def test_a_variable_that_only_the_step_changed_is_noticed(world: Harness) -> None:
    with pytest.raises(ExecutionStalled, match="run:only-the-first-time"):
        world.run(step_changes_a_variable)


def test_without_the_forced_replay_it_may_pass_unnoticed() -> None:
    with MemoryHarness(settings=Settings(cold=False)) as world:
        assert world.run(step_changes_a_variable) == "1"


def test_chance_and_time_of_the_context_are_the_same_at_every_replay(world: Harness) -> None:
    uuid, chance, now = world.run(steady)
    assert len(uuid) == 36
    assert 0 <= chance < 1
    assert now == int(now)
