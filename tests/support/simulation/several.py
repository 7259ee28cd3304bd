"""What scenarios with executions of one workflow, each started by a client of its own, have in common."""

from __future__ import annotations

from collections.abc import Callable

from polos.core.definitions import Registry
from polos.core.ids import derived_id
from polos.core.journal import Entry
from polos.errors import NotFound
from polos.runtime.executions import Meta
from polos.runtime.service import StartOptions
from support.simulation.scenarios import died
from support.simulation.schedule import Client, Failed
from support.simulation.world import PROJECT, World


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
