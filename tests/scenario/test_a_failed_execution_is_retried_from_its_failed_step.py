"""Retry and fork make a new execution that begins with a copy of what was recorded; the old one stays as it was."""

import asyncio

import pytest

from polos import Conflict, NotFound, WorkflowContext, WorkflowState, workflow
from polos.runtime.control import Control
from polos.testing.harness import Harness, Started
from support.outcomes import ended, of
from support.scenario import did, effects, times

broken = [True]


@pytest.fixture(autouse=True)
def it_is_broken() -> None:
    broken[0] = True


def work(what: str) -> str:
    did(what)
    if what == "b" and broken[0]:
        raise ValueError("b is broken")
    return what


@workflow(id="three-steps")
async def three_steps(ctx: WorkflowContext, payload: str) -> str:
    a = await ctx.step.run("a", work, "a")
    chance = await ctx.step.uuid("chance")
    b = await ctx.step.run("b", work, "b", max_retries=0)
    c = await ctx.step.run("c", work, "c")
    return f"{payload}: {a}{b}{c} {len(chance)}"


@workflow(id="small-child")
async def small_child(ctx: WorkflowContext) -> str:
    return await ctx.step.run("work", work, "child")


@workflow(id="starts-and-fails")
async def starts_and_fails(ctx: WorkflowContext) -> list[str]:
    handle = await ctx.step.invoke("child", small_child)
    first = await ctx.step.wait_for(handle)
    second = await ctx.step.invoke("another child", small_child)
    b = await ctx.step.run("b", work, "b", max_retries=0)
    return [first, b, await ctx.step.wait_for(second)]


@workflow(id="bad-child")
async def bad_child(ctx: WorkflowContext) -> str:
    return await ctx.step.run("b", work, "b", max_retries=0)


@workflow(id="parent-of-a-bad-child")
async def parent_of_a_bad_child(ctx: WorkflowContext) -> str:
    await ctx.step.run("a", work, "a")
    return await ctx.step.invoke_and_wait("bad", bad_child)


class Tally(WorkflowState):
    count: int = 0


@workflow(id="tallies", state_schema=Tally)
async def tallies(ctx: WorkflowContext) -> int:
    ctx.state.count += 1
    await ctx.step.run("a", work, "a")
    ctx.state.count += 10
    await ctx.step.run("b", work, "b", max_retries=0)
    ctx.state.count += 100
    return ctx.state.count


@workflow(id="is-cancelled")
async def is_cancelled(ctx: WorkflowContext) -> str:
    a = await ctx.step.run("a", work, "a")
    try:
        await ctx.step.wait_for("long", hours=3)
    finally:
        await ctx.step.run("tidy", work, "tidy")
    return a


@workflow(id="fails-beside-others")
async def fails_beside_others(ctx: WorkflowContext) -> list[str]:
    async def branch() -> str:
        await ctx.step.wait_for("a moment", seconds=5)
        await ctx.step.run("c", work, "c")
        return await ctx.step.run("d", work, "d")

    b = ctx.step.run("b", work, "b", max_retries=0)
    results = await asyncio.gather(b, branch(), return_exceptions=True)
    for result in results:
        if isinstance(result, Exception):
            await ctx.step.run("e", work, "told")
            raise result
    return [str(result) for result in results]


def control(world: Harness) -> Control:
    return Control(world.service)


def retried(world: Harness, started: Started) -> Started:
    new = control(world).retry(started.id)
    return Started(world, new.execution, new.workflow)


def test_from_the_failed_step(tell) -> None:
    def story(world: Harness) -> object:
        broken[0] = True
        failed = world.start(three_steps, "p")
        first = ended(failed)[0]
        broken[0] = False
        return first, ended(retried(world, failed))

    tell(story)


def test_what_was_recorded_does_not_run_again(world: Harness) -> None:
    failed = world.start(three_steps, "p")
    assert ended(failed)[0] == "failed"
    broken[0] = False
    new = retried(world, failed)
    assert new.result() == "p: abc 36"
    assert effects() == {"a": 1, "b": 2, "c": 1}
    assert failed.status == "failed", "the old one stays as it was"


