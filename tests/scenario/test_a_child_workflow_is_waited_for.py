"""A workflow starts others, waits for their results, and sees their failures as StepExecutionError."""

import asyncio

from polos import ExecutionHandle, StepExecutionError, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.scenario import did, executions


def work(name: str) -> str:
    did(f"worked on {name}")
    return name.upper()


@workflow(id="waited-child")
async def child(ctx: WorkflowContext, payload: dict[str, str]) -> str:
    await ctx.step.wait_for("a moment", seconds=5)
    return await ctx.step.run("work", work, payload["name"])


@workflow(id="waited-bad-child")
async def bad_child(ctx: WorkflowContext, payload: dict[str, str]) -> None:
    raise ValueError(f"not {payload['name']}")


@workflow(id="parent-of-two")
async def parent_of_two(ctx: WorkflowContext) -> list[str]:
    first = await ctx.step.invoke_and_wait("first", child, {"name": "a"})
    second = await ctx.step.invoke_and_wait("second", "waited-child", {"name": "b"})
    return [first, second]


@workflow(id="parent-of-many")
async def parent_of_many(ctx: WorkflowContext, payload: dict[str, int]) -> list[str]:
    names = [f"n{number}" for number in range(payload["children"])]
    waits = [ctx.step.invoke_and_wait(name, child, {"name": name}) for name in names]
    return list(await asyncio.gather(*waits))


@workflow(id="parent-that-goes-on")
async def parent_that_goes_on(ctx: WorkflowContext) -> list[str]:
    handle: ExecutionHandle = await ctx.step.invoke("start", child, {"name": "a"})
    own = await ctx.step.run("own", work, "own")
    return [own, await ctx.step.wait_for(handle)]


@workflow(id="parent-that-forgets")
async def parent_that_forgets(ctx: WorkflowContext) -> str:
    handle = await ctx.step.invoke("start", child, {"name": "a"})
    return handle.id


@workflow(id="parent-of-a-bad-one")
async def parent_of_a_bad_one(ctx: WorkflowContext) -> str:
    try:
        await ctx.step.invoke_and_wait("bad", bad_child, {"name": "x"})
    except StepExecutionError as error:
        return f"{error.error_type}: {error.message}"
    return "no error"


def test_two_children_in_turn(tell) -> None:
    tell(lambda world: world.run(parent_of_two))


def test_children_side_by_side(tell) -> None:
    tell(lambda world: world.run(parent_of_many, {"children": 3}))


def test_a_child_that_is_waited_for_later(tell) -> None:
    tell(lambda world: world.run(parent_that_goes_on))


def test_a_child_that_nobody_waits_for(tell) -> None:
    def story(world: Harness) -> object:
        child_id = world.run(parent_that_forgets)
        return world.finish(child_id)

    tell(story)


def test_a_child_that_fails(tell) -> None:
    tell(lambda world: world.run(parent_of_a_bad_one))


def test_each_child_is_one_execution(world: Harness) -> None:
    assert world.run(parent_of_many, {"children": 5}) == ["N0", "N1", "N2", "N3", "N4"]
    assert len(list(executions(world))) == 6


def test_the_parent_sees_the_childs_error(world: Harness) -> None:
    assert world.run(parent_of_a_bad_one) == "ValueError: not x"


def test_a_child_knows_where_it_comes_from(world: Harness) -> None:
    started = world.start(parent_of_two)
    started.result()
    first = world.service.describe(world.service.meta(list(executions(world))[1]))
    assert first["parent_execution_id"] == first["root_execution_id"] == started.id
    assert first["root_workflow_id"] == "parent-of-two"
