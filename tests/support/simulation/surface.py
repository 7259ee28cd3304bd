"""More scenarios: everything a workflow can wait for, call and be limited by."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from polos.core.context import WorkflowContext
from polos.core.definitions import Registry
from polos.core.journal import Entry, Kind
from polos.errors import Conflict, StepExecutionError
from polos.runtime.control import Control
from polos.runtime.executions import Meta
from support.simulation.copies import Copied, OutOfTime, mending
from support.simulation.limits import Places, States, StepPlaces, stateful, with_big_queue
from support.simulation.scenarios import flaky, give, kid, main, registry_of
from support.simulation.schedule import Client, Failed, Scenario
from support.simulation.several import Several
from support.simulation.times import Rates, Ticks, metered, scheduled
from support.simulation.waits import Cancelled, Signals, Triggers, cancellable, talkative, triggered, waiter
from support.simulation.world import World

# --- going on as another, and waiting for handles ---------------------------------------------------------------------


async def caller(ctx: WorkflowContext) -> list[Any]:
    """Waits for a child that goes on as another, and by a handle for one that it started before."""
    handle = await ctx.step.invoke("early", "hopping", 2)
    far = await ctx.step.invoke_and_wait("far", "hopping", 0)
    return [far, await ctx.step.wait_for(handle)]


async def hopping(ctx: WorkflowContext, payload: int) -> int:
    """Goes on as another one twice."""
    number: int = await ctx.step.run("a", give, payload)
    if number < 2:
        ctx.continue_as_new(number + 1)
    return number


class Hops(Several):
    """Whoever waits for an execution gets the result of the last one it goes on as."""

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        del journal
        if meta.status != "completed" or world.service.result(meta) != [2, 2]:
            raise Failed(f"it is {meta.status} with {meta.result}, {meta.error}")


class HopsCancelled(Hops):
    """Cancelled at any time: the whole tree comes to rest, with what its executions have gone on as."""

    def clients(self, world: World) -> list[Client]:
        return [*super().clients(world), self._later(world, "0", world.service.cancel, within=120)]

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        if meta.status != "cancelled":
            super().check_one(world, meta, journal)


async def failing(ctx: WorkflowContext) -> str:
    """Some children fail; their errors are what the parent sees."""
    try:
        await ctx.step.invoke_and_wait("bad", "broken")
    except StepExecutionError as error:
        await ctx.step.run("after", give, 1)
        return error.error_type
    return "no error"


async def broken(ctx: WorkflowContext) -> None:
    """Fails after a step that failed for good."""
    await ctx.step.run("bad", flaky, 5, max_retries=1, base_delay=0.1)


class Failures(Several):
    """A child that fails is an error in its parent."""

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        told = world.service.result(meta) if meta.status == "completed" else meta.error
        failed = [entry for entry in journal if entry.kind is Kind.FAILED]
        if told != "StepExecutionError" or len(failed) != 1:
            raise Failed(f"its parent was told {told}: {failed}")


# --- pausing ----------------------------------------------------------------------------------------------------------


class Paused(Several):
    """Paused and let go on again, at any time: nothing is lost, and nothing that was recorded runs again."""

    def __init__(self, name: str, registry: Registry) -> None:
        super().__init__(name, registry, "main")
        self.may_sweep = True  # messages have no order: who was told to go on first and to pause then waits

    def clients(self, world: World) -> list[Client]:
        control = Control(world.service)
        acts = [control.pause, control.unpause] * 2
        return super().clients(world) + [self._told(world, act) for act in acts]

    def _told(self, world: World, act: Callable[[str], object]) -> Client:
        def unless_ended(execution: str) -> None:
            with suppress(Conflict):
                act(execution)

        return self._later(world, "0", unless_ended, within=300)

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        del journal
        result = world.service.result(meta)
        if result != [1, 2, 3, 56, [0, 1, 2], 5]:
            raise Failed(f"it is {meta.status} with {result}")


SURFACE: Final[dict[str, Scenario]] = {
    scenario.name: scenario
    for scenario in (
        Cancelled("cancel", registry_of(cancellable, waiter), "cancellable"),
        Cancelled("cancel3", registry_of(cancellable, waiter, steps=3), "cancellable"),
        Signals("signals", registry_of(talkative), publish_again=True),
        Signals("once", registry_of(talkative), publish_again=False),
        Triggers("triggers", triggered()),
        Places("places1", 1),
        Places("places2", 2),
        Places("placesCancelled", 1, cancels=True),
        StepPlaces("stepPlaces", with_big_queue(), "heavy", count=3),
        States("states", stateful(), "counting", count=4),
        Hops("hops", registry_of(caller, hopping), "caller"),
        HopsCancelled("hopsCancelled", registry_of(caller, hopping), "caller"),
        Paused("paused", registry_of(main, kid)),
        Ticks("ticks", scheduled(), "ticking"),
        Rates("rates", metered(), "rated", count=5),
        Failures("failures", registry_of(failing, broken), "failing"),
        Copied(
            "retried",
            registry_of(mending, kid),
            "mending",
            copy="retry",
            result=[1, 2, 56, "mended", 3, 4],
        ),
        Copied(
            "retried3",
            registry_of(mending, kid, steps=3),
            "mending",
            copy="retry",
            result=[1, 2, 56, "mended", 3, 4],
        ),
        Copied("forked", registry_of(main, kid), "main", copy="fork", result=[1, 2, 3, 56, [0, 1, 2], 5]),
        OutOfTime("outOfTime", registry_of(cancellable, waiter), "cancellable"),
    )
}
