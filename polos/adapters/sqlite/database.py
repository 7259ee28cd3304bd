"""One SQLite file in WAL mode, opened once per process and shared by all adapters and threads.

There is one connection, under one re-entrant lock. SQLite lets one writer in at a time anyway, so a connection for
each thread would not make writes faster (measured with 16 threads: 30 to 60 microseconds an append either way), and
one connection is what lets the calls of all adapters on a thread share a transaction. A read takes some microseconds
under the same lock and is strongly consistent for the same reason.

    with db.transaction():                 # BEGIN IMMEDIATE; all of it or nothing
        log.append(...)                    # calls of the adapters on this thread join it
        queue.send(...)

A single statement is a transaction of its own and needs none. `synchronous=NORMAL` (the default) survives `kill -9` of
any process: what was committed is with the operating system. A power cut may lose the last commits, none in part;
`durability="full"` makes every commit wait for the disk.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Literal

from polos.adapters.sqlite.failures import cannot_write, store_error
from polos.adapters.sqlite.schema import VERSION, check_version, migrate
from polos.errors import StoreError

Durability = Literal["normal", "full"]
Row = tuple[Any, ...]

# Once in so many pages of 4 KB the WAL is written back into the file, with two waits for the disk.
_CHECKPOINT_PAGES: Final = 4_000
_CACHE_KIB: Final = 32_000

_OPEN: weakref.WeakSet[Database] = weakref.WeakSet()
_LEFT_BEHIND: list[sqlite3.Connection] = []


class Database:
    """The connection, its lock and its transactions.

    Args:
        path: The file; it and its directory are created if need be.
        durability: "normal", or "full" to wait for the disk at every commit.
        busy_seconds: How long a call waits for another process that writes, before `TryAgain`.

    Raises:
        StoreTooNew: A newer polos wrote the file.
        StoreError: It cannot be written, is damaged, or is not ours. The message says what to do.
    """

    def __init__(
        self, path: str | Path, *, durability: Durability = "normal", busy_seconds: float = 10.0
    ) -> None:
        if durability not in {"normal", "full"}:
            raise ValueError(f"durability is 'normal' or 'full', got {durability!r}")
        self.path = Path(path).absolute()
        self._durability = durability
        self._lock = threading.RLock()
        self._depth = 0
        self._spoiled = False
        self._on_commit: list[Callable[[], None]] = []
        self._connection = _connect(self.path, durability, busy_seconds)
        self._unusable = ""
        _OPEN.add(self)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run one statement; all of its rows."""
        with self._lock:
            try:
                return self._connection.execute(sql, parameters).fetchall()
            except sqlite3.Error as error:
                raise self._failure(error) from error

    def row(self, sql: str, parameters: Sequence[Any] = ()) -> Row | None:
        """Run one statement; its first row, if any. For statements that give at most one."""
        rows = self.rows(sql, parameters)
        return rows[0] if rows else None

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run one writing statement; how many rows it changed."""
        with self._lock:
            try:
                return self._connection.execute(sql, parameters).rowcount
            except sqlite3.Error as error:
                raise self._failure(error) from error

    def run_many(self, sql: str, parameters: Iterable[Sequence[Any]]) -> int:
        """Run one writing statement once for each of `parameters`; how many rows all changed. In a transaction only."""
        with self._lock:
            if not self._depth:
                raise RuntimeError("run_many outside of a transaction would commit every row by itself")
            try:
                return self._connection.executemany(sql, parameters).rowcount
            except sqlite3.Error as error:
                raise self._failure(error) from error

    @contextmanager
    def transaction(self) -> Iterator[Database]:
        """Everything this thread does to the file inside: all of it, or nothing when an exception leaves the block.

        A transaction inside another is part of it. If an error was raised in an inner one and caught in the outer, the
        outer is rolled back all the same and ends in `StoreError`: half of an adapter's call must not stand.
        """
        with self._lock:
            if self._depth:
                with self._joined():
                    yield self
                return
            self.run("BEGIN IMMEDIATE")
            self._depth, self._spoiled = 1, False
            try:
                yield self
                self._commit()
            except BaseException:
                self._roll_back()
                raise
            finally:
                self._depth = 0
            self._run_hooks()

    @contextmanager
    def relaxed(self) -> Iterator[None]:
        """Statements of this thread inside do not wait for the disk, whatever the durability.

        After a power cut the file is as it was after some commit, with all before it and none behind it. So this is for
        what may be undone as long as everything behind it is undone as well: a claim, the end of one. Inside of a
        transaction it changes nothing.
        """
        with self._lock:
            if self._durability != "full" or self._depth:
                yield
                return
            self.run("PRAGMA synchronous = NORMAL")
            try:
                yield
            finally:
                self.run("PRAGMA synchronous = FULL")

    def on_commit(self, hook: Callable[[], None]) -> None:
        """Call `hook` once the transaction of this thread stands; at once if there is none. It must not raise."""
        with self._lock:
            if self._depth:
                self._on_commit.append(hook)
                return
        hook()

    def data_version(self) -> int:
        """A number that changes when another process (or `Database`) has committed; compare it with an earlier one."""
        (version,) = self.rows("PRAGMA data_version")[0]
        return int(version)

    def close(self) -> None:
        """Close the file. A repeat does nothing; any other use afterwards is a `StoreError`."""
        with self._lock:
            self._unusable = "it was closed"
            self._connection.close()
            _OPEN.discard(self)

    @contextmanager
    def _joined(self) -> Iterator[None]:
        self._depth += 1
        try:
            yield
        except BaseException:
            self._spoiled = True
            raise
        finally:
            self._depth -= 1

    def _commit(self) -> None:
        if self._spoiled:
            raise StoreError(
                f"{self.path}: a part of this transaction failed and its error was caught, so nothing of it was "
                "written; let the error leave the transaction"
            )
        self.run("COMMIT")

    def _roll_back(self) -> None:
        self._on_commit.clear()
        if self._connection.in_transaction:  # some errors, such as a full disk, have rolled back already
            self.run("ROLLBACK")

    def _run_hooks(self) -> None:
        hooks, self._on_commit = self._on_commit, []
        for hook in hooks:
            hook()

    def _failure(self, error: sqlite3.Error) -> StoreError:
        if self._unusable:
            return StoreError(f"{self.path} cannot be used: {self._unusable}; open it anew")
        return store_error(error, self.path)

    def _leave_to_parent(self) -> None:
        """After a fork, in the child: SQLite's locks and its WAL index belong to the parent."""
        _LEFT_BEHIND.append(
            self._connection
        )  # never closed here: closing might tidy up under the parent's feet
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._connection.close()
        self._lock = threading.RLock()
        self._depth = 0
        self._unusable = "this process was forked from the one that opened it"


def _leave_all_to_parent() -> None:
    for database in list(_OPEN):
        database._leave_to_parent()
    _OPEN.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_all_to_parent)


def _connect(path: Path, durability: Durability, busy_seconds: float) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, str(error)) from error
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(
            path, timeout=busy_seconds, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        version = check_version(connection, path)  # before the first write: what is not ours stays as it is
        _enter_wal(connection, path, busy_seconds)
        connection.execute(f"PRAGMA synchronous = {durability.upper()}")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        if version < VERSION:
            migrate(connection, path)
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise store_error(error, path) from error
    except BaseException:
        if connection is not None:
            connection.close()
        raise
    return connection


def _enter_wal(connection: sqlite3.Connection, path: Path, busy_seconds: float) -> None:
    """Switch the file to WAL. SQLite does not wait for others here, so that is done by hand."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if (error.sqlite_errorcode & 0xFF) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
            continue
        if mode != "wal":
            raise StoreError(
                f"{path}: its file system cannot do SQLite's write-ahead log (mode {mode!r}); "
                "keep the store on a local disk"
            )
        return
