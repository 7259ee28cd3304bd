"""Who of the threads of one process may decide and append, and when.

The log is the fence: none of this is needed for correctness. It saves work: threads that decide about one execution
make each other's replays useless, and those that decide about different ones take the interpreter from each other
at every statement they send to the store.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Final

PATIENCE_SECONDS: Final = 0.05
"""How long one waits for the gate: a body that blocks in it, which it should not, holds up nobody for longer."""


class NamedLocks:
    """Locks by name, made when first asked for and forgotten when nobody holds or wants them."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._locks: dict[str, tuple[threading.Lock, int]] = {}

    def acquire(self, name: str) -> None:
        """Take the lock of that name, waiting for it if need be."""
        with self._guard:
            lock, wanted = self._locks.get(name) or (threading.Lock(), 0)
            self._locks[name] = (lock, wanted + 1)
        lock.acquire()

    def release(self, name: str) -> None:
        """Give it back."""
        with self._guard:
            lock, wanted = self._locks.pop(name)
            if wanted > 1:
                self._locks[name] = (lock, wanted - 1)
        lock.release()


class Deciding:
    """The locks of executions, and one gate for all of them: `with deciding(execution): ...`."""

    def __init__(self, patience: float = PATIENCE_SECONDS) -> None:
        self._named = NamedLocks()
        self._gate = threading.Lock()
        self._patience = patience

    def __call__(self, name: str) -> _Held:
        """Hold the lock of that execution, and the gate if it is to be had in time."""
        return _Held(self._named, self._gate, name, self._patience)


class _Held:
    __slots__ = ("_gate", "_has_gate", "_name", "_named", "_patience")

    def __init__(self, named: NamedLocks, gate: threading.Lock, name: str, patience: float) -> None:
        self._named = named
        self._gate = gate
        self._name = name
        self._patience = patience
        self._has_gate = False

    def __enter__(self) -> None:
        self._named.acquire(self._name)
        self._has_gate = self._gate.acquire(timeout=self._patience)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._has_gate:
            self._gate.release()
        self._named.release(self._name)
