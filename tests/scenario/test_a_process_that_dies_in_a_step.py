"""A process that dies is replaced; a step that kills each process it gets fails, and the workflow is told."""

import pytest

from polos import ExecutionFailed, StepExecutionError, WorkflowContext, workflow
from polos.testing.aws import AwsHarness
from polos.testing.harness import Harness
from support.scenario import did, effects, times

WORLD: list[Harness] = []
TRIES = 5  # receives before a message is a dead letter


def deadly(lives: int) -> str:
    did("tried")
    if times("tried") <= lives:
        WORLD[-1].die()
    return "survived"


def goodbye() -> str:
    did("said goodbye")
    return "goodbye"


def long_work(seconds: float) -> str:
    did("begun")
    WORLD[-1].work(seconds)
    did("ended")
    return "done"


def hangs(seconds: float) -> str:
    did("begun")
    if times("begun") == 1:
        WORLD[-1].clock.advance(seconds)  # no heart beats meanwhile: the whole process stood still
    return "done"


@workflow(id="deadly")
async def deadly_step(ctx: WorkflowContext, payload: dict[str, int]) -> str:
    await ctx.step.run("prepare", str)
    try:
        return await ctx.step.run("deadly", deadly, payload["lives"], max_retries=0)
    except StepExecutionError as error:
        return f"{error.error_type}: {await ctx.step.run('goodbye', goodbye)}"


@workflow(id="deadly-from-the-start")
async def deadly_start(ctx: WorkflowContext) -> str:
    return await ctx.step.run("deadly", deadly, 1000, max_retries=0)


@workflow(id="deadly-in-one-go", steps_per_invocation=None)
async def deadly_in_one_go(ctx: WorkflowContext) -> str:
    await ctx.step.run("a", goodbye)
    await ctx.step.run("b", goodbye)
    return await ctx.step.run("deadly", deadly, 1000, max_retries=0)


@workflow(id="long-work")
async def long_step(ctx: WorkflowContext, payload: dict[str, float]) -> str:
    await ctx.step.run("prepare", str)
    return await ctx.step.run("work", long_work, payload["seconds"], max_retries=0)


@workflow(id="hanging")
async def hanging(ctx: WorkflowContext) -> str:
    return await ctx.step.run("work", hangs, 300.0)


def test_a_step_whose_process_died_is_run_again_within_about_a_minute(world: Harness) -> None:
    WORLD.append(world)
    begun = world.clock.now()
    assert world.run(deadly_step, {"lives": 1}) == "survived"
    assert times("tried") == 2
    assert world.clock.now() - begun < 65


def test_a_step_that_always_kills_its_process_fails_in_the_end(world: Harness) -> None:
    WORLD.append(world)
    started = world.start(deadly_step, {"lives": 1000})
    assert started.result() == "ProcessDied: goodbye"
    assert times("tried") == TRIES
    assert times("said goodbye") == 1
    failed = next(entry for entry in world.journal(started) if entry.error)
    assert failed.error is not None
    assert "memory_mb" in failed.error["message"], "it says what to do"


def test_the_first_step_fails_in_the_end_too(world: Harness) -> None:
    WORLD.append(world)
    with pytest.raises(ExecutionFailed, match="the process that ran this step died at each try"):
        world.run(deadly_start)
    assert times("tried") == TRIES + 1, "once with the start, then as a message of its own"


def test_a_deadly_step_among_those_of_one_invocation_fails_in_the_end_too(world: Harness) -> None:
    WORLD.append(world)
    with pytest.raises(ExecutionFailed, match="the process that ran this step died at each try"):
        world.run(deadly_in_one_go)
    assert times("tried") == TRIES + 1
    assert times("said goodbye") == 2


def test_others_go_on_while_one_execution_kills_its_sandboxes(polos_aws: AwsHarness) -> None:
    WORLD.append(polos_aws)
    killer = polos_aws.start(deadly_step, {"lives": 1000})
    others = [polos_aws.start(long_step, {"seconds": 1}) for _ in range(3)]
    assert [other.result() for other in others] == ["done"] * 3
    assert killer.result() == "ProcessDied: goodbye"


def test_a_step_may_take_longer_than_the_lease_while_its_process_lives(world: Harness) -> None:
    WORLD.append(world)
    assert world.run(long_step, {"seconds": 600}) == "done"
    assert effects() == {"begun": 1, "ended": 1}


def test_a_process_that_stood_still_finds_that_it_has_lost_its_message(world: Harness) -> None:
    WORLD.append(world)
    assert world.run(hanging) == "done"
    assert times("begun") == 2, "what it did after it stood still was not recorded by it"
    assert world.sweeps == 0


def test_a_step_that_lambda_ends_at_its_timeout_dies_as_well(polos_aws: AwsHarness) -> None:
    WORLD.append(polos_aws)
    started = polos_aws.start(long_step, {"seconds": 1000})
    polos_aws.advance(3600 * 3)
    assert started.status == "failed"
    assert times("ended") == 0
    assert times("begun") == TRIES


def test_the_dead_letter_queue_is_empty_afterwards(polos_aws: AwsHarness) -> None:
    WORLD.append(polos_aws)
    polos_aws.run(deadly_step, {"lives": 1000})
    polos_aws.advance(3600)
    assert polos_aws.invocations["dead"] == 1
    for queue in ("default", "$news", "$dead"):
        depth = polos_aws.service.ports.queue.depth(queue)
        assert (depth.ready, depth.in_flight, depth.delayed) == (0, 0, 0)
