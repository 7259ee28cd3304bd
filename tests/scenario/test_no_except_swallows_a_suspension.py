"""A suspension is no exception that code could catch: what swallows everything is still taken down, and goes on."""

import asyncio
import gc
from collections.abc import Iterator

import pytest

from polos import ExecutionFailed, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.scenario import did, effects

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
"""Of a coroutine that catches its own end Python says so; whoever writes one should hear it."""


@pytest.fixture(autouse=True)
def said_here() -> Iterator[None]:
    """Python says it when the coroutine is freed."""
    yield
    gc.collect()


def work(number: int) -> int:
    did(f"step {number}")
    return number


@workflow(id="swallows-everything")
async def swallows_everything(ctx: WorkflowContext) -> int:
    number = 0
    while True:
        number += 1
        try:
            await ctx.step.uuid(f"id {number}")
            await ctx.step.wait_for(f"wait {number}", seconds=1)
            await ctx.step.run(f"step {number}", work, number)
            if number == 3:
                return number
        except:  # noqa: E722
            pass


@workflow(id="swallows-in-tasks")
async def swallows_in_tasks(ctx: WorkflowContext) -> list[int]:
    async def branch(number: int) -> int:
        while True:
            try:
                return await ctx.step.run(f"step {number}", work, number)
            except BaseException:
                await asyncio.sleep(0)

    return list(await asyncio.gather(*(branch(number) for number in range(3))))


@workflow(id="leaves-a-loop-behind")
async def leaves_a_loop_behind(ctx: WorkflowContext) -> str:
    async def for_ever() -> None:
        number = 0
        while True:
            number += 1
            try:
                await ctx.step.wait_for(f"wait {number}", seconds=2)
            except BaseException:
                await asyncio.sleep(0)

    task = asyncio.create_task(for_ever())
    await ctx.step.wait_for("a while", seconds=5)
    return f"done: {task.done()}"


class NoException(BaseException):
    """As libraries have them that want to be caught by nobody."""


@workflow(id="raises-what-is-no-exception")
async def raises_what_is_no_exception(ctx: WorkflowContext) -> None:
    await ctx.step.run("step 0", work, 0)
    raise NoException("on purpose")


def test_in_a_loop(world: Harness) -> None:
    assert world.run(swallows_everything) == 3
    assert effects() == {f"step {number}": 1 for number in (1, 2, 3)}


def test_in_parallel_tasks(world: Harness) -> None:
    assert world.run(swallows_in_tasks) == [0, 1, 2]
    assert set(effects().values()) == {1}


def test_in_a_task_that_the_workflow_leaves_behind(world: Harness) -> None:
    assert world.run(leaves_a_loop_behind) == "done: False"


def test_the_code_is_named_once(world: Harness, caplog: pytest.LogCaptureFixture) -> None:
    world.run(swallows_in_tasks)
    told = [r.getMessage() for r in caplog.records if "catches BaseException in a loop" in r.getMessage()]
    assert len(told) >= 1
    assert "'swallows-in-tasks'" in told[0]


def test_what_is_raised_is_the_outcome_even_if_it_is_no_exception(world: Harness) -> None:
    with pytest.raises(ExecutionFailed, match="on purpose"):
        world.run(raises_what_is_no_exception)
