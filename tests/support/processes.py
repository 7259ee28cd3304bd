"""Other processes for tests: programs given as text, killed as the machine would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]


class Process:
    """A Python program that runs beside the test. Its `say(...)` writes a line that `hear` reads; `listen()` waits."""

    _PRELUDE = """
import os, sys
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def listen():
    return sys.stdin.readline().strip()
"""

    def __init__(self, program: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self._PRELUDE + textwrap.dedent(program), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait(self) -> None:
        """Return when it has ended."""
        self._process.wait(timeout=30)

    def hear(self) -> str:
        """The next line it said; fails with its errors if there is none."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline().decode()
        if not line:
            assert self._process.stderr is not None
            raise AssertionError("the process ended: " + self._process.stderr.read().decode())
        return line.strip()

    def tell(self, line: str = "go") -> None:
        """Let its `listen` return."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def kill(self) -> list[str]:
        """SIGKILL; the lines it had said and nobody had heard."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(timeout=30)
        assert self._process.stdout is not None
        return self._process.stdout.read().decode().splitlines()

    def finish(self) -> list[str]:
        """Wait for its good end; the lines nobody had heard."""
        out, err = self._process.communicate(timeout=60)
        assert self._process.returncode == 0, err.decode()
        return out.decode().splitlines()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()
