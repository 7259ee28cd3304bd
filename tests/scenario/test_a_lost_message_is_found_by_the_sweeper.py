"""What must not happen is that an execution is forgotten: the sweeper finds one that has been silent for too long."""

import pytest

from polos import Queue, RateLimit, WorkflowContext, workflow
from polos.errors import StoreTooNew
from polos.runtime import names
from polos.runtime.sweeper import PAGE, sweep
from polos.testing.harness import Harness, NothingHappens
from polos.testing.local import MemoryHarness
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


worlds: list[Harness] = []


def long_work() -> str:
    did("worked for long")
    world = worlds[-1]
    for _ in range(6):
        world.work(600)
        did(f"{world._sweep()} kicked")
    return "done"


@workflow(id="works-for-an-hour")
async def works_for_an_hour(ctx: WorkflowContext) -> str:
    return await ctx.step.run("long", long_work)


@workflow(id="rarely", queue=Queue("rarely", rate_limit=RateLimit(1, 7200)))
async def rarely(ctx: WorkflowContext) -> int:
    return await ctx.step.run("one", one)


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


def test_hours_of_sweeps_leave_one_timer_for_a_wait(world: Harness) -> None:
    started = world.start(patient)
    kicked = 0
    for _ in range(8 * 12):
        world.advance(300)
        kicked += world.sweep()
    assert 8 <= kicked <= 8 * 3 + 1, "now and then, and not at every sweep"
    world.pump()
    assert waiting_messages(world) <= 2
    started.result()
    assert world.deliveries < kicked + 20


def waiting_messages(world: Harness) -> int:
    depth = world.service.ports.queue.depth("$news")
    return depth.ready + depth.delayed


def test_a_start_that_has_been_given_its_time_is_not_sent_again(world: Harness) -> None:
    started = [world.start(rarely) for _ in range(3)]
    for _ in range(20):
        world.advance(300)
        assert world.sweep() == 0
    lose_everything_of(world, "rarely")
    world.advance(7200 * 2 + 1300)
    assert world.sweep() == 1, "what is lost is found all the same"
    assert [one.result() for one in started] == [1, 1, 1]
    assert effects() == {"ran": 3}


def lose_everything_of(world: Harness, queue: str) -> None:
    ports = world.service.ports
    world.clock.advance(7200)
    while found := ports.queue.receive([queue], limit=10):
        ports.queue.delete(found)


def test_many_that_wait_for_long_hide_none_that_is_lost() -> None:
    with MemoryHarness() as world:
        for _ in range(PAGE + 1):
            world.start(patient)
        world.pump()
        lost = world.start(lossy)
        world._deliver()
        lose_everything_of(world, "default")
        world.advance(1300)
        while sweep(world.service, pages=1):
            pass
        assert lost.result() == 3


def test_one_that_cannot_be_looked_at_keeps_no_other_forgotten() -> None:
    with MemoryHarness() as world:
        unreadable, lost = world.start(lossy), world.start(lossy)
        lose_everything(world)
        assert world.service.ports.log.append(
            names.journal(world.service.project, unreadable.id), 0, ['{"v":99}']
        )
        world.advance(1300)
        with pytest.raises(StoreTooNew):
            world.sweep()
        assert lost.result() == 3


def test_a_step_that_takes_an_hour_is_not_taken_for_lost() -> None:
    """Where a step may take so long: in a process of one's own."""
    with MemoryHarness() as world:
        worlds.append(world)
        assert world.run(works_for_an_hour) == "done"
        assert effects() == {"worked for long": 1, "0 kicked": 6}
