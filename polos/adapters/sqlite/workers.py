"""Who works on what, and which of them are dead.

Whoever receives messages is a worker of the store: it has an id, writes it into what it claims, and holds an
operating-system lock on `<file>-workers/<id>.lock` for as long as it lives. The system releases the lock when the
process ends, however it ends. So a lock that can be taken belongs to a dead worker, and its claims are given back at
once: nobody waits for a lease to run out, and a living worker, however slow, is never robbed before its lease is over.

A lock file appears under its name only when the lock is held already (it is renamed to it), so there is no moment at
which a living worker looks dead. After a fork the child closes its copy, or it would keep its dead parent alive.
"""

from __future__ import annotations

import os
import sys
import threading
import uuid
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from polos.adapters.sqlite.failures import cannot_write

_SUFFIX: Final = ".lock"

_HELD: weakref.WeakSet[WorkerLock] = weakref.WeakSet()


if sys.platform == "win32":

    def _lock(descriptor: int) -> bool:
        """Windows has no flock: workers count as alive, and a dead one's claims wait until their lease is over."""
        del descriptor
        return False

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        """Take the lock if nobody has it."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


class WorkerLock:
    """The sign of life of one worker.

    Raises:
        StoreError: The directory of the locks cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self.worker_id = uuid.uuid4().hex
        self._path = directory / (self.worker_id + _SUFFIX)
        self._descriptor = -1
        unlocked = directory / (self.worker_id + ".new")
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(unlocked, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o644)
            _lock(self._descriptor)
            unlocked.rename(self._path)
        except OSError as error:
            raise cannot_write(self._path, str(error)) from error
        _HELD.add(self)

    def release(self) -> None:
        """The worker ends in good order. A repeat does nothing."""
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            self.forget()

    def forget(self) -> None:
        """Close this process's copy of the lock; another process that has one keeps it held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            _HELD.discard(self)


class Workers:
    """The workers of one store, as their lock files show them."""

    def __init__(self, store: Path) -> None:
        self._directory = store.with_name(store.name + "-workers")
        self._own: WorkerLock | None = None
        self._lock = threading.Lock()

    @property
    def own_id(self) -> str:
        """The id under which this process claims; the first use takes its lock."""
        with self._lock:
            if self._own is None:
                self._own = WorkerLock(self._directory)
            return self._own.worker_id

    def is_known(self, worker_id: str) -> bool:
        """Whether there is a lock file of that worker, held or not."""
        return (self._directory / (worker_id + _SUFFIX)).exists()

    def any_living(self) -> bool:
        """Whether somebody works on the store now, in this process or another."""
        return any(self._is_held(path) for path in self._directory.glob("*" + _SUFFIX))

    @staticmethod
    def _is_held(path: Path) -> bool:
        try:
            descriptor = os.open(path, os.O_RDWR)
        except OSError:  # it has just left, or is of another user
            return False
        try:
            return not _lock(descriptor)
        finally:
            os.close(descriptor)

    def dead(self) -> Iterator[str]:
        """The ids of workers whose lock is free. Each is held while the caller buries it, and then gone."""
        for path in sorted(self._directory.glob("*" + _SUFFIX)):
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                continue  # another process has just buried it
            try:
                if _lock(descriptor):
                    yield path.name.removesuffix(_SUFFIX)
                    path.unlink(missing_ok=True)
            finally:
                os.close(descriptor)

    def leave(self) -> str | None:
        """Stop being a worker; the id that was ours, if we were one."""
        with self._lock:
            own, self._own = self._own, None
        if own is None:
            return None
        own.release()
        return own.worker_id


def _forget_all() -> None:
    for lock in list(_HELD):
        lock.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
