"""News of one execution are handled by one thread of a worker at a time; what comes meanwhile it takes next, at once.

Of a thousand children that end together each is a message. A turn reads and replays the whole journal, so one turn per
child would cost the square of their number. While a turn is at work, the news behind it gather, and are one turn.
Messages that run steps are not held up: they may take long, and each is work of its own.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from polos.runtime import names
from polos.runtime.delivery import Batch
from polos.runtime.lease import MessageLease

MOST: Final = 200
"""Messages that are handled as one."""

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Work:
    """A batch and the leases of its deliveries. It is a lease itself: good while all of them are."""

    batch: Batch
    leases: tuple[MessageLease, ...]

    def check(self) -> None:
        """See `Lease.check`."""
        for lease in self.leases:
            lease.check()

    def remaining(self) -> float:
        """See `Lease.remaining`."""
        return min(lease.remaining() for lease in self.leases)

    def meanwhile(self, sign: Callable[[], object]) -> None:
        """See `Lease.meanwhile`."""
        self.leases[0].meanwhile(sign)


class Gathering:
    """Who is at the news of which execution, and what has come meanwhile."""

    def __init__(self) -> None:
        self._held: dict[Key, list[Work]] = {}
        self._lock = threading.Lock()

    def begin(self, work: Work) -> bool:
        """Whether to handle it now. If not, it is kept for the thread that is at the news of its execution."""
        key = _key(work.batch)
        if key is None:
            return True
        with self._lock:
            if key in self._held:
                self._held[key].append(work)
                return False
            self._held[key] = []
        return True

    def waits(self, work: Work) -> bool:
        """Whether something has come while this was handled."""
        key = _key(work.batch)
        with self._lock:
            return key is not None and bool(self._held[key])

    def next(self, work: Work) -> Work | None:
        """What came while this was handled, as one: the same thread goes on with it. None: nothing did."""
        key = _key(work.batch)
        if key is None:
            return None
        with self._lock:
            held = self._held[key]
            if not held:
                del self._held[key]
                return None
            count = _how_many(held)
            self._held[key] = held[count:]
        return _as_one(held[:count])

    def abandon(self, work: Work) -> list[Work]:
        """The thread at it dies: what was held for it, to be let go."""
        key = _key(work.batch)
        with self._lock:
            return [] if key is None else self._held.pop(key, [])


def _key(batch: Batch) -> Key | None:
    """The execution whose news these are; None if they are anything else."""
    if batch.dead or not batch.messages or any(d.queue != names.NEWS_QUEUE for d in batch.deliveries):
        return None
    message = batch.messages[0]
    return (message.project, message.execution) if message.execution else None


def _how_many(held: Sequence[Work]) -> int:
    total = 0
    for count, work in enumerate(held):
        total += len(work.batch.messages)
        if count and total > MOST:
            return count
    return len(held)


def _as_one(held: Sequence[Work]) -> Work:
    messages = tuple(message for work in held for message in work.batch.messages)
    deliveries = tuple(delivery for work in held for delivery in work.batch.deliveries)
    return Work(Batch(messages, deliveries), tuple(lease for work in held for lease in work.leases))
