"""Pause lets what runs be recorded and begins nothing more; unpause goes on with all that is pending."""

import pytest

from polos import Conflict, WorkflowContext, workflow
from polos.runtime.control import Control
from polos.testing.harness import Harness, Started
from support.outcomes import ended
from support.scenario import did, effects, times

at_work: list[Started] = []


def work(number: int) -> int:
    did(f"step {number}")
    if number == 1 and times("step 1") == 1:
        Control(at_work[-1].harness.service).pause(at_work[-1].id)
    return number


@workflow(id="four-steps")
async def four_steps(ctx: WorkflowContext) -> int:
    total = 0
    for number in range(4):
        total += await ctx.step.run(f"step {number}", work, number)
    return total


def work_while_others_act(number: int) -> int:
    """Pauses and lets go on again; that is handled while this step still runs, by another worker."""
    did(f"step {number}")
    if number == 1 and times("step 1") == 1:
        control, started = Control(at_work[-1].harness.service), at_work[-1]
        control.pause(started.id)
        started.harness._deliver()
        control.unpause(started.id)
        started.harness._deliver()
    return number


@workflow(id="pauses-within")
async def pauses_within(ctx: WorkflowContext) -> int:
    one = await ctx.step.run("step 1", work_while_others_act, 1)
    return one + await ctx.step.run("step 2", work_while_others_act, 2)


@workflow(id="tidies-up")
async def tidies_up(ctx: WorkflowContext) -> None:
    try:
        await ctx.step.wait_for("long", days=3)
    finally:
        await ctx.step.run("tidy", work, 9)


@workflow(id="asks-once")
async def asks_once(ctx: WorkflowContext) -> object:
    answer = await ctx.step.suspend("approve")
    return await ctx.step.run("work", work, answer["data"])


def test_in_the_middle_of_a_step(tell) -> None:
    def story(world: Harness) -> object:
        at_work.append(world.start(four_steps))
        world.advance(3000)
        shown = at_work[-1].status
        Control(world.service).unpause(at_work[-1].id)
        return shown, ended(at_work[-1])

    tell(story)


def test_nothing_begins_for_as_long_as_it_takes(world: Harness) -> None:
    at_work.append(world.start(four_steps))
    world.advance(7 * 86_400)
    assert at_work[-1].status == "paused"
    assert "step 3" not in effects(), "at most what was on its way was still begun"
    Control(world.service).unpause(at_work[-1].id)
    assert at_work[-1].result() == 6
    assert effects() == {f"step {number}": 1 for number in range(4)}


def test_news_are_kept_meanwhile(world: Harness) -> None:
    started = world.start(asks_once)
    world.advance(60)
    Control(world.service).pause(started.id)
    world.advance(60)
    started.resume("approve", 3)
    world.advance(3600)
    assert (started.status, effects()) == ("paused", {})
    Control(world.service).unpause(started.id)
    assert started.result() == 3


def test_a_pause_that_is_handled_before_the_start_holds(world: Harness) -> None:
    started = world.start(asks_once)
    Control(world.service).pause(started.id)
    world.advance(3600)
    assert (started.status, world.waits_for(started)) == ("paused", ["suspend:approve"])
    Control(world.service).unpause(started.id)
    world.advance(60)
    assert started.status == "waiting"


def test_it_may_be_paused_again_and_cancelled_meanwhile(world: Harness) -> None:
    started, control = world.start(asks_once), Control(world.service)
    for _ in range(3):
        control.pause(started.id)
        world.advance(60)
        assert started.status == "paused"
        control.unpause(started.id)
        world.advance(60)
        assert started.status == "waiting"
    control.pause(started.id)
    world.advance(60)
    started.cancel()
    world.advance(60)
    assert started.status == "cancelled"
    with pytest.raises(Conflict, match="has ended"):
        control.pause(started.id)


def test_a_step_that_runs_meanwhile_does_not_run_again(world: Harness) -> None:
    at_work.append(world.start(pauses_within))
    assert at_work[-1].result() == 3
    assert effects() == {"step 1": 1, "step 2": 1}
    asked = [e.address.partition("#")[0] for e in world.journal(at_work[-1]) if e.kind == "signal"]
    assert asked == ["$pause", "$unpause"], "both were handled while the step ran"


def test_what_was_asked_last_counts_whatever_comes_first(world: Harness) -> None:
    started, control = world.start(asks_once), Control(world.service)
    world.advance(60)
    queue = world.service.ports.queue
    control.pause(started.id)
    overtaken = queue.receive(["$news"], limit=1, visibility=30)
    control.unpause(started.id)
    world.pump()
    assert started.status == "waiting"
    queue.extend(overtaken[0], 0)
    world.advance(60)
    assert started.status == "waiting", "the pause was asked for before"
    control.pause(started.id)
    control.unpause(started.id)
    first, second = queue.receive(["$news"], limit=2, visibility=30)
    queue.extend(second, 0)
    queue.extend(first, 0)
    world.advance(60)
    assert started.status == "waiting", "in one batch as well"
    control.pause(started.id)
    world.advance(60)
    assert started.status == "paused"


def test_a_cancelled_one_cleans_up_although_it_is_paused(world: Harness) -> None:
    started, control = world.start(tidies_up), Control(world.service)
    world.advance(60)
    control.pause(started.id)
    world.advance(60)
    started.cancel()
    control.pause(started.id)
    world.advance(60)
    assert (started.status, effects()) == ("cancelled", {"step 9": 1})
