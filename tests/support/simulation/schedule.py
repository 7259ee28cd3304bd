"""The scheduler: from a seed, who goes on next, what expires, who dies, and when time passes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from polos.core.definitions import Registry
from polos.core.journal import START, Entry
from polos.runtime import names
from polos.runtime.control import Control
from polos.runtime.executions import Meta
from polos.runtime.host import Settings
from polos.runtime.sweeper import SILENT_SECONDS, sweep
from support.simulation.chance import Chance, Odds
from support.simulation.tasks import Task
from support.simulation.world import HELD, Process, Working, World, quiet

MOMENT: Final = 0.02
"""Seconds that pass with each move."""
MAX_MOVES: Final = 60_000
MAX_SWEEPS: Final = 4
TRIES: Final = 10


class Failed(AssertionError):
    """A run broke a promise."""


@dataclass(frozen=True, slots=True)
class Client:
    """Somebody outside: `act` is called once `after` so many moves; if it breaks off it is called again if `retry`."""

    act: Callable[[], object]
    after: int = 0
    retry: bool = True


class Scenario(Protocol):
    """Some workflows, who starts and disturbs them, and what must come of it."""

    name: str
    registry: Registry
    may_sweep: bool

    def clients(self, world: World) -> list[Client]:
        """Who calls from outside."""
        ...

    def may_rest(self, world: World, meta: Meta, journal: list[Entry]) -> bool:
        """Whether it is in order that this execution has not ended."""
        ...

    def check(self, world: World) -> None:
        """Raise `Failed` unless this run gave what it must; journals and counts are checked elsewhere."""
        ...


@dataclass(frozen=True, slots=True)
class Setting:
    """What a campaign runs under.

    `gaps`: lease checks are local clocks: a worker may be overtaken between check and call, or notice nothing; then
    the sweeper may be needed. `steps`: overrides `steps_per_invocation`. `max_receives`: before the dead letters.
    """

    odds: Odds
    gaps: bool = False
    cold: bool = False
    max_receives: int | None = None
    concurrent: int = 6


class Simulation:
    """One run of one seed."""

    def __init__(self, scenario: Scenario, seed: int, setting: Setting, *, traced: bool = False) -> None:
        self.scenario = scenario
        self.setting = setting
        self.rng = Random(seed)
        self.chance = Chance(self.rng, setting.odds)
        self.world = World(
            scenario.registry,
            self.chance,
            gaps=setting.gaps,
            max_delay=self.rng.choice([900.0, 900.0, 60.0]),
            max_receives=setting.max_receives,
            settings=Settings(cold=setting.cold),
            traced=traced,
        )
        self._threads = self.rng.choice([1, 1, 3])
        self._pool: list[Process] = []
        self._active: list[Working] = []
        self._callers: list[tuple[Client, Task, int]] = []
        self._queues = [names.NEWS_QUEUE, names.DEAD_QUEUE, "default", *scenario.registry.queues]

    def run(self) -> World:
        """Everything up to the quiet at the end. Raises `Failed` if it never comes, or whatever the engine raised."""
        self._callers = [(client, self._caller(client), 0) for client in self.scenario.clients(self.world)]
        moves = 0
        with quiet():
            while self._move(moves):
                moves += 1
                if moves > MAX_MOVES:
                    raise Failed(f"it does not end: {MAX_MOVES} moves were made")
                if self.world.mistakes:
                    raise self.world.mistakes[0]
        return self.world

    def _move(self, moves: int) -> bool:
        store = self.world.store
        store.clock.advance(MOMENT)
        early = store.timers.next_due() is not None and self.chance.strikes("early")
        store.timers.fire_due(early=120.0 if early else 0.0)
        options: list[Callable[[], None]] = []
        ready = store.queue.next_ready()
        if ready is not None and ready <= store.clock.now() and len(self._active) < self.setting.concurrent:
            options.append(self._receive)
        if self._active:
            options += [self._go_on] * 3
        calling = [caller for caller in self._callers if caller[0].after <= moves]
        if calling:
            options.append(lambda: self._call(self.rng.choice(calling)))
        if options:
            self.rng.choice(options)()
            return True
        return bool(self._callers) or self._let_time_pass() or self._help()

    # --- moves ------------------------------------------------------------------------------------------------------

    def _receive(self) -> None:
        world = self.world
        queues = self.rng.sample(self._queues, len(self._queues))
        limit = self.rng.choice([1, 1, 3, 10])
        found = world.store.queue.receive(queues[:1], limit=limit, visibility=HELD)
        found = found or world.store.queue.receive(queues, limit=1, visibility=HELD)
        for delivery in found:
            if self.chance.strikes("duplicate"):
                world.duplicate(delivery)
        for batch in world.batches(found):
            blind = self.setting.gaps and self.chance.even()
            working = world.work(batch, self._process(), blind=blind, hurried=self.chance.hurried())
            self._active.append(working)

    def _process(self) -> Process:
        idle = [process for process in self._pool if len(process.at_work) < self._threads]
        if idle and self.rng.randrange(5):
            return self.rng.choice(idle)
        self._pool.append(self.world.new_process())
        return self._pool[-1]

    def _go_on(self) -> None:
        working = self.rng.choice(self._active)
        if not working.lease.lost and self.chance.strikes("expire"):
            self.world.strike(working, "visibility runs out")
            working.lease.lost = True
            self.world.expire(working)
        if self.chance.strikes("process"):
            self._kill(working.process)
        else:
            self.world.run(working)
        for one in [one for one in self._active if one.over]:
            self._done(one)

    def _kill(self, process: Process) -> None:
        for working in list(process.at_work):
            self.world.strike(working, "its process dies")
            self.world.kill(working)
        if process in self._pool:
            self._pool.remove(process)

    def _done(self, working: Working) -> None:
        self._active.remove(working)
        if working.acknowledged:
            return
        self.world.say(working, f"broke off: {working.broke or 'not acknowledged'}")
        self.world.expire(working, self.rng.choice([0.0, 0.0, 0.5, 3.0]))
        if self._threads == 1 and working.process in self._pool:
            self._pool.remove(working.process)

    def _caller(self, client: Client) -> Task:
        return Task("client", lambda: void(client.act()))

    def _call(self, caller: tuple[Client, Task, int]) -> None:
        client, task, tries = caller
        self.world.run(task)
        if not task.over:
            return
        self._callers.remove(caller)
        if task.broke is not None and client.retry and tries < TRIES:
            self._callers.append((client, self._caller(client), tries + 1))

    # --- when nothing can be done -----------------------------------------------------------------------------------

    def _let_time_pass(self) -> bool:
        due = self.world.store.next_event()
        if due is None:
            return False
        self.world.store.clock.advance_to(due)
        return True

    def _help(self) -> bool:
        """What may come to the aid of executions that rest: the sweeper, and people who look after what has stopped."""
        world = self.world
        open_ = [meta for meta in world.metas() if not meta.ended]
        if not open_ or world.sweeps >= MAX_SWEEPS:
            return False
        stopped = [meta for meta in open_ if meta.status in ("stalled", "paused")]
        may_sweep = (
            self.setting.gaps or self.scenario.may_sweep or any(self._not_begun(meta) for meta in open_)
        )
        if not stopped and not may_sweep:
            return False
        self.chance.left = 0
        world.sweeps += 1
        for meta in stopped:
            self._go_on_with(meta)
        if not stopped:
            world.say(None, "the sweeper comes")
            world.store.clock.advance(SILENT_SECONDS + 1)
            sweep(world.service)
        return True

    def _go_on_with(self, meta: Meta) -> None:
        self.world.say(None, f"somebody finds {meta.info.execution} {meta.status}")
        if meta.status == "paused":
            Control(self.world.service).unpause(meta.info.execution)
        else:
            self.world.service.kick(meta.info.execution)

    def _not_begun(self, meta: Meta) -> bool:
        """Whether its start was never handled: for that, whoever puts the record relies on the sweeper (rule 9)."""
        return not any(entry.address == START for entry in self.world.journal(meta.info.execution))


def void(_: object) -> None:
    """What a client is told is of no interest here."""
