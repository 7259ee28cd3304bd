"""Cancel goes down the whole tree, to children waited for and children only started; never up, never sideways."""

import asyncio

import pytest

from polos import ExecutionCancelled, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.outcomes import ended, of, statuses
from support.scenario import did, times


def clean(what: str) -> None:
    did(f"cleaned {what}")


@workflow(id="leaf")
async def leaf(ctx: WorkflowContext) -> None:
    try:
        await ctx.step.wait_for("long", days=3)
    finally:
        await ctx.step.run("clean", clean, "leaf")


@workflow(id="branch")
async def branch(ctx: WorkflowContext) -> None:
    waits = [ctx.step.invoke_and_wait(key, leaf) for key in ("a", "b")]
    await asyncio.gather(*waits)


@workflow(id="tree")
async def tree(ctx: WorkflowContext) -> None:
    await ctx.step.invoke("only started", leaf)
    handle = await ctx.step.invoke("started and awaited", leaf)
    await asyncio.gather(ctx.step.invoke_and_wait("branch", branch), ctx.step.wait_for("handle", handle))


@workflow(id="grove")
async def grove(ctx: WorkflowContext) -> None:
    await asyncio.gather(*(ctx.step.invoke_and_wait(key, branch) for key in ("left", "right")))


@workflow(id="goes-on-as-new")
async def goes_on_as_new(ctx: WorkflowContext, payload: int) -> None:
    if payload:
        await ctx.step.wait_for("long", days=3)
    ctx.continue_as_new(payload + 1)


@workflow(id="parent-of-one-that-goes-on")
async def parent_of_one_that_goes_on(ctx: WorkflowContext) -> None:
    await ctx.step.invoke_and_wait("it", goes_on_as_new, 0)


@workflow(id="twig")
async def twig(ctx: WorkflowContext) -> None:
    await ctx.step.invoke("only started", leaf)
    await ctx.step.wait_for("long", days=3)


@workflow(id="small-tree")
async def small_tree(ctx: WorkflowContext) -> None:
    await ctx.step.invoke_and_wait("twig", twig)


def test_down_to_the_leaves(tell) -> None:
    def story(world: Harness) -> object:
        root, other = world.start(small_tree), world.start(twig)
        world.advance(3000)
        root.cancel()
        world.advance(3000)
        return ended(root)[0], other.status, statuses(world)

    tell(story)


def test_nobody_else(world: Harness) -> None:
    root, other = world.start(tree), world.start(branch)
    world.advance(60)
    root.cancel()
    with pytest.raises(ExecutionCancelled):
        root.result()
    world.advance(60)
    assert statuses(world) == [
        ("branch", "cancelled"),
        ("branch", "waiting"),
        *[("leaf", "cancelled")] * 4,
        *[("leaf", "waiting")] * 2,
        ("tree", "cancelled"),
    ]
    assert times("cleaned leaf") == 4
    assert other.status == "waiting"


def test_a_cancelled_branch_leaves_the_tree_to_decide(world: Harness) -> None:
    root = world.start(grove)
    world.advance(60)
    of(world, "branch")[0].cancel()
    status, text = ended(root)
    assert status == "failed"  # nothing in its code catches what the branch tells it
    assert "cancelled" in text
    world.advance(60)
    assert {status for name, status in statuses(world) if name == "leaf"} == {"cancelled"}


def test_one_that_goes_on_as_another_is_found(tell) -> None:
    def story(world: Harness) -> object:
        root = world.start(parent_of_one_that_goes_on)
        world.advance(3000)
        root.cancel()
        world.advance(3000)
        return statuses(world)

    tell(story)


def test_the_first_id_of_one_that_goes_on_as_another_is_enough_to_cancel_it(world: Harness) -> None:
    started = world.start(goes_on_as_new, 0)
    world.advance(60)
    assert started.cancel()
    world.advance(60)
    assert statuses(world) == [("goes-on-as-new", "cancelled"), ("goes-on-as-new", "continued")]
