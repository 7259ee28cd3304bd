"""The workloads on Polos over SQLite, in this process: `python -m tests.bench.polos_side DURABILITY SPI ROWS`.

SPI is steps_per_invocation: "1" (each step is an invocation of its own, as on Lambda) or "None" (as many as fit).
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from polos import Polos, WorkflowContext, workflow
from polos.entry.memory import settle_memory
from tests.bench.measuring import flatness, measure, peak_mb, say
from tests.bench.workloads import FLAT_STEPS, Workload, rows_named

moments: list[float] = []
workflows: dict[str, Any] = {}


async def add(value: int) -> int:
    return value + 1


def add_and_note(value: int) -> int:
    moments.append(time.perf_counter())
    return value + 1


async def sequential(ctx: WorkflowContext, steps: int) -> int:
    value = 0
    for i in range(steps):
        value = await ctx.step.run(f"add-{i}", add, value)
    return value


async def noted(ctx: WorkflowContext, steps: int) -> int:
    value = 0
    for i in range(steps):
        value = await ctx.step.run(f"add-{i}", add_and_note, value)
    return value


async def fan_out(ctx: WorkflowContext, steps: int) -> int:
    return sum(await asyncio.gather(*(ctx.step.run(f"add-{i}", add, i) for i in range(steps))))


def define(steps_per_invocation: int | None) -> None:
    """Register the workflows."""
    for function in (sequential, noted, fan_out):
        name = function.__name__
        workflows[name] = workflow(id=name, steps_per_invocation=steps_per_invocation)(function)


async def run(workload: Workload) -> None:
    """One repeat of a workload."""
    match workload.kind:
        case "sequential":
            assert await workflows["sequential"].run(workload.steps) == workload.steps
        case "fan_out":
            total = await workflows["fan_out"].run(workload.steps)
            assert total == workload.steps * (workload.steps + 1) // 2
        case "many":
            places = asyncio.Semaphore(workload.concurrency)

            async def one() -> None:
                async with places:
                    assert await workflows["sequential"].run(workload.steps) == workload.steps

            await asyncio.gather(*(one() for _ in range(workload.executions)))


async def flat() -> None:
    """What the tenth step costs, and what the last of many does."""
    moments.clear()
    await workflows["noted"].run(FLAT_STEPS)
    early, late = flatness(moments)
    say(kind="flat", early=early, late=late)


async def main() -> None:
    """Open the store, measure, say."""
    durability, spi, rows = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    define(None if spi == "None" else int(spi))
    settle_memory()
    with tempfile.TemporaryDirectory() as directory:
        async with Polos(Path(directory) / "polos.db", durability=durability):
            await run(Workload("warm up", "sequential", 3))
            await measure(rows_named(rows), run)
            say(kind="memory", peak_mb=peak_mb())
            if spi == "None" and "flat" in rows:
                await flat()


if __name__ == "__main__":
    asyncio.run(main())
