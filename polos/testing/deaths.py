"""Processes that die in a test: at their n-th write, at their deadline, or where the code under test says so.

A process here is a worker, or a Lambda sandbox. One that has died does nothing more: whatever it still tries to write
or send raises `Crash` again, as it unwinds.
"""

from __future__ import annotations

from typing import Any, Literal

from polos.adapters.clock import VirtualClock
from polos.runtime.lease import MessageLease
from polos.testing.faults import WRITES, Call, Crash

HEARTBEAT_SECONDS = 20.0


class Deaths:
    """When the process at work is to die, and how many writes processes have made so far."""

    def __init__(self) -> None:
        self.writes = 0
        self._at: int | None = None
        self._when: Literal["before", "after"] = "before"

    def plan(self, number: int, when: Literal["before", "after"]) -> None:
        """Die at the `number`th write from now, once. ValueError below 1."""
        if number < 1:
            raise ValueError(f"writes are counted from 1, got {number}")
        self._at, self._when = self.writes + number, when

    def cancel(self) -> None:
        """Nobody is to die."""
        self._at = None

    @property
    def planned(self) -> bool:
        """Whether a death is still to come."""
        return self._at is not None

    def begins(self) -> bool:
        """A write begins. True: its process dies before it."""
        self.writes += 1
        return self._strikes("before")

    def ends(self) -> bool:
        """A write was applied. True: its process dies now, and does not learn of it."""
        return self._strikes("after")

    def _strikes(self, when: str) -> bool:
        if self._at != self.writes or self._when != when:
            return False
        self._at = None
        return True


class Process:
    """One process: a hook around its port calls (`polos.testing.faults`), and the heart that extends its leases."""

    def __init__(self, deaths: Deaths, clock: VirtualClock) -> None:
        self.dead = False
        self.deadline: float | None = None
        self._deaths = deaths
        self._clock = clock
        self._leases: list[MessageLease] = []

    def die(self) -> None:
        """End here, as after a SIGKILL: raises `Crash`, and so does every later call of a port."""
        self.dead = True
        raise Crash("the process has died")

    def before(self, call: Call) -> None:
        """Die if it is dead, out of time, or if this is the write to die before."""
        late = self.deadline is not None and self._clock.now() >= self.deadline
        if self.dead or late or (call.name in WRITES and self._deaths.begins()):
            self.die()

    def after(self, call: Call, result: Any) -> None:
        """Die if this was the write to die after."""
        del result
        if call.name in WRITES and self._deaths.ends():
            self.die()

    # --- the heartbeat ----------------------------------------------------------------------------------------------

    def add(self, lease: MessageLease) -> None:
        """Keep this lease up while time passes by `work`."""
        self._leases.append(lease)

    def remove(self, lease: MessageLease) -> None:
        """Its work is done."""
        if lease in self._leases:
            self._leases.remove(lease)

    def work(self, seconds: float) -> None:
        """Let time pass for this process, its leases being extended meanwhile; it dies at its deadline."""
        end = self._clock.now() + seconds
        while (left := end - self._clock.now()) > 0:
            self._clock.advance(min(left, HEARTBEAT_SECONDS))
            if self.deadline is not None and self._clock.now() >= self.deadline:
                self.die()
            if left > HEARTBEAT_SECONDS:
                for lease in list(self._leases):
                    lease.extend()