def test_the_two_are_linked(world: Harness) -> None:
    failed = world.start(three_steps, "p")
    ended(failed)
    new = retried(world, failed)
    assert world.service.meta(new.id).info.copy_of == failed.id
    assert world.service.meta(failed.id).extra == {"copies": [new.id]}


def test_a_retry_may_fail_and_be_retried(world: Harness) -> None:
    failed = world.start(three_steps, "p")
    ended(failed)
    again = retried(world, failed)
    assert ended(again)[0] == "failed"
    broken[0] = False
    assert retried(world, again).result() == "p: abc 36"
    assert (times("a"), times("b")) == (1, 3)


def test_children_that_were_started_stay_those_of_the_first_run(world: Harness) -> None:
    failed = world.start(starts_and_fails)
    assert ended(failed)[0] == "failed"
    again = retried(world, failed)
    assert ended(again)[0] == "failed"
    broken[0] = False
    assert retried(world, again).result() == ["child", "b", "child"]
    assert len(of(world, "small-child")) == 2


def test_a_failed_child_is_started_anew(world: Harness) -> None:
    failed = world.start(parent_of_a_bad_child)
    assert ended(failed)[0] == "failed"
    broken[0] = False
    assert retried(world, failed).result() == "b"
    assert {one.status for one in of(world, "bad-child")} == {"failed", "completed"}
    assert times("a") == 1


def test_fork_from_a_step_with_another_input(world: Harness) -> None:
    broken[0] = False
    done = world.start(three_steps, "p")
    done.result()
    new = control(world).fork(done.id, from_step="c", payload="q")
    assert world.finish(new.execution) == "q: abc 36"
    assert effects() == {"a": 1, "b": 1, "c": 2}
    fresh = control(world).fork(done.id)
    assert world.finish(fresh.execution) == "p: abc 36"
    assert effects() == {"a": 2, "b": 2, "c": 3}


def test_what_cannot_be_retried_or_forked_says_why(world: Harness) -> None:
    broken[0] = False
    done = world.start(three_steps, "p")
    done.result()
    with pytest.raises(Conflict, match="is completed"):
        control(world).retry(done.id)
    with pytest.raises(NotFound, match="recorded: run:a, run:b, run:c"):
        control(world).fork(done.id, from_step="d")


def test_chance_is_that_of_the_first(world: Harness) -> None:
    failed = world.start(three_steps, "p")
    ended(failed)
    new = retried(world, failed)
    assert world.service.meta(new.id).info.chance == failed.id


def test_what_was_recorded_beside_the_failure_is_kept(world: Harness) -> None:
    failed = world.start(fails_beside_others)
    assert ended(failed)[0] == "failed"
    broken[0] = False
    assert retried(world, failed).result() == ["b", "d"]
    assert effects() == {"b": 2, "c": 1, "d": 1, "told": 1}, "what followed from the failure is left out"


def test_a_cancelled_one_goes_on_where_it_was_cancelled(world: Harness) -> None:
    started = world.start(is_cancelled)
    world.advance(60)
    control(world).pause(started.id)
    started.cancel()
    assert ended(started)[0] == "cancelled"
    assert retried(world, started).result() == "a"
    assert effects() == {"a": 1, "tidy": 2}


def test_the_state_goes_on_from_where_it_was_and_is_saved(world: Harness) -> None:
    failed = world.start(tallies)
    assert ended(failed)[0] == "failed"
    broken[0] = False
    assert retried(world, failed).result() == 111
    assert world.run(tallies) == 222


def test_a_retry_undoes_no_state_that_others_have_saved_since(world: Harness) -> None:
    failed = world.start(tallies)
    ended(failed)
    broken[0] = False
    world.run(tallies)
    with pytest.raises(Conflict, match="was changed by execution"):
        control(world).retry(failed.id)
    broken[0] = True
    failed = world.start(tallies)
    ended(failed)
    other = world.start(tallies)
    assert world._deliver()
    with pytest.raises(Conflict, match="is in use"):
        control(world).retry(failed.id)
    assert ended(other)[0] == "failed", "it kept its place"


def test_a_fork_has_a_state_of_its_own(world: Harness) -> None:
    broken[0] = False
    done = world.start(tallies)
    assert done.result() == 111
    assert world.finish(control(world).fork(done.id, from_step="b").execution) == 111
    assert world.run(tallies) == 222
