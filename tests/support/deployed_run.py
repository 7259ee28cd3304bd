"""How a run of the slow tests goes: the most telling first, within a time, and without what a machine does not have.

`POLOS_E2E_SECONDS`: what has not begun by then is left out, and named at the end. `Unavailable`, raised by whatever
starts an emulator or a tool, skips the test. `tests/conftest.py` has these hooks.
"""

from __future__ import annotations

import functools
import os
import time
from collections import Counter
from collections.abc import Callable, Generator
from typing import TypeVar

import pytest

T = TypeVar("T")

ORDER = (
    "tests/e2e/test_smoke.py",
    "tests/e2e/test_deployment.py",
    "tests/e2e/test_faults.py",
    "tests/e2e/test_permissions.py",
    "tests/e2e/test_ablation.py",
    "tests/e2e/test_who_deploys.py",
    "tests/e2e/",
    "tests/contract/",
    "tests/unit/",
    "tests/deploy/",
    "tests/typed/",
    "tests/browser/",
)
"""What is told apart by its place comes in this order: a deployment says more than the ports alone."""
MARKS = ("e2e", "emulator", "browser")
SECONDS = "POLOS_E2E_SECONDS"
LEFT_OUT = "left out for want of time"


class Unavailable(RuntimeError):
    """An emulator or a tool cannot be had on this machine; says why."""


def once(make: Callable[[], T]) -> Callable[[], T]:
    """Make it on first use; if it cannot be had, that is found out once too."""
    found: list[T] = []
    refused: list[Unavailable] = []

    @functools.wraps(make)
    def made() -> T:
        if refused:
            raise refused[0]
        if not found:
            try:
                found.append(make())
            except Unavailable as error:
                refused.append(error)
                raise
        return found[0]

    return made


def rank(item: pytest.Item) -> int:
    """The place of a test among the slow ones; those that need nothing come before them."""
    if not any(item.get_closest_marker(mark) for mark in MARKS):
        return -1
    places = [place for place, prefix in enumerate(ORDER) if item.nodeid.startswith(prefix)]
    return places[0] if places else len(ORDER)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put them in order; the order within a file stays."""
    items.sort(key=rank)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """A fixture for which something cannot be had skips the test."""
    try:
        return (yield)
    except Unavailable as error:
        pytest.skip(str(error))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """A test for which something cannot be had is skipped."""
    try:
        return (yield)
    except Unavailable as error:
        pytest.skip(str(error))


def pytest_configure(config: pytest.Config) -> None:
    """Keep to the time that the environment gives, if it does."""
    if seconds := os.environ.get(SECONDS):
        config.pluginmanager.register(Budget(float(seconds)), "polos-budget")


class Budget:
    """A run that begins nothing more after so many seconds. `clock`: seconds that only grow."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds
        self._open: dict[str, None] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note what was to be run."""
        self._open = dict.fromkeys(item.nodeid for item in session.items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Skip what would begin too late."""
        if self._clock() > self._end:
            pytest.skip(f"{LEFT_OUT}: {SECONDS}={self.seconds:.0f}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what was run: also what was skipped for a reason of its own."""
        late = report.skipped and LEFT_OUT in str(report.longrepr)
        if report.when == "call" or (report.outcome != "passed" and not late):
            self._open.pop(report.nodeid, None)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was left out, by file: also what an interrupt left out."""
        if self._open:
            files = Counter(nodeid.partition("::")[0] for nodeid in self._open)
            told = ", ".join(f"{file} ({count})" for file, count in files.items())
            terminalreporter.write_line(f"{LEFT_OUT}: {len(self._open)} tests: {told}")
