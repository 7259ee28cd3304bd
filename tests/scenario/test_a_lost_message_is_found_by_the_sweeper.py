"""What must not happen is that an execution is forgotten: the sweeper finds one that has been silent for too long."""

import pytest

from polos import WorkflowContext, workflow
from polos.testing.harness import Harness, NothingHappens
from support.scenario import did, effects


def one() -> int:
    did("ran")
    return 1


def two() -> int:
    did("ran too")
    return 2


@workflow(id="lossy")
async def lossy(ctx: WorkflowContext) -> int:
    return await ctx.step.run("one", one) + await ctx.step.run("two", two)


@workflow(id="patient")
async def patient(ctx: WorkflowContext) -> None:
    await ctx.step.wait_for("long", days=2)


def lose_everything(world: Harness) -> None:
    """The messages in the queues are gone, as after an accident."""
    queue = world.service.ports.queue
    while found := queue.receive(["$news", "default", "$dead"], limit=10):
        queue.delete(found)


def test_a_lost_step_is_sent_again(world: Harness) -> None:
    started = world.start(lossy)
    assert world._deliver()
    lose_everything(world)
    with pytest.raises(NothingHappens):
        started.result()
    world.advance(1300)
    assert world.sweep() == 1
    assert started.result() == 3
    assert effects() == {"ran": 1, "ran too": 1}


def test_a_lost_start_is_sent_again(world: Harness) -> None:
    started = world.start(lossy)
    lose_everything(world)
    world.advance(1300)
    assert world.sweep() == 1
    assert started.result() == 3
    assert effects() == {"ran": 1, "ran too": 1}


def test_what_ended_or_has_just_moved_is_left_alone(world: Harness) -> None:
    world.run(lossy)
    world.start(patient)
    world.pump()
    assert world.sweep() == 0


def test_a_sweep_of_what_waits_for_a_distant_timer_does_no_harm(world: Harness) -> None:
    started = world.start(patient)
    world.advance(2000)
    world.sweep()
    world.advance(2000)
    world.sweep()
    begun = world.clock.now() - 4000
    started.result()
    assert 2 * 86_400 <= world.clock.now() - begun <= 2 * 86_400 + 3
