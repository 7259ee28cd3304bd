"""Real worker processes over a store in a directory, and what their steps have done, in a side log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from polos.entry.embedded import Embedded

PRELUDE = """
import asyncio, os, time
from pathlib import Path
from polos import workflow

HERE = Path(__file__).parent

def note(what):
    with (HERE / "side.log").open("a") as log:
        log.write(f"{what} {os.getpid()} {time.time()}\\n")

def wait_for(name):
    while not (HERE / name).exists():
        time.sleep(0.01)
"""


class Note(NamedTuple):
    """Something a step did, where and when (epoch seconds)."""

    what: str
    pid: int
    at: float


class Place:
    """A directory with flows.py, a store, and a side log. `code` follows a prelude with `note` and `wait_for`."""

    def __init__(self, directory: Path, code: str) -> None:
        self.directory = directory
        self.store = directory / "polos.db"
        (directory / "flows.py").write_text(PRELUDE + textwrap.dedent(code), encoding="utf-8")

    def notes(self, what: str | None = None) -> list[Note]:
        """What was noted so far, all or of one kind."""
        log = self.directory / "side.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        found = [Note(word, int(pid), float(at)) for word, pid, at in map(str.split, lines)]
        return [note for note in found if what in (None, note.what)]

    def await_note(self, what: str, count: int = 1, seconds: float = 60.0) -> Note:
        """The note of that kind with that number, as soon as there is one."""
        deadline = time.monotonic() + seconds
        while len(found := self.notes(what)) < count:
            assert time.monotonic() < deadline, f"{what} {count} was never noted; noted: {self.notes()}"
            time.sleep(0.01)
        return found[count - 1]

    def allow(self, name: str) -> None:
        """Let `wait_for(name)` return, in whatever process."""
        (self.directory / name).touch()

    def worker(self, *options: str, module: str = "flows.py") -> subprocess.Popen[str]:
        """Start a worker process by the documented command."""
        return self.popen("-m", "polos.runtime.worker", module, "--store", str(self.store), *options)

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a Python process in the directory."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "POLOS_STORE": str(self.store)},
        )

    @contextmanager
    def asking(self) -> Iterator[Embedded]:
        """The store, to start executions and to wait for them; nothing runs in this process."""
        runtime = Embedded(self.store, work=False)
        try:
            yield runtime
        finally:
            runtime.close()


def ended(runtime: Embedded, execution: str) -> Any:
    """The result of an execution, waiting for it."""
    return runtime.service.result(runtime.wait(execution, 60.0))


def kill(process: subprocess.Popen[str]) -> None:
    """SIGKILL, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)


@contextmanager
def ending(*processes: subprocess.Popen[str]) -> Iterator[None]:
    """End these processes, however the block ends."""
    try:
        yield
    finally:
        for process in processes:
            if process.poll() is None:
                process.kill()
            process.communicate(timeout=30)
