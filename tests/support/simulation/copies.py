"""Scenarios of executions that are copied, by retry and by fork, and of those whose time runs out."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from polos.core.context import WorkflowContext
from polos.core.definitions import Registry
from polos.core.journal import Entry, Kind, Outcome
from polos.errors import Conflict, NotFound
from polos.runtime.control import Control
from polos.runtime.executions import Meta
from polos.runtime.service import StartOptions
from support.simulation.scenarios import give
from support.simulation.schedule import Client, Failed
from support.simulation.several import Several, execution_of
from support.simulation.steps import StepFailed, scene
from support.simulation.waits import Cancelled
from support.simulation.world import World

PATIENCE: Final = 600
"""How often somebody looks whether an execution can be copied by now."""


async def mending(ctx: WorkflowContext) -> list[Any]:
    """One of its steps fails for good, until somebody has mended what was wrong; others are under way beside it."""
    a = await ctx.step.run("a", give, 1)
    b, kid, mended, slow = await asyncio.gather(
        ctx.step.run("b", give, 2),
        ctx.step.invoke_and_wait("kid", "kid"),
        ctx.step.run("broken", broken, max_retries=1, base_delay=0.1),
        ctx.step.run("slow", give, 3),
    )
    return [a, b, kid, mended, slow, await ctx.step.run("d", give, 4)]


def broken() -> str:
    """Fails in the first execution; when that is copied, it has been mended."""
    environment = scene.job.environment
    if environment is None or environment.execution == execution_of("mending", "0"):
        raise StepFailed("not mended yet")
    return "mended"


class Copied(Several):
    """Copied once or twice, at any time: each copy ends as it must, and nothing that it took over runs again."""

    def __init__(self, name: str, registry: Registry, workflow: str, *, copy: str, result: list[Any]) -> None:
        super().__init__(name, registry, workflow)
        self.may_sweep = True  # who makes a copy and dies before saying so has left it to the sweeper
        self._copy = copy
        self._result = result

    def clients(self, world: World) -> list[Client]:
        copying = [
            Client(
                lambda: self._copied(world), after=world.rng.randrange(200), retry=bool(world.chance.even())
            )
            for _ in range(1 + world.chance.even())
        ]
        return super().clients(world) + copying

    def _copied(self, world: World) -> None:
        execution = execution_of(self._workflow, "0")
        for _ in range(PATIENCE):
            try:
                self._act(world, execution)
                return
            except (Conflict, NotFound):
                world.pause("patience")

    def _act(self, world: World, execution: str) -> None:
        control = Control(world.service)
        if self._copy == "retry":
            control.retry(execution)
        else:
            control.fork(execution, from_step=world.rng.choice([None, "a", "b", "slow"]))

    def roots(self, world: World) -> list[Meta]:
        return [meta for meta in world.metas() if meta.info.workflow == self._workflow]

    def check_one(self, world: World, meta: Meta, journal: list[Entry]) -> None:
        if meta.info.copy_of is None and self._copy == "retry":
            if meta.status != "failed":
                raise Failed(f"the first is {meta.status}: {meta.error}")
            return
        if meta.status != "completed" or world.service.result(meta) != self._result:
            raise Failed(f"{meta.info.execution} is {meta.status} with {meta.result}: {meta.error}")
        taken = {entry.address for entry in journal if entry.copied_from and entry.kind is Kind.DONE}
        again = {address for execution, address, _ in world.begun if execution == meta.info.execution} & taken
        if again:
            raise Failed(f"{meta.info.execution} ran {again} again, which it had taken over")
        if self._copy == "retry" and not {"run:a", "run:broken"} & taken:
            raise Failed(f"{meta.info.execution} has taken over no more than {taken}")


class OutOfTime(Cancelled):
    """Its time is over at some point: it ends as timed out, cleans up, and takes its children with it; or is done."""

    ends_as = Outcome.TIMED_OUT

    def clients(self, world: World) -> list[Client]:
        limit = world.rng.choice([0.5, 2.0, 8.0, 60.0, 250.0])
        options = StartOptions(idempotency_key="0", run_timeout=limit)
        return [
            Client(lambda: world.service.start(self._workflow, None, options), after=world.rng.randrange(40))
        ]
