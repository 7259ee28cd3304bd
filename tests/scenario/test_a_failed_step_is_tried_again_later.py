"""A failed attempt is recorded, and the next one comes after a delay in which nothing runs."""

import pytest

from polos import ExecutionFailed, NonRetryable, WorkflowContext, workflow
from polos.core.journal import Kind
from polos.testing.harness import Harness
from support.scenario import did, steps, times


def flaky() -> str:
    did("tried")
    if times("tried") < 3:
        raise ConnectionError("the line is bad")
    return "through"


def hopeless() -> None:
    did("tried")
    raise ConnectionError("the line is dead")


def senseless() -> None:
    did("tried")
    raise NonRetryable("this card was stolen")


@workflow(id="flaky-twice")
async def flaky_twice(ctx: WorkflowContext) -> str:
    return await ctx.step.run("call", flaky, base_delay=100, max_delay=150)


@workflow(id="hopeless")
async def hopeless_call(ctx: WorkflowContext) -> None:
    await ctx.step.run("call", hopeless, max_retries=3, base_delay=1, max_delay=10)


@workflow(id="senseless")
async def senseless_call(ctx: WorkflowContext) -> None:
    await ctx.step.run("call", senseless)


def test_a_step_that_fails_twice(tell) -> None:
    tell(lambda world: world.run(flaky_twice))


def test_the_delay_doubles_up_to_its_limit_and_is_waited_for_once_between_attempts(world: Harness) -> None:
    started = world.start(flaky_twice)
    begun = world.clock.now()
    assert started.result() == "through"
    retries = [entry for entry in world.journal(started) if entry.kind is Kind.RETRY]
    delays = [entry.extra["due"] - entry.at / 1000 for entry in retries if entry.extra]
    assert 50 <= delays[0] <= 100
    assert 75 <= delays[1] <= 150
    assert world.clock.now() - begun == pytest.approx(sum(delays), abs=3)  # SQS counts whole seconds
    assert steps(world, started) == ["run:call@1", "run:call@2", "run:call"]


def test_nothing_runs_during_the_delay(world: Harness) -> None:
    world.start(flaky_twice)
    world.pump()
    before = world.deliveries
    world.advance(45)
    assert (world.deliveries, times("tried")) == (before, 1)


def test_after_the_last_attempt_the_error_is_raised_at_once(world: Harness) -> None:
    started = world.start(hopeless_call)
    begun = world.clock.now()
    with pytest.raises(ExecutionFailed, match="the line is dead"):
        started.result()
    assert times("tried") == 4
    assert world.clock.now() - begun < 1 + 2 + 4 + 3  # not one delay more


def test_an_error_that_no_retry_can_mend_is_not_retried(world: Harness) -> None:
    with pytest.raises(ExecutionFailed, match="stolen"):
        world.run(senseless_call)
    assert times("tried") == 1
