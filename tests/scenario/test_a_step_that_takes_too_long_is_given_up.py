"""`timeout=` bounds an attempt; a sync step that nothing can stop costs its sandbox, and nothing else."""

import asyncio
import time

import pytest

from polos import ExecutionFailed, WorkflowContext, workflow
from polos.testing.aws import AwsHarness
from polos.testing.harness import Harness
from support.scenario import did, times


async def slow_async() -> None:
    did("begun")
    await asyncio.sleep(60)
    did("ended")


def slow_sync() -> None:
    did("begun")
    for _ in range(6000):
        time.sleep(0.01)
    did("ended")


def stubborn() -> None:
    did("begun")
    time.sleep(1.5)  # one call into C: no exception gets in
    did("ended")


def quick() -> str:
    return "in time"


@workflow(id="too-slow")
async def slow(ctx: WorkflowContext, payload: dict[str, str]) -> str:
    step = {"async": slow_async, "sync": slow_sync, "stubborn": stubborn}[payload["step"]]
    await ctx.step.run("slow", step, timeout=0.05, max_retries=int(payload.get("retries", "0")), base_delay=1)
    return "done"


@workflow(id="quick-enough")
async def quick_enough(ctx: WorkflowContext) -> str:
    return await ctx.step.run("quick", quick, timeout=30)


@pytest.mark.parametrize("step", ["async", "sync"])
def test_a_step_that_can_be_stopped_is_stopped_and_fails(world: Harness, step: str) -> None:
    with pytest.raises(ExecutionFailed, match=r"took longer than timeout=0\.05 s"):
        world.run(slow, {"step": step})
    assert (times("begun"), times("ended")) == (1, 0)


def test_an_attempt_that_timed_out_is_tried_again(world: Harness) -> None:
    with pytest.raises(ExecutionFailed, match="attempt 3 took longer"):
        world.run(slow, {"step": "async", "retries": "2"})
    assert times("begun") == 3


def test_a_step_in_time_is_left_alone(world: Harness) -> None:
    assert world.run(quick_enough) == "in time"


def test_a_step_that_nothing_stops_is_recorded_and_ends_its_process(polos_aws: AwsHarness) -> None:
    started = polos_aws.start(slow, {"step": "stubborn"})
    with pytest.raises(ExecutionFailed, match=r"took longer than timeout=0\.05 s"):
        started.result()
    assert times("begun") == 1
    assert polos_aws.sandboxes_ended == 1, "its sandbox serves no other invocation"
    polos_aws.advance(3600)
    assert polos_aws.invocations["worker"] == 1, "its message was acknowledged before"
    assert times("begun") == 1


def test_the_process_that_ends_takes_nothing_else_with_it(polos_aws: AwsHarness) -> None:
    stuck = polos_aws.start(slow, {"step": "stubborn", "retries": "1"})
    other = polos_aws.start(quick_enough)
    assert other.result() == "in time"
    with pytest.raises(ExecutionFailed, match="attempt 2"):
        stuck.result()
    assert polos_aws.sandboxes_ended == 2
