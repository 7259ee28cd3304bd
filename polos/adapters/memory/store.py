"""The adapters of one world, on one clock and under one lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from polos.adapters.clock import VirtualClock
from polos.adapters.memory.blobs import MemoryBlobs
from polos.adapters.memory.log import MemoryLog
from polos.adapters.memory.queue import MemoryQueue, first_come
from polos.adapters.memory.records import MemoryRecords
from polos.adapters.memory.timers import MemoryTimers
from polos.ports import Clock, Ports

AnyClock = TypeVar("AnyClock", bound=Clock)


class MemoryStore(Generic[AnyClock]):
    """All ports in this process, and the hands that let time pass.

    Args:
        clock: `MemoryStore.virtual()` makes one on a `VirtualClock`.
        choose: See `MemoryQueue`.
    """

    def __init__(self, clock: AnyClock, *, choose: Callable[[int], int] = first_come) -> None:
        lock = threading.RLock()
        self.clock = clock
        self.log = MemoryLog(clock, lock)
        self.records = MemoryRecords(clock, lock)
        self.queue = MemoryQueue(clock, lock, choose=choose)
        self.timers = MemoryTimers(clock, lock, self.queue)
        self.blobs = MemoryBlobs(lock)
        self.ports = Ports(self.log, self.records, self.queue, self.timers, self.blobs, clock)

    @staticmethod
    def virtual(*, choose: Callable[[int], int] = first_come) -> MemoryStore[VirtualClock]:
        """A store on a clock of its own that only the caller moves."""
        return MemoryStore(VirtualClock(), choose=choose)

    def next_event(self) -> float | None:
        """When a message can be received or a timer is due next (epoch seconds, may be past); None: never.

        A simulation with nothing left to run moves its clock there.
        """
        times = [at for at in (self.queue.next_ready(), self.timers.next_due()) if at is not None]
        return min(times, default=None)

    def purge(self) -> None:
        """Forget what has expired. Nothing depends on it: reads filter."""
        self.log.purge()
        self.records.purge()
