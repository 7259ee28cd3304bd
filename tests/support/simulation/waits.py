"""Scenarios of waiting: cancellation, answers, events, triggers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

from polos.core.context import WorkflowContext
from polos.core.definitions import Definition, Registry, Trigger
from polos.core.journal import CANCEL, START, Entry, Outcome
from polos.errors import WaitTimeout
from polos.runtime.executions import Meta
from support.simulation.scenarios import flaky, give
from support.simulation.schedule import Client, Failed
from support.simulation.several import Several
from support.simulation.world import World

TOPIC: Final = "T"


# --- cancelling -------------------------------------------------------------------------------------------------------


async def cancellable(ctx: WorkflowContext) -> str:
    """Two children, steps and a wait; tidies up when it is told to stop."""
    step = ctx.step
    try:
        await step.run("a", give, 1)
        await asyncio.gather(
            step.invoke_and_wait("k1", "waiter"),
            step.invoke_and_wait("k2", "waiter"),
            step.run("b", give, 2),
            step.run("bf", flaky, 2, max_retries=3),
        )
        await step.wait_for("t", seconds=100)
        await step.run("c", give, 3)
        return "done"
    except asyncio.CancelledError:
        await step.run("undo", give)
        raise
    finally:
        await step.run("fin", give)


async def waiter(ctx: WorkflowContext) -> str:
    """A child that waits for an answer that never comes."""
    try:
        await ctx.step.run("p", give, 1)
        await ctx.step.suspend("never", timeout=150)
    except WaitTimeout:
        pass
    finally:
        await ctx.step.run("kfin", give)
    return "kid"


class Cancelled(Several):
    """Cancelled once or twice, at any time; children go with their parent, and cleaning up is done."""

    ends_as = Outcome.CANCELLED

    def clients(self, world: World) -> list[Client]:
        cancel = [
            self._later(world, "0", world.service.cancel, within=200) for _ in range(1 + world.chance.even())
        ]
        return super().clients(world) + cancel

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        del world
        held = [entry.identity for entry in journal]
        if meta.status == "completed":
            return
        if meta.status != self.ends_as:
            raise Failed(f"it is {meta.status}: {meta.error}")
        begun = held.index(START) < held.index(CANCEL)
        if begun and not {"run:undo", "run:fin"} <= set(held):
            raise Failed(f"it is {meta.status} and has not cleaned up: {held}")


# --- signals and events -----------------------------------------------------------------------------------------------


async def talkative(ctx: WorkflowContext) -> list[Any]:
    """Two suspensions and four waits for events, some with a time limit, two at once."""
    step = ctx.step
    await step.run("a", give, 1)
    first = (await step.suspend("s1"))["data"]
    try:
        second = (await step.suspend("s2", timeout=4))["data"]
    except WaitTimeout:
        second = "timeout"

    async def event(key: str, timeout: float | None = None) -> int:
        try:
            return (await step.wait_for_event(key, TOPIC, timeout=timeout)).sequence_id
        except WaitTimeout:
            return 0

    e1 = await event("w1", 2)
    e2, e3 = await asyncio.gather(event("w2"), event("w3"))
    e4 = await event("w4", 100)
    await step.run("z", give, 2)
    return [first, second, e1, e2, e3, e4]


class Signals(Several):
    """Answers and events come early, late, twice, or not at all: each is taken once, in order."""

    def __init__(self, name: str, registry: Registry, *, publish_again: bool) -> None:
        super().__init__(name, registry, "talkative")
        self._publish_again = publish_again

    def clients(self, world: World) -> list[Client]:
        found = super().clients(world)
        for key in ("s1", "s2"):
            for _ in range(1 + world.chance.even()):
                found.append(self._later(world, "0", self._answer(world, key), within=250))
        for number in range(3):
            found.append(
                Client(
                    lambda n=number: world.service.publish(TOPIC, [("news", n)]),  # type: ignore[misc]
                    after=world.rng.randrange(400),
                    retry=self._publish_again,
                )
            )
        return found

    @staticmethod
    def _answer(world: World, key: str) -> Callable[[str], object]:
        return lambda execution: world.service.resume(execution, key, f"R{key}")

    def may_rest(self, world: World, meta: Meta, journal: list[Entry]) -> bool:
        """Whether it waits for an event that was never published, or before it began."""
        waits = {"wait_for_event:w2", "wait_for_event:w3"} - {entry.address for entry in journal}
        since = [e for e in world.service.topics.read(TOPIC) if e.at >= meta.info.created_at]
        return bool(waits) and len(taken(journal)) == len(since)

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        sequences = taken(journal)
        since = [e.sequence for e in world.service.topics.read(TOPIC) if e.at >= meta.info.created_at]
        if sequences != since[: len(sequences)]:
            raise Failed(f"events were taken in the order {sequences}, of those since its start, {since}")
        if not meta.ended:
            return
        first, second, *events = world.service.result(meta)
        if first != "Rs1" or second not in ("Rs2", "timeout") or not all(events[1:3]):
            raise Failed(f"it was told {first}, {second}, {events}")


def taken(journal: list[Entry]) -> list[int]:
    """The events this execution has taken, in order."""
    return [e.extra["sequence"] for e in journal if e.extra and e.extra.get("topic") == TOPIC]


# --- triggers ---------------------------------------------------------------------------------------------------------


async def one_event(ctx: WorkflowContext, event: dict[str, Any]) -> list[int]:
    """Started by every event."""
    return [await ctx.step.run("note", give, event["sequence_id"])]


async def two_events(ctx: WorkflowContext, batch: dict[str, Any]) -> list[int]:
    """Started by two events, or what has come in three seconds."""
    return [await ctx.step.run(f"note{e['sequence_id']}", give, e["sequence_id"]) for e in batch["events"]]


def triggered() -> Registry:
    """Both of them."""
    registry = Registry()
    registry.add(Definition("one_event", one_event, trigger=Trigger(TOPIC)))
    registry.add(Definition("two_events", two_events, trigger=Trigger(TOPIC, 2, 3.0)))
    return registry


class Triggers(Several):
    """Every event of a topic starts one execution of each trigger, or has its part in one."""

    def __init__(self, name: str, registry: Registry) -> None:
        super().__init__(name, registry, "one_event")

    def clients(self, world: World) -> list[Client]:
        return [
            Client(
                lambda n=number: world.service.publish(TOPIC, [("news", n)]),  # type: ignore[misc]
                after=world.rng.randrange(60),
            )
            for number in range(4)
        ]

    def check(self, world: World) -> None:
        events = [event.sequence for event in world.service.topics.read(TOPIC)]
        for workflow in ("one_event", "two_events"):
            metas = [meta for meta in world.metas() if meta.info.workflow == workflow]
            payloads = [json.loads(meta.info.payload) for meta in metas]
            started = [
                event["sequence_id"] for payload in payloads for event in payload.get("events", [payload])
            ]
            if sorted(started) != events:
                raise Failed(f"{workflow!r} was started by {sorted(started)}; the topic holds {events}")
