"""A campaign: many seeds of one scenario under one setting, and the figures of all of them."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from support.simulation.chance import CALM, CRASHES, MIXED, STORM
from support.simulation.checks import check
from support.simulation.scenarios import BASIC
from support.simulation.schedule import Scenario, Setting, Simulation
from support.simulation.surface import SURFACE
from support.simulation.world import World

SCENARIOS: Final[dict[str, Scenario]] = {**BASIC, **SURFACE}
SETTINGS: Final[dict[str, Setting]] = {
    "calm": Setting(CALM),
    "mixed": Setting(MIXED),
    "storm": Setting(STORM),
    "crashes": Setting(CRASHES),
    "gaps": Setting(MIXED, gaps=True),
    "gapstorm": Setting(STORM, gaps=True),
    "cold": Setting(MIXED, cold=True),
    "letters": Setting(MIXED, max_receives=3),
}


@dataclass
class Figures:
    """What a campaign counted."""

    runs: int = 0
    deliveries: int = 0
    steps: int = 0
    extra: int = 0
    refused: int = 0
    sweeps: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def add(self, world: World) -> None:
        """Take over one run."""
        self.runs += 1
        self.deliveries += world.deliveries
        self.steps += sum(world.begun.values())
        self.extra += sum(times - 1 for times in world.begun.values())
        self.refused += world.refused
        self.sweeps += world.sweeps
        self.faults.update(world.chance.faults)

    def as_dict(self) -> dict[str, Any]:
        """As plain data, to travel between processes."""
        return {**asdict(self), "faults": dict(self.faults)}

    def include(self, *others: dict[str, Any]) -> None:
        """Take over the figures of other campaigns, as plain data."""
        for other in others:
            for name, value in other.items():
                if name == "faults":
                    self.faults.update(value)
                else:
                    setattr(self, name, getattr(self, name) + value)

    def __str__(self) -> str:
        faults = ", ".join(f"{kind} {n}" for kind, n in sorted(self.faults.items()))
        return (
            f"{self.runs} runs, {self.deliveries} deliveries, {self.steps} steps begun ({self.extra} extra), "
            f"{self.refused} appends refused, {self.sweeps} sweeps, {self.faults.total()} faults: {faults}"
        )


def run_seed(scenario: str, setting: str, seed: int, *, traced: bool = False) -> World:
    """One run, checked. Raises `Failed`, or whatever the engine raised."""
    simulation = Simulation(SCENARIOS[scenario], seed, SETTINGS[setting], traced=traced)
    simulation.run()
    SCENARIOS[scenario].check(simulation.world)
    check(simulation.world, SCENARIOS[scenario].may_rest)
    return simulation.world


def run_campaign(scenario: str, setting: str, seeds: Iterable[int]) -> Figures:
    """All seeds; the first that breaks a promise is raised, with the command that runs it again and its trace."""
    figures = Figures()
    for seed in seeds:
        try:
            figures.add(run_seed(scenario, setting, seed))
        except BaseException as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            raise AssertionError(report(scenario, setting, seed, error)) from error
    return figures


def report(scenario: str, setting: str, seed: int, error: BaseException) -> str:
    """What went wrong, how to see it again, and everything that happened."""
    simulation = Simulation(SCENARIOS[scenario], seed, SETTINGS[setting], traced=True)
    try:
        simulation.run()
    except BaseException as again:
        if repr(again) != repr(error):
            error.add_note(f"run again, the same seed raised {again!r}: the simulation is not deterministic")
    trace = "\n".join(simulation.world.trace or [])
    told = "".join(traceback.format_exception_only(error))
    command = f"python -m tests.simulation {scenario} {seed} --setting {setting}"
    return f"{told}\n{trace}\n\n{told}replay it with: {command}"
