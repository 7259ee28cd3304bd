"""Scenarios of what happens at a time: the ticks of a schedule, and starts under a rate limit."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from polos.core.context import WorkflowContext
from polos.core.definitions import Definition, Queue, RateLimit, Registry, Schedule
from polos.core.journal import START, Entry
from polos.core.models import SchedulePayload
from polos.runtime.executions import Meta
from polos.runtime.rates import LATE_SECONDS
from polos.runtime.schedules import ScheduleRecord, Schedules
from support.simulation.scenarios import give
from support.simulation.schedule import Client, Failed
from support.simulation.several import Several, honest_death
from support.simulation.steps import scene
from support.simulation.world import PROJECT, World

# --- ticks ------------------------------------------------------------------------------------------------------------

TICKS: Final = 4
NAME: Final = f"{PROJECT}|schedule|ticking|minutes"


async def ticking(ctx: WorkflowContext, payload: SchedulePayload) -> str:
    """What a tick starts; one of them ends the schedule's timer, so that the world comes to rest."""
    await ctx.step.run("a", enough)
    return payload.timestamp.isoformat()


def enough() -> None:
    """Stops the timer behind the engine's back: what has ticked by then is under way, and counts."""
    if len(scene.world.metas()) >= TICKS:
        scene.world.store.timers.stop(NAME)


def scheduled() -> Registry:
    """The workflow, which may be scheduled."""
    registry = Registry()
    registry.add(Definition("ticking", ticking, schedule=Schedule()))
    return registry


class Ticks(Several):
    """Each minute one execution: none is left out, and none comes twice."""

    def clients(self, world: World) -> list[Client]:
        record = ScheduleRecord("ticking", "minutes", "* * * * *", "UTC")
        return [Client(lambda: Schedules(world.ports, PROJECT).put(record), after=world.rng.randrange(40))]

    def check(self, world: World) -> None:
        metas = world.metas()
        due = sorted(datetime.fromisoformat(json.loads(meta.info.payload)["timestamp"]) for meta in metas)
        if len(due) < TICKS or any(
            later - earlier != timedelta(minutes=1) for earlier, later in pairwise(due)
        ):
            raise Failed(f"TICKS LOST: {[one.isoformat() for one in due]}")
        for meta in metas:
            if meta.status != "completed" and not honest_death(world):
                raise Failed(f"the tick {meta.info.payload} is {meta.status}: {meta.error}")
            if (
                meta.info.created_at
                < datetime.fromisoformat(json.loads(meta.info.payload)["timestamp"]).timestamp()
            ):
                raise Failed(f"the tick {meta.info.payload} came early")


# --- rates ------------------------------------------------------------------------------------------------------------

RATE: Final = RateLimit(2, 60)
SLACK: Final = LATE_SECONDS + 3.0
"""Who has been told to start does so a little later, as others work in between."""


async def rated(ctx: WorkflowContext) -> str:
    """A step, begun when the rate allows it."""
    await ctx.step.run("a", give, 1)
    return "rated"


def metered() -> Registry:
    """The workflow in a queue with a rate limit."""
    registry = Registry()
    registry.add(Definition("rated", rated, queue=Queue("metered", rate_limit=RATE)))
    return registry


class Rates(Several):
    """In no window more start than the limit allows, and all start in the end."""

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        del world, journal
        if meta.status != "completed":
            raise Failed(f"it is {meta.status}: {meta.error}")

    def check_all(self, world: World) -> None:
        starts = sorted(
            entry.at / 1000
            for meta in world.metas()
            for entry in world.journal(meta.info.execution)
            if entry.address == START
        )
        for first, beyond in zip(starts, starts[RATE.limit :], strict=False):
            if beyond - first < RATE.seconds - SLACK:
                raise Failed(f"TOO MANY: starts at {starts}, of {RATE.limit} in {RATE.seconds} s")
