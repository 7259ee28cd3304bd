"""Leases (rule 8): a message's visibility is the right to work on it, kept up by a heartbeat.

The worker believes its own clock only: a lease is good until `visibility` seconds after the last extension that was
*sent*, less a margin. Whoever cannot extend has lost it, and stops before its next write, send or step.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from polos.errors import LeaseLost, PolosError
from polos.ports import Clock, Delivery, Queue

VISIBILITY: Final = 60.0
SIGN_SECONDS: Final = 300.0
"""How often work that goes on for long says so to the sweeper, which looks for those that are silent for 1200 s."""
MARGIN: Final = 5.0

log = logging.getLogger("polos.lease")


class MessageLease:
    """The lease of some deliveries that are handled together. `deadline`: monotonic time at which compute ends."""

    def __init__(
        self,
        queue: Queue,
        clock: Clock,
        deliveries: Sequence[Delivery],
        *,
        visibility: float = VISIBILITY,
        since: float | None = None,
        deadline: float | None = None,
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._deliveries = deliveries
        self._visibility = visibility
        self._deadline = deadline
        self._meanwhile: Callable[[], object] | None = None
        self._last_sign = clock.monotonic()
        self._good_until = (
            (clock.monotonic() if since is None else since) + visibility - min(MARGIN, visibility / 4)
        )

    def check(self) -> None:
        """Raise `LeaseLost` if the last good extension has run out."""
        if self._clock.monotonic() >= self._good_until:
            raise LeaseLost("the message at hand may have been given to another worker; this one stops")

    def remaining(self) -> float:
        """Seconds of compute left."""
        return float("inf") if self._deadline is None else self._deadline - self._clock.monotonic()

    def meanwhile(self, sign: Callable[[], object]) -> None:
        """Call `sign` every five minutes for as long as the lease is kept up."""
        self._meanwhile = sign

    def _give_sign(self, now: float) -> None:
        if self._meanwhile is None or now - self._last_sign < SIGN_SECONDS:
            return
        self._last_sign = now
        try:
            self._meanwhile()
        except PolosError as error:
            log.warning("a step that takes long could not say that it goes on: %s", type(error).__name__)

    def extend(self) -> None:
        """Extend all deliveries; a failure counts as run out."""
        sent = self._clock.monotonic()
        try:
            kept = all(self._queue.extend(delivery, self._visibility) for delivery in self._deliveries)
        except PolosError as error:
            log.warning("a message's visibility could not be extended: %s", type(error).__name__)
            return  # good until the last one that worked runs out
        self._good_until = sent + self._visibility - min(MARGIN, self._visibility / 4) if kept else 0.0
        if kept:
            self._give_sign(sent)


class Heartbeat:
    """Extends the leases of one worker from one thread, three times per visibility."""

    def __init__(self, interval: float = VISIBILITY / 3) -> None:
        self._interval = interval
        self._leases: set[MessageLease] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, lease: MessageLease) -> None:
        """Keep this lease up from now on."""
        with self._lock:
            self._leases.add(lease)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="polos-heartbeat", daemon=True)
                self._thread.start()

    def remove(self, lease: MessageLease) -> None:
        """Its work is done."""
        with self._lock:
            self._leases.discard(lease)

    def close(self) -> None:
        """Stop extending."""
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.wait(self._interval):
            with self._lock:
                leases = list(self._leases)
            for lease in leases:
                lease.extend()
