"""The adapters of one file, on one clock."""

from __future__ import annotations

import logging
from pathlib import Path
from types import TracebackType

from polos.adapters.clock import SystemClock
from polos.adapters.sqlite.blobs import SqliteBlobs
from polos.adapters.sqlite.database import Database, Durability
from polos.adapters.sqlite.log import SqliteLog
from polos.adapters.sqlite.queue import SqliteQueue
from polos.adapters.sqlite.records import SqliteRecords
from polos.adapters.sqlite.timers import SqliteTimers
from polos.adapters.sqlite.workers import Workers
from polos.errors import StoreError
from polos.ports import Clock, Ports

_logger = logging.getLogger(__name__)


class SqliteStore:
    """All ports in one file, for one process and all of its threads; other processes open their own.

    Args:
        path: The file. Beside it lie SQLite's `-wal` and `-shm` and the directory `-workers`.
        clock: The real one unless told otherwise.
        durability: "normal" survives `kill -9`; "full" a power cut as well, at the price of a wait for the disk
            at every write.

    Raises:
        StoreTooNew: A newer polos wrote the file.
        StoreError: It cannot be written, is damaged, or is not ours. The message says what to do.
    """

    def __init__(
        self, path: str | Path, *, clock: Clock | None = None, durability: Durability = "normal"
    ) -> None:
        self.clock: Clock = clock or SystemClock()
        self.database = Database(path, durability=durability)
        self._workers = Workers(self.database.path)
        self.log = SqliteLog(self.database, self.clock)
        self.records = SqliteRecords(self.database, self.clock)
        self.queue = SqliteQueue(self.database, self.clock, self._workers)
        self.timers = SqliteTimers(self.database, self.clock, self.queue)
        self.blobs = SqliteBlobs(self.database)
        self.ports = Ports(
            self.log,
            self.records,
            self.queue,
            self.timers,
            self.blobs,
            self.clock,
            together=self.database.transaction,
        )

    def recover(self, *, thorough: bool = False) -> int:
        """Give back what dead workers have claimed; how many messages. See `SqliteQueue.recover`.

        `thorough` also looks for claims without a lock file: for when a worker starts.
        """
        return self.queue.recover() + (self.queue.recover_unknown() if thorough else 0)

    def announce(self) -> None:
        """Show that this process works on the file from now on, even before it has received anything."""
        _ = self._workers.own_id

    def has_workers(self) -> bool:
        """Whether somebody works on this file now."""
        return self._workers.any_living()

    def next_event(self) -> float | None:
        """When a message can be received or a timer is due next (epoch seconds, may be past); None: never."""
        times = [at for at in (self.queue.next_ready(), self.timers.next_due()) if at is not None]
        return min(times, default=None)

    def purge(self) -> None:
        """Forget what has expired. Nothing depends on it but the size of the file: reads filter."""
        self.log.purge()
        self.records.purge()

    def close(self) -> None:
        """Give back what this process has claimed, and close the file. A repeat does nothing.

        What a store that cannot be used any more does not take back, whoever opens it next recovers.
        """
        worker_id = self._workers.leave()
        try:
            if worker_id is not None:
                self.queue.give_back(worker_id)
        except StoreError as error:
            _logger.warning("closing: %s", error)
        finally:
            self.database.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
