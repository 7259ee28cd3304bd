"""`suspend` waits for an answer from outside, at no cost; the first one counts, even one that comes before."""

import pytest

from polos import WaitTimeout, WorkflowContext, workflow
from polos.testing.harness import Harness, NothingHappens
from support.scenario import did, effects


def act(answer: str) -> str:
    did(f"acted on {answer}")
    return answer


@workflow(id="asks-and-waits")
async def asks(ctx: WorkflowContext) -> str:
    event = await ctx.step.suspend("approve", {"question": "may I?"})
    return await ctx.step.run("act", act, event["data"]["answer"])


@workflow(id="asks-with-a-limit")
async def asks_with_a_limit(ctx: WorkflowContext) -> str:
    try:
        await ctx.step.suspend("approve", timeout=3600)
    except WaitTimeout:
        return await ctx.step.run("act", act, "no answer")
    return "answered"


def test_an_answer(tell) -> None:
    def story(world: Harness) -> object:
        started = world.start(asks)
        world.advance(3600)
        started.resume("approve", {"answer": "yes"})
        return started.result()

    tell(story)


def test_an_answer_before_the_question(tell) -> None:
    def story(world: Harness) -> object:
        started = world.start(asks)
        started.resume("approve", {"answer": "early"})
        return started.result()

    tell(story)


def test_no_answer_in_time(tell) -> None:
    tell(lambda world: world.run(asks_with_a_limit))


def test_the_first_answer_counts(world: Harness) -> None:
    started = world.start(asks)
    world.advance(60)
    started.resume("approve", {"answer": "first"})
    started.resume("approve", {"answer": "second"})
    assert started.result() == "first"
    assert effects() == {"acted on first": 1}


def test_while_nobody_answers_a_test_is_told_what_it_waits_for(world: Harness) -> None:
    started = world.start(asks)
    with pytest.raises(NothingHappens, match="It waits for suspend:approve"):
        started.result()
    assert started.status == "waiting"


def test_an_answer_in_time_wins_over_the_timeout(world: Harness) -> None:
    started = world.start(asks_with_a_limit)
    world.advance(3590)
    started.resume("approve")
    world.advance(3600)
    assert started.result() == "answered"
