"""Logs as lists."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from polos.adapters.limits import check_entries, check_name, check_position
from polos.errors import StoreError
from polos.ports import Clock


@dataclass(slots=True)
class _Kept:
    entries: list[str] = field(default_factory=list)
    once: dict[str, int] = field(default_factory=dict)
    expiries: dict[int, float] = field(default_factory=dict)  # position -> when it may be forgotten
    forgotten: int = 0  # so many entries at the front are blank


class MemoryLog:
    """`polos.ports.Log` in this process. An append beyond the tail is refused with `StoreError`: it would be a gap."""

    def __init__(self, clock: Clock, lock: threading.RLock) -> None:
        self._clock = clock
        self._lock = lock
        self._logs: dict[str, _Kept] = {}

    def append(
        self, log: str, position: int, entries: Sequence[str], *, expires_at: float | None = None
    ) -> bool:
        """See `polos.ports.Log.append`."""
        check_entries(log, entries)
        check_position(log, position)
        with self._lock:
            kept = self._logs.get(log) or _Kept()
            tail = len(kept.entries)
            if position < tail:
                return kept.entries[position : position + len(entries)] == list(entries)
            if position > tail:
                raise StoreError(
                    f"log {log!r}: an append at position {position} would leave a gap, its tail is {tail}; "
                    "read the tail first"
                )
            self._add(log, kept, entries, expires_at)
            return True

    def publish(
        self,
        log: str,
        entries: Sequence[str],
        *,
        once: str | None = None,
        expires_at: float | None = None,
    ) -> int:
        """See `polos.ports.Log.publish`."""
        check_entries(log, entries)
        with self._lock:
            kept = self._logs.get(log) or _Kept()
            if once is not None and once in kept.once:
                return kept.once[once]
            position = len(kept.entries)
            if once is not None:
                kept.once[once] = position
            self._add(log, kept, entries, expires_at)
            return position

    def read(self, log: str, start: int = 0, limit: int | None = None) -> list[str]:
        """See `polos.ports.Log.read`."""
        check_name(log, "log")
        check_position(log, start)
        with self._lock:
            kept = self._logs.get(log)
            if kept is None:
                return []
            return kept.entries[start : None if limit is None else start + limit]

    def tail(self, log: str) -> int:
        """See `polos.ports.Log.tail`."""
        check_name(log, "log")
        with self._lock:
            kept = self._logs.get(log)
            return len(kept.entries) if kept else 0

    def delete(self, log: str) -> None:
        """See `polos.ports.Log.delete`."""
        check_name(log, "log")
        with self._lock:
            self._logs.pop(log, None)

    def purge(self) -> None:
        """Forget what has expired."""
        now = self._clock.now()
        with self._lock:
            for name, kept in list(self._logs.items()):
                if kept.expiries and self._forget_front(kept, now):
                    del self._logs[name]

    def _add(self, log: str, kept: _Kept, entries: Sequence[str], expires_at: float | None) -> None:
        if expires_at is not None:
            kept.expiries.update(dict.fromkeys(self._positions(kept, entries), expires_at))
        kept.entries.extend(entries)
        self._logs[log] = kept

    @staticmethod
    def _positions(kept: _Kept, entries: Sequence[str]) -> range:
        return range(len(kept.entries), len(kept.entries) + len(entries))

    @staticmethod
    def _forget_front(kept: _Kept, now: float) -> bool:
        """Blank the expired front; True if nothing stands behind it."""
        before = kept.forgotten
        while kept.expiries.get(kept.forgotten, float("inf")) <= now:
            kept.entries[kept.forgotten] = ""
            del kept.expiries[kept.forgotten]
            kept.forgotten += 1
        if kept.forgotten > before:
            kept.once = {once: at for once, at in kept.once.items() if at >= kept.forgotten}
        return kept.forgotten == len(kept.entries)
