"""What is measured: the same workloads for every engine."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["sequential", "many", "fan_out"]

FLAT_STEPS: Final = 5000


@dataclass(frozen=True, slots=True)
class Workload:
    """`steps` no-op steps: one after the other, at once, or `steps` in each of `executions` at `concurrency` at a time.

    `repeats`: how often a side measures it in one process; the median counts. `quick`: part of a quick run.
    `replayed`: with one step per invocation its cost grows with the square of the steps, by the replays; it is then
    measured in the first round only, and not in a quick run.
    """

    name: str
    kind: Kind
    steps: int
    executions: int = 1
    concurrency: int = 1
    repeats: int = 3
    quick: bool = True
    replayed: bool = False

    @property
    def unit(self) -> str:
        """What the time is divided by in the table: a step, or an execution."""
        return "execution" if self.kind == "many" else "step"

    @property
    def units(self) -> int:
        """How many of them there are."""
        return self.executions if self.kind == "many" else self.steps


WORKLOADS: Final = (
    Workload("1 step", "sequential", 1, repeats=30),
    Workload("10 steps", "sequential", 10, repeats=15),
    Workload("100 steps", "sequential", 100, repeats=5),
    Workload("1,000 steps", "sequential", 1000, repeats=1, replayed=True),
    Workload("5,000 steps", "sequential", 5000, repeats=1, quick=False, replayed=True),
    Workload("100 x 5 steps, 50 at a time", "many", 5, 100, 50, repeats=2),
    Workload("500 x 5 steps, 50 at a time", "many", 5, 500, 50, repeats=1, quick=False),
    Workload("fan-out of 100", "fan_out", 100, repeats=5),
    Workload("fan-out of 1,000", "fan_out", 1000, repeats=1, quick=False, replayed=True),
)


def rows_named(names: Collection[str]) -> list[Workload]:
    """The workloads of these names, in the order of the table."""
    return [workload for workload in WORKLOADS if workload.name in names]
