"""Steps issued together run side by side, and the workflow sees their outcomes in the recorded order."""

import asyncio

from polos import WorkflowContext, workflow
from polos.testing.aws import AwsHarness
from polos.testing.harness import Harness
from support.scenario import did


def fetch(page: int) -> int:
    did(f"fetched {page}")
    return page * 10


async def fetch_async(page: int) -> int:
    return fetch(page)


def refuse(page: int) -> int:
    did(f"refused {page}")
    raise ValueError(f"no page {page}")


@workflow(id="gathered")
async def gathered(ctx: WorkflowContext, payload: dict[str, int]) -> list[int]:
    pages = range(payload["pages"])
    return await asyncio.gather(*(ctx.step.run(f"page-{page}", fetch_async, page) for page in pages))


@workflow(id="first-of-them")
async def first_of_them(ctx: WorkflowContext) -> str:
    tasks = [
        asyncio.create_task(ctx.step.run(f"page-{page}", fetch, page), name=f"{page}") for page in range(3)
    ]
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finished = "".join(sorted(task.get_name() for task in done))
    await asyncio.wait(left)
    return f"{len(finished)} first, then {len(left)}"


@workflow(id="task-group")
async def task_group(ctx: WorkflowContext) -> list[int]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(ctx.step.run(f"page-{page}", fetch, page)) for page in range(3)]
    return [task.result() for task in tasks]


@workflow(id="task-group-with-a-failure")
async def task_group_with_a_failure(ctx: WorkflowContext) -> str:
    seen = "no error"
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(ctx.step.wait_for("long", days=30))
            group.create_task(ctx.step.run("bad", refuse, 7, max_retries=0))
    except* Exception as errors:
        seen = " and ".join(str(error) for error in errors.exceptions)
    return seen


@workflow(id="branches")
async def branches(ctx: WorkflowContext) -> list[list[int]]:
    async def branch(name: str, days: int) -> list[int]:
        first = await ctx.step.run(f"{name}-1", fetch, days)
        await ctx.step.wait_for(f"{name}-night", days=days)
        return [first, await ctx.step.run(f"{name}-2", fetch, days + 100)]

    return await asyncio.gather(branch("slow", 3), branch("quick", 1))


def test_gather(tell) -> None:
    tell(lambda world: world.run(gathered, {"pages": 4}))


def test_task_group(tell) -> None:
    tell(lambda world: world.run(task_group))


def test_task_group_gives_up_what_is_left_when_one_fails(tell) -> None:
    tell(lambda world: world.run(task_group_with_a_failure))


def test_branches_that_wait_differently(tell) -> None:
    tell(lambda world: world.run(branches))


def test_the_results_of_gather_are_in_the_order_of_its_arguments(world: Harness) -> None:
    assert world.run(gathered, {"pages": 4}) == [0, 10, 20, 30]


def test_wait_returns_when_the_first_is_done(world: Harness) -> None:
    assert world.run(first_of_them) == "1 first, then 2"


def test_a_failure_in_a_task_group_does_not_wait_for_the_others(world: Harness) -> None:
    before = world.clock.now()
    assert world.run(task_group_with_a_failure) == "no page 7"
    assert world.clock.now() - before < 60


def test_each_parallel_step_is_an_invocation(polos_aws: AwsHarness) -> None:
    polos_aws.run(gathered, {"pages": 8})
    assert polos_aws.invocations["worker"] == 8
    assert polos_aws.invocations["news"] == 0
