"""Waits are due times, not sleeping processes: any length, to the moment, and past ones return at once."""

from datetime import UTC, datetime, timedelta

import pytest

from polos import WorkflowContext, workflow
from polos.testing.aws import AwsHarness
from polos.testing.harness import Harness
from support.scenario import did

SECONDS = 2.1  # SQS counts whole ones, up


def mark(what: str) -> None:
    did(what)


@workflow(id="wait-a-day")
async def day(ctx: WorkflowContext) -> float:
    begun = await ctx.step.now("begun")
    await ctx.step.run("evening", mark, "evening")
    await ctx.step.wait_for("night", days=1)
    await ctx.step.run("morning", mark, "morning")
    return (await ctx.step.now("ended") - begun) / 3600_000


@workflow(id="wait-some-seconds")
async def wait(ctx: WorkflowContext, payload: dict[str, float]) -> float:
    begun = await ctx.step.now("begun")
    await ctx.step.wait_for("it", seconds=payload["seconds"])
    return (await ctx.step.now("ended") - begun) / 1000


@workflow(id="wait-until-then")
async def until(ctx: WorkflowContext, payload: dict[str, datetime]) -> None:
    await ctx.step.wait_until("then", payload["when"])


def test_a_day(tell) -> None:
    tell(lambda world: round(world.run(day)))


def test_an_hour_takes_one_timer_and_few_invocations(polos_aws: AwsHarness) -> None:
    polos_aws.run(day)
    assert polos_aws.meter.calls["scheduler", "CreateSchedule"] == 1
    assert sum(polos_aws.invocations.values()) <= 6
    schedules = polos_aws.account.client("scheduler").list_schedules()["Schedules"]
    assert schedules == [], "one that has fired is gone"


@pytest.mark.parametrize("seconds", [0, 0.5, 1, 59, 899, 900, 901, 3600, 86_400 * 40])
def test_a_wait_ends_when_it_is_due_and_not_before(world: Harness, seconds: float) -> None:
    took = world.run(wait, {"seconds": seconds})
    assert seconds <= took + 0.001
    assert took <= seconds + SECONDS


def test_a_time_that_is_past_is_not_waited_for(world: Harness) -> None:
    before = world.clock.now()
    world.run(until, {"when": datetime(2020, 1, 1)})
    assert world.clock.now() - before < 2


def test_waiting_until_a_moment(world: Harness) -> None:
    when = datetime.fromtimestamp(world.clock.now(), UTC) + timedelta(hours=5, seconds=30)
    world.run(until, {"when": when})
    assert 0 <= world.clock.now() - when.timestamp() <= SECONDS


def test_a_waiting_workflow_is_shown_as_waiting(world: Harness) -> None:
    started = world.start(day)
    world.advance(timedelta(hours=3))
    assert started.status == "waiting"
    assert world.waits_for(started) == ["wait_for:night"]
    world.advance(timedelta(hours=21, minutes=1))
    assert started.status == "completed"
