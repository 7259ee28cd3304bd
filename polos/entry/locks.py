"""One lock per execution, for the threads of one process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class NamedLocks:
    """Locks by name, made when first asked for and forgotten when nobody holds or wants them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Hold the lock of that name."""
        with self._guard:
            lock, wanted = self._locks.get(name) or (threading.Lock(), 0)
            self._locks[name] = (lock, wanted + 1)
        try:
            with lock:
                yield
        finally:
            with self._guard:
                lock, wanted = self._locks.pop(name)
                if wanted > 1:
                    self._locks[name] = (lock, wanted - 1)
