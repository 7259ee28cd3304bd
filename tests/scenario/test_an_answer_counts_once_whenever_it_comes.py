"""A resume before the wait, after it, or while the execution is busy with a step is kept and counts once."""

import asyncio

from polos import WaitTimeout, WorkflowContext, workflow
from polos.testing.harness import Harness, Started
from support.outcomes import ended
from support.scenario import did, effects, steps

at_work: list[Started] = []


def act(answer: str) -> str:
    did(f"acted on {answer}")
    return answer


def resume_myself() -> None:
    did("answered from within a step")
    at_work[-1].resume("approve", "busy")


@workflow(id="asks-late")
async def asks_late(ctx: WorkflowContext) -> str:
    await ctx.step.run("before", act, "nothing yet")
    await ctx.step.wait_for("a while", minutes=10)
    event = await ctx.step.suspend("approve")
    return await ctx.step.run("act", act, event["data"])


@workflow(id="asks-while-busy")
async def asks_while_busy(ctx: WorkflowContext) -> str:
    answer = asyncio.ensure_future(ctx.step.suspend("approve"))
    await ctx.step.run("work", resume_myself)
    return await ctx.step.run("act", act, (await answer)["data"])


@workflow(id="asks-twice")
async def asks_twice(ctx: WorkflowContext) -> list[str]:
    first = await ctx.step.suspend("one")
    second = await ctx.step.suspend("two")
    return [first["data"], second["data"]]


@workflow(id="asks-for-an-hour")
async def asks_for_an_hour(ctx: WorkflowContext) -> str:
    try:
        return str((await ctx.step.suspend("approve", timeout=3600))["data"])
    except WaitTimeout:
        return "too late"


@workflow(id="answers")
async def answers(ctx: WorkflowContext, payload: dict[str, str]) -> None:
    await ctx.step.resume("it", "approve", payload["execution"], payload["workflow"], "from another")


def test_before_the_wait_between_two_steps(tell) -> None:
    def story(world: Harness) -> object:
        started = world.start(asks_late)
        world.advance(300)
        started.resume("approve", "early")
        return ended(started)

    tell(story)


def test_while_a_step_runs(tell) -> None:
    def story(world: Harness) -> object:
        at_work.append(world.start(asks_while_busy))
        return ended(at_work[-1])

    tell(story)


def test_in_the_order_that_nobody_expected(tell) -> None:
    def story(world: Harness) -> object:
        started = world.start(asks_twice)
        world.advance(300)
        started.resume("two", "second")
        world.advance(300)
        started.resume("one", "first")
        return ended(started)

    tell(story)


def test_from_another_workflow(tell) -> None:
    def story(world: Harness) -> object:
        started = world.start(asks_for_an_hour)
        world.advance(300)
        world.run(answers, {"execution": started.id, "workflow": "asks-for-an-hour"})
        return ended(started)

    tell(story)


def test_several_answers_are_one(world: Harness) -> None:
    started = world.start(asks_late)
    for answer in ("first", "second", "third"):
        started.resume("approve", answer)
    assert started.result() == "first"
    started.resume("approve", "fourth")
    world.advance(3600)
    assert effects() == {"acted on nothing yet": 1, "acted on first": 1}
    assert steps(world, started).count("suspend:approve") == 1


def test_an_answer_at_the_moment_of_the_timeout_is_one_or_the_other(world: Harness) -> None:
    for after in (3599.5, 3600, 3600.5):
        started = world.start(asks_for_an_hour)
        world.pump()
        world.clock.advance(after)
        started.resume("approve", "in time")
        assert started.result() in ("in time", "too late")
        assert steps(world, started) == ["suspend:approve"]


def test_an_answer_after_the_timeout_changes_nothing(world: Harness) -> None:
    started = world.start(asks_for_an_hour)
    assert started.result() == "too late"
    started.resume("approve", "late")
    world.advance(60)
    assert (started.status, steps(world, started)) == ("completed", ["suspend:approve"])
