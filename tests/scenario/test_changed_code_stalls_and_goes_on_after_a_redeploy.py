"""Code that does not fit the journal stalls the execution: nothing is lost, and the right code goes on after a kick."""

from collections.abc import Callable

import pytest

from polos import ExecutionStalled, WorkflowContext, workflow
from polos.testing.harness import Harness, Started
from support.scenario import did, effects


def charge(amount: int) -> int:
    did("charged")
    return amount


def ship(amount: int) -> str:
    did("shipped")
    return f"shipped for {amount}"


def check(amount: int) -> int:
    did("checked")
    return amount


def first_version(world: Harness) -> None:
    world.redeploy("changing")

    @workflow(id="changing")
    async def changing(ctx: WorkflowContext, payload: int) -> str:
        paid = await ctx.step.run("charge", charge, payload)
        await ctx.step.wait_for("night", hours=10)
        return await ctx.step.run("ship", ship, paid)


def renamed_version(world: Harness) -> None:
    world.redeploy("changing")

    @workflow(id="changing")
    async def changing(ctx: WorkflowContext, payload: int) -> str:
        paid = await ctx.step.run("pay", charge, payload)
        await ctx.step.wait_for("night", hours=10)
        return await ctx.step.run("ship", ship, paid)


def shorter_version(world: Harness) -> None:
    world.redeploy("changing")

    @workflow(id="changing")
    async def changing(ctx: WorkflowContext, payload: int) -> str:
        return "nothing is done"


def patched_version(world: Harness) -> None:
    world.redeploy("changing")

    @workflow(id="changing")
    async def changing(ctx: WorkflowContext, payload: int) -> str:
        if ctx.patched("check first"):
            payload = await ctx.step.run("check", check, payload)
        paid = await ctx.step.run("charge", charge, payload)
        await ctx.step.wait_for("night", hours=10)
        return await ctx.step.run("ship", ship, paid)


def patched_later_version(world: Harness) -> None:
    world.redeploy("changing")

    @workflow(id="changing")
    async def changing(ctx: WorkflowContext, payload: int) -> str:
        paid = await ctx.step.run("charge", charge, payload)
        await ctx.step.wait_for("night", hours=10)
        if ctx.patched("check before shipping"):
            paid = await ctx.step.run("check", check, paid)
        return await ctx.step.run("ship", ship, paid)


def half_way(world: Harness) -> Started:
    """An execution of the first version that waits for the night to be over."""
    first_version(world)
    started = world.start("changing", 5)
    world.advance(3600)
    return started


def stall(world: Harness, started: Started, version: Callable[[Harness], None]) -> str:
    version(world)
    with pytest.raises(ExecutionStalled) as raised:
        started.result()
    return str(raised.value)


def test_a_stalled_execution_goes_on_when_the_right_code_is_back(tell) -> None:
    def story(world: Harness) -> object:
        started = half_way(world)
        stall(world, started, renamed_version)
        first_version(world)
        world.kick(started)
        world.advance(3600)
        return world.finish(started)

    tell(story)


def test_the_error_names_what_the_journal_holds_and_what_the_code_asks_for(world: Harness) -> None:
    started = half_way(world)
    message = stall(world, started, renamed_version)
    assert "position 1" in message
    assert "'run:charge'" in message
    assert "run:pay" in message
    assert world.status(started) == "stalled"
    assert effects() == {"charged": 1}, "nothing was run by the wrong code"


def test_an_entry_that_the_code_never_reaches_stalls(world: Harness) -> None:
    started = half_way(world)
    message = stall(world, started, shorter_version)
    assert "'run:charge'" in message
    assert "it has returned" in message


def test_news_that_come_while_it_is_stalled_are_kept(world: Harness) -> None:
    started = half_way(world)
    renamed_version(world)
    world.advance(11 * 3600)  # the night is over for code that cannot be replayed
    assert world.status(started) == "stalled"
    first_version(world)
    world.kick(started)
    assert world.finish(started) == "shipped for 5"
    assert effects() == {"charged": 1, "shipped": 1}


def test_a_patch_keeps_the_old_path_for_those_that_took_it(world: Harness) -> None:
    started = half_way(world)
    patched_version(world)
    assert world.finish(started) == "shipped for 5"
    assert "checked" not in effects()


def test_a_patch_takes_the_new_path_for_those_that_begin_after_it(tell) -> None:
    def story(world: Harness) -> object:
        patched_version(world)
        return world.run("changing", 5)

    tell(story)


def test_a_patch_ahead_of_what_is_recorded_is_taken(tell) -> None:
    def story(world: Harness) -> object:
        started = half_way(world)
        patched_later_version(world)
        return world.finish(started)

    tell(story)


def test_a_workflow_that_is_gone_is_tried_again_until_it_is_back(world: Harness) -> None:
    started = half_way(world)
    world.redeploy("changing")
    world.advance(12 * 3600)
    assert world.status(started) in ("waiting", "stalled")
    first_version(world)
    world.kick(started)
    assert world.finish(started) == "shipped for 5"
    assert effects() == {"charged": 1, "shipped": 1}
