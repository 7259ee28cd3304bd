"""Scenarios of what executions share: places in limited queues, and state."""

from __future__ import annotations

import asyncio
import json

from polos.core.context import WorkflowContext
from polos.core.definitions import Definition, Queue, Registry
from polos.core.journal import Entry
from polos.core.state import WorkflowState
from polos.runtime import names
from polos.runtime.executions import Meta
from support.simulation.scenarios import flaky, give, registry_of
from support.simulation.schedule import Client, Failed
from support.simulation.several import Several, honest_death
from support.simulation.world import PROJECT, World

# --- places -----------------------------------------------------------------------------------------------------------


async def placed(ctx: WorkflowContext) -> str:
    """Steps, a child in the same queue, and a wait during which it needs no place."""
    await ctx.step.run("a", give, 1)
    await ctx.step.invoke_and_wait("kid", "placed_kid")
    await asyncio.gather(ctx.step.run("b", give, 2), ctx.step.wait_for("t", seconds=70))
    await ctx.step.run("e", give, 3)
    return "placed"


async def placed_kid(ctx: WorkflowContext) -> str:
    """A child of two steps."""
    await ctx.step.run("p", give, 1)
    await ctx.step.run("r", give, 1)
    return "kid"


def limited(places: int) -> Registry:
    """Both in one queue with so many places."""
    registry = Registry()
    queue = Queue("narrow", places)
    for function in (placed, placed_kid):
        registry.add(Definition(function.__name__, function, queue=queue))
    return registry


class Places(Several):
    """More executions than places: all get one in the end, and all are given back."""

    def __init__(self, name: str, places: int, *, cancels: bool = False) -> None:
        super().__init__(name, limited(places), "placed", count=3)
        self._places = places
        self._cancels = cancels

    def clients(self, world: World) -> list[Client]:
        found = super().clients(world)
        if self._cancels:
            found += [self._later(world, str(n), world.service.cancel, within=200) for n in range(2)]
        return found

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        del world, journal
        if meta.status != "completed" and not (self._cancels and meta.status == "cancelled"):
            raise Failed(f"it is {meta.status}: {meta.error}")

    def check_all(self, world: World) -> None:
        no_place_leaks(world, names.places(PROJECT, "narrow", None))
        if not world.chance.faults and not self._cancels and world.most_at_once > self._places:
            raise Failed(f"{world.most_at_once} executions ran steps at once in {self._places} places")


def no_place_leaks(world: World, partition: str) -> None:
    """Raise `Failed` if a place is held or waited for.

    Where workers may lose their leases unawares one may be left over; it is given back when somebody waits for it.
    """
    records = world.store.records.query(partition, limit=1000).records
    taken = sum(json.loads(record.value)["taken"] for record in records if record.key.sort == "head")
    waiting = [record.key.sort for record in records if record.key.sort.startswith("wait|")]
    found = world.store.records.find("status", f"{partition}|held", limit=1000).records
    held = [record.key.sort for record in found]
    if waiting or taken != len(held) or (held and not world.gaps):
        raise Failed(f"LEAK: {taken} places are taken, by {held}; {waiting} wait")


async def heavy(ctx: WorkflowContext) -> str:
    """One of its steps takes a place of a queue with a single one."""
    await ctx.step.run("light", give, 1)
    await asyncio.gather(
        ctx.step.run("h1", give, 1, queue="big"),
        ctx.step.run("h2", flaky, 1, queue="big", base_delay=100, max_delay=100),
    )
    await ctx.step.run("end", give, 2)
    return "heavy"


def with_big_queue() -> Registry:
    """The workflow, and the queue its steps name."""
    registry = registry_of(heavy)
    registry.add_queue(Queue("big", 1))
    return registry


class StepPlaces(Several):
    """Single steps in a limited queue."""

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        del world, journal
        if meta.status != "completed":
            raise Failed(f"it is {meta.status}: {meta.error}")

    def check_all(self, world: World) -> None:
        no_place_leaks(world, names.places(PROJECT, "big", None))


# --- state ------------------------------------------------------------------------------------------------------------


class Counter(WorkflowState):
    """What the executions of `counting` hand on."""

    value: int = 0


async def counting(ctx: WorkflowContext) -> int:
    """Counts the executions before it."""
    await ctx.step.run("a", give, 1)
    ctx.state.value += 1
    await ctx.step.run("b", give, 1)
    return int(ctx.state.value)


def stateful() -> Registry:
    """The workflow with its state."""
    registry = Registry()
    registry.add(Definition("counting", counting, state_schema=Counter))
    return registry


class States(Several):
    """Each execution finds what the one before it has left, and none is overwritten."""

    def check(self, world: World) -> None:
        results = sorted(json.loads(m.result or "0") for m in self.roots(world) if m.status == "completed")
        if not honest_death(world) and results != list(range(1, self._count + 1)):
            raise Failed(f"STATE LOST: the executions counted {results}")
        no_place_leaks(world, names.state_places(PROJECT, "counting", ""))
