"""More scenarios: everything a workflow can wait for, call and be limited by."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from polos.core.context import WorkflowContext
from polos.core.definitions import Definition, Queue, Registry, Trigger
from polos.core.ids import derived_id
from polos.core.journal import CANCEL, START, Entry, Kind, Outcome
from polos.core.state import WorkflowState
from polos.errors import Conflict, NotFound, StepExecutionError, WaitTimeout
from polos.runtime import names
from polos.runtime.control import Control
from polos.runtime.executions import Meta
from polos.runtime.service import StartOptions
from support.simulation.scenarios import died, flaky, give, kid, main, registry_of
from support.simulation.schedule import Client, Failed, Scenario
from support.simulation.world import PROJECT, World

TOPIC: Final = "T"


def honest_death(world: World) -> bool:
    """Whether some step was given up, because each of its deliveries was hit by a fault."""
    return any(died(world.journal(meta.info.execution)) for meta in world.metas())


class Several:
    """`count` executions of one workflow, each started by a client of its own."""

    def __init__(self, name: str, registry: Registry, workflow: str, *, count: int = 1) -> None:
        self.name = name
        self.registry = registry
        self.may_sweep = False
        self._workflow = workflow
        self._count = count

    def clients(self, world: World) -> list[Client]:
        return [self._start(world, str(number)) for number in range(self._count)]

    def _start(self, world: World, key: str) -> Client:
        options = StartOptions(idempotency_key=key)
        return Client(
            lambda: world.service.start(self._workflow, None, options), after=world.rng.randrange(40)
        )

    def _later(
        self, world: World, key: str, act: Callable[[str], object], *, within: int, retry: bool = True
    ) -> Client:
        """Somebody who does something about an execution as soon as there is one, after so many moves at most."""
        execution = execution_of(self._workflow, key)

        def patiently() -> None:
            while True:
                try:
                    act(execution)
                    return
                except NotFound:
                    world.pause("patience")

        return Client(patiently, after=world.rng.randrange(within), retry=retry)

    def roots(self, world: World) -> list[Meta]:
        """The executions that were started from outside."""
        found = [meta for meta in world.metas() if meta.info.workflow == self._workflow]
        if len(found) != self._count:
            raise Failed(f"{len(found)} executions of {self._workflow!r} instead of {self._count}")
        return found

    def may_rest(self, world: World, meta: Meta, journal: list[Entry]) -> bool:
        del world, meta, journal
        return False

    def check(self, world: World) -> None:
        if not honest_death(world):
            for meta in self.roots(world):
                self.check_one(world, meta, world.journal(meta.info.execution))
        self.check_all(world)

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        """What one execution must have given."""
        raise NotImplementedError

    def check_all(self, world: World) -> None:
        """What must hold of all together."""


def execution_of(workflow: str, key: str) -> str:
    """The id an execution gets from its key."""
    return derived_id(PROJECT, workflow, key)


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
        if meta.status != Outcome.CANCELLED:
            raise Failed(f"it is {meta.status}: {meta.error}")
        begun = held.index(START) < held.index(CANCEL)
        if begun and not {"run:undo", "run:fin"} <= set(held):
            raise Failed(f"it was cancelled and has not cleaned up: {held}")


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
    """Raise `Failed` if a place is held or waited for."""
    records = world.store.records.query(partition, limit=1000).records
    head = [json.loads(record.value) for record in records if record.key.sort == "head"]
    waiting = [record.key.sort for record in records if record.key.sort.startswith("wait|")]
    if waiting or any(one["taken"] for one in head):
        raise Failed(f"LEAK: {head} places are taken, {waiting} wait")


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
        Failures("failures", registry_of(failing, broken), "failing"),
    )
}
