"""The workloads on DBOS over SQLite, in this process: `python -m tests.bench.dbos_side DURABILITY ROWS`."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

import sqlalchemy
from dbos import DBOS, DBOSConfig

from tests.bench.measuring import measure, peak_mb, say
from tests.bench.workloads import Workload, rows_named


@DBOS.step()
async def add(value: int) -> int:
    return value + 1


@DBOS.workflow()
async def sequential(steps: int) -> int:
    value = 0
    for _ in range(steps):
        value = await add(value)
    return value


@DBOS.workflow()
async def fan_out(steps: int) -> int:
    return sum(await asyncio.gather(*(add(i) for i in range(steps))))


async def run(workload: Workload) -> None:
    """One repeat of a workload."""
    match workload.kind:
        case "sequential":
            assert await sequential(workload.steps) == workload.steps
        case "fan_out":
            assert await fan_out(workload.steps) == workload.steps * (workload.steps + 1) // 2
        case "many":
            places = asyncio.Semaphore(workload.concurrency)

            async def one() -> None:
                async with places:
                    assert await sequential(workload.steps) == workload.steps

            await asyncio.gather(*(one() for _ in range(workload.executions)))


def use_wal(durability: str) -> None:
    """Give SQLite the same settings that ours has: write-ahead log, and how long a commit waits."""

    @sqlalchemy.event.listens_for(sqlalchemy.Engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        del record
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {durability.upper()}")


async def measure_all(rows: list[str]) -> None:
    """Warm up, measure, say."""
    await run(Workload("warm up", "sequential", 3))
    await measure(rows_named(rows), run)
    say(kind="memory", peak_mb=peak_mb())


def main() -> None:
    """Launch, measure, end."""
    durability, rows = sys.argv[1], json.loads(sys.argv[2])
    use_wal(durability)
    logging.getLogger("dbos").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as directory:
        url = f"sqlite:///{Path(directory) / 'dbos.sqlite'}"
        DBOS(config=DBOSConfig(name="bench", system_database_url=url, log_level="ERROR"))
        DBOS.launch()
        asyncio.run(measure_all(rows))
        DBOS.destroy()


if __name__ == "__main__":
    main()
