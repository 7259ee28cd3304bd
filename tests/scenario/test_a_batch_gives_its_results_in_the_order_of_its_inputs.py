"""`batch_invoke_and_wait` gives a result for each input in order, however they end; a failure is data, not an error."""

from polos import BatchWorkflowInput, WorkflowContext, workflow
from polos.testing.harness import Harness
from support.outcomes import ended, of, statuses
from support.scenario import did, effects


def work(number: int) -> int:
    did(f"worked on {number}")
    return number * 10


@workflow(id="item")
async def item(ctx: WorkflowContext, payload: int) -> int:
    if payload < 0:
        raise ValueError(f"{payload} is too little")
    await ctx.step.wait_for("the later the sooner", seconds=600 - 60 * payload)
    return await ctx.step.run("work", work, payload)


def inputs(*numbers: int) -> list[BatchWorkflowInput]:
    return [BatchWorkflowInput(id="item", payload=number) for number in numbers]


@workflow(id="batch")
async def batch(ctx: WorkflowContext, payload: list[int]) -> list[object]:
    results = await ctx.step.batch_invoke_and_wait("all", inputs(*payload))
    return [result.result if result.success else f"no: {result.error}" for result in results]


@workflow(id="impatient-batch")
async def impatient_batch(ctx: WorkflowContext) -> list[object]:
    late = BatchWorkflowInput(id="item", payload=1, run_timeout_seconds=60)
    results = await ctx.step.batch_invoke_and_wait("all", [late, *inputs(9)])
    return [(result.success, result.result) for result in results]


@workflow(id="batch-of-handles")
async def batch_of_handles(ctx: WorkflowContext) -> list[int]:
    handles = await ctx.step.batch_invoke("all", inputs(1, 9))
    await ctx.step.run("meanwhile", work, 0)
    return [await ctx.step.wait_for(handle) for handle in reversed(handles)]


def test_in_order(tell) -> None:
    tell(lambda world: ended(world.start(batch, [1, 9, 5])))


def test_with_a_failure_among_them(tell) -> None:
    tell(lambda world: (ended(world.start(batch, [9, -1])), statuses(world)))


def test_handles_that_are_waited_for_later(tell) -> None:
    tell(lambda world: ended(world.start(batch_of_handles)))


def test_each_ran_once_and_the_failed_one_says_why(world: Harness) -> None:
    assert world.run(batch, [3, -1, 2]) == [30, "no: -1 is too little", 20]
    assert effects() == {"worked on 3": 1, "worked on 2": 1}
    assert len(of(world, "item")) == 3


def test_one_that_times_out_is_data_too(world: Harness) -> None:
    assert world.run(impatient_batch) == [(False, None), (True, 90)]


def test_an_empty_batch_is_an_empty_list(world: Harness) -> None:
    assert world.run(batch, []) == []
