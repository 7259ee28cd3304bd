"""Everything in this process, gone with it: for tests and simulations.

    store = MemoryStore.virtual()
    ... store.ports ...                        # for whatever takes Ports
    store.clock.advance(60)
    store.timers.fire_due()

Deterministic as long as one thread uses it at a time, safe under any number: all of a store is under one lock.
"""

from polos.adapters.memory.blobs import MemoryBlobs
from polos.adapters.memory.log import MemoryLog
from polos.adapters.memory.queue import MemoryQueue
from polos.adapters.memory.records import MemoryRecords
from polos.adapters.memory.store import MemoryStore
from polos.adapters.memory.timers import MemoryTimers

__all__ = ["MemoryBlobs", "MemoryLog", "MemoryQueue", "MemoryRecords", "MemoryStore", "MemoryTimers"]
