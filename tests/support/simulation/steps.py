"""Steps in the simulated world: they begin and end when the schedule says so, several at a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polos.runtime.steps import Finished, Job
from polos.testing.faults import Crash

if TYPE_CHECKING:
    from support.simulation.world import Working, World


class StepFailed(Exception):
    """What a failing step of a scenario raises."""


class Scene:
    """Where the step's function that is being called now runs: for functions that depend on attempt or chance."""

    world: World
    job: Job


scene = Scene()


@dataclass(slots=True)
class _Out:
    job: Job
    started: int
    begun: bool = False
    result: Any = None
    error: BaseException | None = None


class SimulatedRunner:
    """The `StepRunner` of one delivery. A step takes two points of time: one before it begins, one before it ends."""

    def __init__(self, world: World, working: Working) -> None:
        self._world = world
        self._working = working
        self._out: list[_Out] = []

    def start(self, job: Job) -> None:
        out = _Out(job, 0)
        self._out.append(out)
        if self._world.chance.even():  # as an async step does; a sync one waits for `wait`
            self._begin(out)

    def wait(self) -> list[Finished]:
        while True:
            out = self._world.rng.choice(self._out)
            self._world.pause(f"{'end' if out.begun else 'begin'} {out.job.address}")
            if self._world.chance.strikes("crash"):
                self._world.strike(self._working, f"crash in {out.job.address}")
                raise Crash(out.job.address)
            if not out.begun:
                self._begin(out)
                continue
            self._out.remove(out)
            finished = [self._finished(out)]
            ready = [o for o in self._out if o.begun and self._world.chance.even()]
            self._out = [o for o in self._out if o not in ready]
            return finished + [self._finished(o) for o in ready]

    def cancel(self, address: str) -> None:
        """Stop it at its next await, if it is one that awaits."""
        for out in self._out:
            if out.job.address == address and self._world.chance.even():
                out.begun, out.result, out.error = True, None, asyncio.CancelledError()

    def _begin(self, out: _Out) -> None:
        out.begun, out.started = True, int(self._world.store.clock.now() * 1000)
        self._world.begin_step(self._run(out))
        scene.world, scene.job = self._world, out.job
        operation = out.job.operation
        try:
            out.result = operation.function(*operation.args, **operation.kwargs)
        except Exception as error:
            out.error = error
        except Crash:
            self._world.strike(self._working, f"killed by {out.job.address}")
            raise

    def _run(self, out: _Out) -> tuple[str, str, int]:
        return self._working.batch.messages[0].execution, out.job.address, out.job.attempt

    def _finished(self, out: _Out) -> Finished:
        if out.started:
            self._world.end_step(self._run(out))
        return Finished(out.job, out.result, out.error, out.started)
