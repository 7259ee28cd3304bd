"""The embedded runtime in a test: the engine over the SQLite adapters (or those in memory), pumped by one thread."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from polos.adapters.clock import VirtualClock
from polos.adapters.memory import MemoryStore
from polos.adapters.sqlite import SqliteStore
from polos.core.definitions import DEFAULT_QUEUE
from polos.entry.identity import new_execution_id, new_token
from polos.ports import Outgoing, Ports
from polos.runtime import names
from polos.runtime.delivery import Batch, Intake
from polos.runtime.engine import Engine
from polos.runtime.host import Host
from polos.runtime.lease import VISIBILITY, MessageLease
from polos.runtime.service import Service
from polos.runtime.steps import LocalRunner, WorkerLoop
from polos.runtime.sweeper import sweep
from polos.testing.deaths import Process
from polos.testing.faults import Crash, with_faults
from polos.testing.harness import PROJECT, Harness

RECEIVE = 10


class Timetable(Protocol):
    """Timers that somebody else fires."""

    def fire_due(self) -> int: ...


class Store(Protocol):
    """All ports on one clock, and when something happens next."""

    ports: Ports
    timers: Any

    def next_event(self) -> float | None: ...


class LocalHarness(Harness):
    """A worker of one machine over `store`; see `Harness` for what a test does with it.

    One that dies leaves its messages hidden, and they come again when their visibility is over: a minute later.
    `grace`: seconds that a sync step has to stop in after its timeout.
    """

    def __init__(self, store: Store, clock: VirtualClock, *, grace: float = 0.2, **options: Any) -> None:
        super().__init__(store.ports, clock, **options)
        self.grace = grace
        self._store = store
        self._worker: _Worker | None = None

    def restart(self) -> None:
        """End the worker process; the next delivery begins a new one."""
        if self._worker is not None:
            self._worker.close()
        self._worker = None

    def _process(self) -> Process:
        return self._work().process

    def _work(self) -> _Worker:
        if self._worker is None:
            self._worker = _Worker(self, self._store.ports)
        return self._worker

    def _queues(self) -> list[str]:
        own = sorted(set(self.registry.queues) - {DEFAULT_QUEUE})
        return [names.NEWS_QUEUE, DEFAULT_QUEUE, *own, names.DEAD_QUEUE]

    def _deliver(self) -> bool:
        queue = self._store.ports.queue
        found = queue.receive(self._queues(), limit=RECEIVE, visibility=VISIBILITY)
        self._duplicate(found)
        worker = self._work()
        living = [delivery for delivery in found if delivery.queue != names.DEAD_QUEUE]
        dead = [delivery for delivery in found if delivery.queue == names.DEAD_QUEUE]
        batches = worker.intake.batches(living) + worker.intake.batches(dead, dead=True)
        self.deliveries += len(batches)
        try:
            worker.handle(batches)
        except Crash:
            self.restart()
        return bool(found)

    def _sweep(self) -> int:
        try:
            return sweep(Service(self._work().host, PROJECT, new_id=new_execution_id))
        except Crash:
            self.restart()
            return 0

    def _next_due(self) -> float | None:
        due = self._store.next_event()
        return None if due is None else max(due, self.clock.now())

    def _go_to(self, at: float) -> None:
        self.clock.advance_to(at)
        self._store.timers.fire_due()

    def _send_copy(self, queue: str, body: str) -> None:
        self._store.ports.queue.send(queue, [Outgoing(body)])


class SqliteHarness(LocalHarness):
    """The embedded runtime over a file in `directory`, a temporary one unless given."""

    def __init__(self, directory: Path | None = None, **options: Any) -> None:
        self._temporary = None if directory else tempfile.TemporaryDirectory(prefix="polos-")
        clock = VirtualClock()
        file = Path(self._temporary.name if self._temporary else str(directory)) / "polos.db"
        self._sqlite = SqliteStore(file, clock=clock)
        super().__init__(self._sqlite, clock, **options)

    def close(self) -> None:
        """End it, and remove its file if it is a temporary one."""
        super().close()
        self._sqlite.close()
        if self._temporary is not None:
            self._temporary.cleanup()


class MemoryHarness(LocalHarness):
    """The same without a file: the fastest."""

    def __init__(self, **options: Any) -> None:
        store = MemoryStore.virtual()
        super().__init__(store, store.clock, **options)


class _Worker:
    """One worker process, as `polos.entry.pool` is one, but on the thread of whoever calls it."""

    def __init__(self, harness: LocalHarness, ports: Ports) -> None:
        self.process = Process(harness.deaths, harness.clock)
        self._ports = with_faults(ports, self.process)
        self._loop = WorkerLoop()
        self._threads = ThreadPoolExecutor(32, thread_name_prefix="polos-step")
        self.host = Host(
            self._ports,
            harness.registry,
            token=new_token,
            runner=lambda: LocalRunner(
                self._loop, self._threads, lambda: int(harness.clock.now() * 1000), grace=harness.grace
            ),
            settings=harness.settings,
        )
        self.intake = Intake(Engine(self.host))

    def handle(self, batches: Sequence[Batch]) -> None:
        """One after another; the heart beats for all of them."""
        held = [(batch, self._lease(batch)) for batch in batches]
        try:
            for batch, lease in held:
                done = self.intake.handle(batch, lease)
                self.process.remove(lease)
                self._acknowledge(batch, done)
        finally:
            for _, lease in held:
                self.process.remove(lease)

    def _lease(self, batch: Batch) -> MessageLease:
        lease = MessageLease(self._ports.queue, self._ports.clock, batch.deliveries)
        self.process.add(lease)
        return lease

    def _acknowledge(self, batch: Batch, done: bool) -> None:
        if done:
            self._ports.queue.delete(batch.deliveries)
            return
        for delivery in batch.deliveries:
            self._ports.queue.extend(delivery, min(2.0 ** min(delivery.receives, 6), VISIBILITY))

    def close(self) -> None:
        self.process.dead = True
        self._loop.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
