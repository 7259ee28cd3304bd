"""Running the sides in processes of their own, in turns, and putting what they say together."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.bench.starting import starting_times
from tests.bench.workloads import WORKLOADS

ROOT: Final = Path(__file__).parents[2]
DURABILITIES: Final = ("normal", "full")
SIDES: Final = ("dbos", "1", "None")
"""DBOS, and Polos with steps_per_invocation 1 and None."""


@dataclass
class Figures:
    """Everything that was measured. `rows`: (durability, side, workload) -> seconds: medians over the rounds."""

    wall: dict[tuple[str, str, str], float] = field(default_factory=dict)
    cpu: dict[tuple[str, str, str], float] = field(default_factory=dict)
    memory: dict[tuple[str, str], float] = field(default_factory=dict)
    flat: dict[str, tuple[float, float]] = field(default_factory=dict)
    starting: dict[str, float] = field(default_factory=dict)
    aws: dict[str, dict[str, Any]] = field(default_factory=dict)


def measure_all(*, quick: bool, rounds: int, tell: Callable[[str], None]) -> Figures:
    """Measure everything. In each round the sides take turns, and the order changes: a machine has its moods."""
    said: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for number in range(rounds):
        for durability in DURABILITIES:
            for side in SIDES if number % 2 == 0 else reversed(SIDES):
                rows = rows_of(side, first=number == 0, quick=quick, durability=durability)
                tell(f"round {number + 1} of {rounds}: {describe(side)}, synchronous={durability.upper()}")
                said[durability, side] += run_side(side, durability, rows)
    figures = put_together(said)
    tell("start-up and imports")
    figures.starting = starting_times(3 if quick else 9)
    tell("AWS calls and units, on moto")
    for line in run("tests.bench.aws_side"):
        figures.aws[str(line["spi"])] = line
    return figures


def rows_of(side: str, *, first: bool, quick: bool, durability: str) -> list[str]:
    """What a side measures in a round: what takes long only once."""
    names = [workload.name for workload in WORKLOADS if workload.quick or not quick]
    if side == "1":
        slow = {workload.name for workload in WORKLOADS if workload.replayed}
        names = [
            name for name in names if name not in slow or (first and not quick and durability == "normal")
        ]
    elif not first:
        names = [name for name in names if not name.startswith("5,000")]
    return [*names, "flat"] if first else names


def describe(side: str) -> str:
    """A side in words."""
    return "DBOS" if side == "dbos" else f"Polos, steps_per_invocation={side}"


def run_side(side: str, durability: str, rows: list[str]) -> list[dict[str, Any]]:
    """One process of one side."""
    if side == "dbos":
        return [*run("tests.bench.dbos_side", durability, json.dumps(rows))]
    return [*run("tests.bench.polos_side", durability, side, json.dumps(rows))]


def run(module: str, *arguments: str) -> Iterator[dict[str, Any]]:
    """Run a module in a new process; what it says, line by line. `SystemExit` with its errors if it fails."""
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{module} {' '.join(arguments)} failed:\n{done.stderr}")
    yield from (json.loads(line) for line in done.stdout.splitlines() if line.startswith("{"))


def put_together(said: dict[tuple[str, str], list[dict[str, Any]]]) -> Figures:
    """Medians over the rounds."""
    figures = Figures()
    for (durability, side), lines in said.items():
        for name in {line["workload"] for line in lines if line["kind"] == "row"}:
            mine = [line for line in lines if line.get("workload") == name]
            figures.wall[durability, side, name] = statistics.median(line["wall"] for line in mine)
            figures.cpu[durability, side, name] = statistics.median(line["cpu"] for line in mine)
        peaks = [line["peak_mb"] for line in lines if line["kind"] == "memory"]
        figures.memory[durability, side] = max(peaks)
        for line in lines:
            if line["kind"] == "flat":
                figures.flat[durability] = line["early"], line["late"]
    return figures
