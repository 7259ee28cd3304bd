"""The adapters that the contract suite runs over. A new one is one more line in `ADAPTERS`.

A `World` is what a test gets: the ports, and the hand that lets time pass. Worlds may share a store (an emulator that
is slow to start): every name a test uses comes from `World.name`, which is unique to the test.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import pytest

from polos.adapters.clock import SystemClock, VirtualClock
from polos.adapters.memory import MemoryStore
from polos.adapters.sqlite import SqliteStore
from polos.ports import Delivery, Page, Ports
from polos.testing.moto import MotoHarness
from support import emulators

PATIENCE = 5.0
"""Seconds of the store's own time that a test would wait on a real clock; anything longer needs a virtual one."""


def _nothing() -> None:
    """Let timers fire by themselves, or indexes be up to date already."""


@dataclass
class World:
    """The ports of one test.

    Attributes:
        virtual: Time passes by `advance` alone. Else `advance` sleeps, and skips the test if it would take long.
        fire: Bring the timers that are due to their queues.
        settle: Let secondary orders catch up.
        purge: Forget what has expired, if the store can be told to.
    """

    ports: Ports
    virtual: bool = True
    fire: Callable[[], object] = _nothing
    settle: Callable[[], object] = _nothing
    purge: Callable[[], object] | None = None
    project: str = field(default_factory=lambda: f"p{uuid.uuid4().hex[:12]}")

    def name(self, label: str = "x") -> str:
        """A name that begins with the project, as all do."""
        return f"{self.project}/{label}"

    def now(self) -> float:
        """The store's wall clock."""
        return self.ports.clock.now()

    def advance(self, seconds: float) -> None:
        """Let `seconds` pass, and fire the timers that came due."""
        if isinstance(self.ports.clock, VirtualClock):
            self.ports.clock.advance(seconds)
        elif seconds > PATIENCE:
            pytest.skip("would sleep for long: this adapter runs on a real clock")
        else:
            time.sleep(seconds)
        self.fire()

    def receive(
        self, *queues: str, count: int, wait: float = 0.0, visibility: float = 60.0, tries: int = 20
    ) -> list[Delivery]:
        """`count` deliveries, or as many as come: a single receive may return fewer than there are."""
        found: list[Delivery] = []
        for _ in range(tries):
            if len(found) >= count:
                break
            limit = count - len(found)
            found += self.ports.queue.receive(queues, limit=limit, wait=wait, visibility=visibility)
        return found

    def all_of(self, page: Callable[[str | None], Page]) -> tuple[list[str], int]:
        """The values of all pages in order, and how many pages that were. `page` maps a cursor to a page."""
        values: list[str] = []
        cursor, pages = None, 0
        while True:
            found = page(cursor)
            pages += 1
            values += [record.value for record in found.records]
            if found.cursor is None:
                return values, pages
            assert pages < 1_000, "the cursors lead in a circle"
            cursor = found.cursor


class Open(Protocol):
    """Make a world for one test. `live`: on a real clock, for tests in which somebody truly waits."""

    def __call__(self, path: Path, *, live: bool) -> AbstractContextManager[World]: ...


@contextmanager
def open_memory(path: Path, *, live: bool) -> Iterator[World]:
    """Everything in this process."""
    del path
    store = MemoryStore(SystemClock() if live else VirtualClock())
    yield World(store.ports, virtual=not live, fire=store.timers.fire_due, purge=store.purge)


@contextmanager
def open_sqlite(path: Path, *, live: bool) -> Iterator[World]:
    """One file."""
    with SqliteStore(path / "store.db", clock=SystemClock() if live else VirtualClock()) as store:
        yield World(store.ports, virtual=not live, fire=store.timers.fire_due, purge=store.purge)


@contextmanager
def open_moto(path: Path, *, live: bool) -> Iterator[World]:
    """The AWS adapters over moto in this process."""
    del path
    with MotoHarness(queues=[], clock=SystemClock() if live else VirtualClock()) as aws:
        yield World(aws.ports(), virtual=not live, fire=aws.fire_due, purge=aws.purge_expired)


@contextmanager
def open_ministack(path: Path, *, live: bool) -> Iterator[World]:
    """The AWS adapters over MiniStack, one for all tests, on a real clock."""
    del path, live
    yield World(emulators.ministack().ports(), virtual=False)


@dataclass(frozen=True)
class Adapter:
    """How to make a world, and the pytest marks of the tests that use it (`emulator`, `slow`)."""

    open: Open
    marks: tuple[pytest.MarkDecorator, ...] = ()


ADAPTERS: dict[str, Adapter] = {
    "memory": Adapter(open_memory),
    "sqlite": Adapter(open_sqlite),
    "aws-moto": Adapter(open_moto),
    "aws-ministack": Adapter(open_ministack, marks=(pytest.mark.emulator,)),
}
