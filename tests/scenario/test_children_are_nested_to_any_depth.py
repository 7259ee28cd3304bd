"""A child may call children, five levels down and side by side; each knows its root, and results come up."""

import asyncio

from polos import WorkflowContext, workflow
from polos.testing.harness import Harness
from support.outcomes import ended, of
from support.scenario import did, effects


def touch(level: int) -> int:
    did(f"level {level}")
    return level


@workflow(id="nested")
async def nested(ctx: WorkflowContext, payload: int) -> list[int]:
    own = await ctx.step.run("own", touch, payload)
    if payload == 5:
        return [own]
    return [own, *await ctx.step.invoke_and_wait("deeper", "nested", payload + 1)]


@workflow(id="bush")
async def bush(ctx: WorkflowContext, payload: int) -> int:
    if payload == 0:
        return 1
    halves = [ctx.step.invoke_and_wait(key, "bush", payload - 1) for key in ("left", "right")]
    return sum(await asyncio.gather(*halves))


def test_five_levels(tell) -> None:
    tell(lambda world: ended(world.start(nested, 1)))


def test_each_level_once(world: Harness) -> None:
    assert world.run(nested, 1) == [1, 2, 3, 4, 5]
    assert effects() == {f"level {level}": 1 for level in range(1, 6)}


def test_each_knows_its_root_and_its_parent(world: Harness) -> None:
    root = world.start(nested, 1)
    root.result()
    found = [world.service.describe(world.service.meta(one.id)) for one in of(world, "nested")]
    assert {one["root_execution_id"] for one in found} == {root.id}
    parents = {one["id"]: one["parent_execution_id"] for one in found}
    by_level = {one["payload"]: one["id"] for one in found}
    assert [parents[by_level[level]] for level in range(2, 6)] == [by_level[level] for level in range(1, 5)]


def test_a_bush_of_fifteen(world: Harness) -> None:
    assert world.run(bush, 3) == 8
    assert len(of(world, "bush")) == 15
