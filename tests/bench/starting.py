"""How long it takes to import an engine, and to run a first workflow of one step: new processes, timed from outside."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

NOTHING: Final = "pass"
IMPORTS: Final = {
    "polos": "import polos",
    "polos, all of a worker": "import polos.entry.worker",
    "dbos": "import dbos",
}
FIRST_RESULT: Final = {
    "polos": """
import asyncio, sys
from polos import Polos, workflow
async def add(value): return value + 1
@workflow
async def first(ctx, value): return await ctx.step.run("add", add, value)
async def main():
    async with Polos(sys.argv[1]):
        assert await first.run(1) == 2
asyncio.run(main())
""",
    "dbos": """
import asyncio, logging, sys
from dbos import DBOS, DBOSConfig
logging.getLogger("dbos").setLevel(logging.ERROR)
@DBOS.step()
async def add(value): return value + 1
@DBOS.workflow()
async def first(value): return await add(value)
DBOS(config=DBOSConfig(name="bench", system_database_url="sqlite:///" + sys.argv[1], log_level="ERROR"))
DBOS.launch()
assert asyncio.run(first(1)) == 2
DBOS.destroy()
""",
}


def starting_times(repeats: int) -> dict[str, float]:
    """Seconds: medians, without what an interpreter takes that does nothing. The repeats of all take turns."""
    programs = {"nothing": NOTHING}
    programs |= {f"import {name}": text for name, text in IMPORTS.items()}
    programs |= {f"first result of {name}": text for name, text in FIRST_RESULT.items()}
    times: dict[str, list[float]] = {name: [] for name in programs}
    for _ in range(repeats):
        for name, program in programs.items():
            times[name].append(_timed(program))
    nothing = statistics.median(times.pop("nothing"))
    return {name: statistics.median(taken) - nothing for name, taken in times.items()}


def _timed(program: str) -> float:
    with tempfile.TemporaryDirectory() as directory:
        begun = time.perf_counter()
        subprocess.run([sys.executable, "-c", program, str(Path(directory) / "store.db")], check=True)
        return time.perf_counter() - begun
