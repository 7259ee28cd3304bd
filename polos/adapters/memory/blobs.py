"""Blobs as a dictionary."""

from __future__ import annotations

import threading

from polos.adapters.limits import check_name
from polos.errors import NotFound


class MemoryBlobs:
    """`polos.ports.Blobs` in this process."""

    def __init__(self, lock: threading.RLock) -> None:
        self._lock = lock
        self._blobs: dict[str, bytes] = {}

    def put(self, name: str, data: bytes) -> None:
        """See `polos.ports.Blobs.put`."""
        check_name(name, "blob")
        with self._lock:
            self._blobs.setdefault(name, bytes(data))

    def get(self, name: str) -> bytes:
        """See `polos.ports.Blobs.get`."""
        check_name(name, "blob")
        with self._lock:
            try:
                return self._blobs[name]
            except KeyError:
                raise NotFound(f"there is no blob {name!r}; it was never put, or was deleted") from None

    def delete(self, name: str) -> None:
        """See `polos.ports.Blobs.delete`."""
        check_name(name, "blob")
        with self._lock:
            self._blobs.pop(name, None)
