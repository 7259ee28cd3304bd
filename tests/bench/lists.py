"""How long the first page of a list takes among many executions: `python -m tests.bench.lists 100000`.

Over the embedded store and the local server, as a browser asks: each request five times, the slowest told. The
instructions of SQLite's machine are counted too: they say what a page costs whatever else the machine does.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import httpx

from polos.entry.embedded import Embedded
from polos.runtime.control import Control, Filter
from polos.server.local import serve
from tests.support.filling import put

ROUNDS: Final = 5
REQUESTS: Final = {
    "the page itself": "/",
    "newest": "/v1/executions?limit=50",
    "without children": "/v1/executions?limit=50&roots_only=true",
    "of a status": "/v1/executions?limit=50&status=failed",
    "of a workflow": "/v1/executions?limit=50&workflow_id=shown-order",
    "of a workflow and a status": "/v1/executions?limit=50&workflow_id=shown-order&status=cancelled",
    "before a day": "/v1/executions?limit=50&created_before={before}",
    "by an id that is not there": "/v1/executions?limit=50&id_prefix=zzzz",
}


def main(count: int) -> None:
    """Fill a store with so many executions, and time lists of them."""
    with tempfile.TemporaryDirectory() as directory:
        runtime = Embedded(Path(directory) / "polos.db", work=False)
        begun = time.monotonic()
        put(runtime.service, count)
        print(f"{count} executions, made in {time.monotonic() - begun:.0f} s")
        before = time.strftime(
            "%Y-%m-%dT00:00:00Z", time.gmtime(runtime.host.ports.clock.now() - 10 * 86_400)
        )
        with serve(runtime, port=0, local_mode=True) as server, httpx.Client(base_url=server.url) as http:
            for what, path in REQUESTS.items():
                times = [_timed(http, path.format(before=before)) for _ in range(ROUNDS)]
                print(f"{what:30} {max(times) * 1000:7.1f} ms")
        print(f"{'a page, in instructions':30} {_instructions(runtime):7}")
        runtime.close()


def _timed(http: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    http.get(path).raise_for_status()
    return time.perf_counter() - begun


def _instructions(runtime: Embedded) -> int:
    connection, done = runtime.store.database._connection, [0]

    def count() -> int:
        done[0] += 1
        return 0

    connection.set_progress_handler(count, 1)
    Control(runtime.service).find(Filter(), limit=50)
    connection.set_progress_handler(None, 0)
    return done[0]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
