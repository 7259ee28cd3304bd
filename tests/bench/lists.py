"""How long the first page of a list takes among many executions: `python -m tests.bench.lists 100000`.

Over the embedded store and the local server, as a browser asks: each request five times, the slowest told. The
instructions of SQLite's machine are counted too: they say what a page costs whatever else the machine does. Where there
is a Chromium, it opens the dashboard too: the median of nine times until something and until the rows are painted, for
who comes the first time and for who has its files.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx

from polos.entry.embedded import Embedded
from polos.runtime.control import Control, Filter
from polos.server.local import serve
from tests.support.filling import put

ROUNDS: Final = 5
OPENINGS: Final = 9
CHROMIUM: Final = (
    os.environ.get("POLOS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
)
PAINTED: Final = """() => new Promise((done) => {
  const told = (rows) => {
    const [first] = performance.getEntriesByName("first-contentful-paint");
    if (first) done([first.startTime, Math.max(rows, first.startTime)]);
    else setTimeout(() => told(rows), 2); // it is noted a little later than it happens
  };
  const look = () => {
    if (document.querySelector("tbody tr")) requestAnimationFrame(() => setTimeout(() => told(performance.now())));
    else setTimeout(look, 2);
  };
  look();
})"""
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
            if CHROMIUM is not None:
                _open(server.url, CHROMIUM)
        print(f"{'a page, in instructions':30} {_instructions(runtime):7}")
        runtime.close()


def _timed(http: httpx.Client, path: str) -> float:
    begun = time.perf_counter()
    http.get(path).raise_for_status()
    return time.perf_counter() - begun


def _open(url: str, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        kept = browser.new_context()
        _painted(kept, url)
        for who, fresh in (("first time", True), ("again", False)):
            seen = [_painted(browser.new_context() if fresh else kept, url) for _ in range(OPENINGS)]
            for what, times in zip(("something", "rows"), zip(*seen, strict=True), strict=True):
                print(f"{f'a browser, {who}: {what}':30} {statistics.median(times):7.1f} ms")
        browser.close()


def _painted(context: Any, url: str) -> tuple[float, float]:
    """Milliseconds from the navigation until something is painted, and until the first rows are."""
    page = context.new_page()
    page.goto(url, wait_until="commit")
    something, rows = page.evaluate(PAINTED)
    page.close()
    return something, rows


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
