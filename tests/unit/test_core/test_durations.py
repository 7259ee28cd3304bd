"""Times that could never pass, or are no numbers, are refused where they are said."""

import math
from datetime import timedelta

import pytest

from polos import ExecutionFailed, InvalidDefinition, WaitTimeout, WorkflowContext, workflow
from polos.core.durations import check_seconds
from polos.core.failures import failure
from polos.core.retry import RetryPolicy
from polos.testing.local import MemoryHarness

NO_TIMES = [math.nan, math.inf, -1.0, timedelta(days=40_000).total_seconds()]


@workflow(id="waits-for-a-time")
async def waits_for_a_time(ctx: WorkflowContext, payload: list[str]) -> str:
    verb, seconds = payload[0], float(payload[1])
    match verb:
        case "wait":
            await ctx.step.wait_for("w", seconds=seconds)
        case "run":
            await ctx.step.run("r", str, timeout=seconds)
        case "retry":
            await ctx.step.run("r", str, base_delay=seconds)
        case "event":
            await ctx.step.wait_for_event("e", "a topic", timeout=seconds)
        case _:
            await ctx.step.suspend("s", timeout=seconds)
    return verb


@pytest.mark.parametrize("seconds", NO_TIMES, ids=["nan", "inf", "negative", "long"])
def test_what_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(InvalidDefinition, match="the pause is"):
        check_seconds("the pause", seconds)


def test_none_and_nothing_are_times_unless_it_is_said() -> None:
    check_seconds("the pause", None)
    check_seconds("the pause", 0)
    with pytest.raises(InvalidDefinition, match="more than 0"):
        check_seconds("the pause", 0, zero=False)


@pytest.mark.parametrize("seconds", ["nan", "inf"])
@pytest.mark.parametrize("verb", ["wait", "run", "retry", "event", "suspend"])
def test_a_workflow_that_says_so_fails_and_does_not_wait(verb: str, seconds: str) -> None:
    with MemoryHarness() as world, pytest.raises(ExecutionFailed, match=seconds):
        world.run(waits_for_a_time, [verb, seconds])


@pytest.mark.parametrize("verb", ["event", "suspend"])
def test_a_timeout_that_is_over_is_a_timeout(verb: str) -> None:
    with MemoryHarness() as world, pytest.raises(ExecutionFailed) as caught:
        world.run(waits_for_a_time, [verb, "-5"])
    assert caught.value.error["code"] == WaitTimeout.code


def test_a_retry_has_delays_that_are_numbers() -> None:
    for delays in ((math.nan, 1.0), (1.0, math.inf)):
        with pytest.raises(InvalidDefinition, match="each must be a number"):
            RetryPolicy(1, *delays)


def test_an_error_that_cannot_say_what_it_is_is_kept_all_the_same() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert failure(Mute())["message"] == "its text could not be made: __str__ raised RuntimeError"
