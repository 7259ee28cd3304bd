"""Measuring in a process of its own: wall clock and processor time of each workload, and the peak of memory."""

from __future__ import annotations

import gc
import itertools
import json
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from tests.bench.workloads import Workload

Run = Callable[[Workload], Awaitable[None]]


async def measure(workloads: Iterable[Workload], run: Run) -> None:
    """Run each workload, and print a line of JSON about it: for the driver, which started this process."""
    for workload in workloads:
        walls, cpus = [], []
        for _ in range(workload.repeats):
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            await run(workload)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        say(kind="row", workload=workload.name, wall=statistics.median(walls), cpu=statistics.median(cpus))


def peak_mb() -> float:
    """The most memory this process had so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform != "darwin" else peak / 1024 / 1024


def flatness(moments: Sequence[float]) -> tuple[float, float]:
    """Seconds per step around the tenth, and at the end, from the moments at which each step ran (medians)."""
    gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
    return statistics.median(gaps[5:45]), statistics.median(gaps[-100:])


def say(**fields: Any) -> None:
    """Tell the driver."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()
