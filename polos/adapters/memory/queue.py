"""Queues as sorted lists of (when it can be received, number of the message)."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from polos.adapters.clock import SystemClock
from polos.adapters.limits import check_limit, check_messages, check_name
from polos.ports import Clock, Delivery, Depth, Outgoing

# Epoch seconds in a float are 0.2 microseconds apart: a shorter nap would not move the clock at all.
_SHORTEST_NAP: Final = 1e-4


@dataclass(slots=True)
class _Message:
    number: int
    queue: str
    body: str
    sent_at: float
    visible_at: float
    receives: int = 0
    claimed: bool = False


def first_come(ready: int) -> int:
    """The default order: of `ready` messages, the one that has been ready longest."""
    del ready
    return 0


class MemoryQueue:
    """`polos.ports.Queue` in this process, in order of readiness.

    Args:
        clock: Under a `VirtualClock`, a `receive` that waits lets time pass until something is ready.
        lock: Shared by the adapters of one world.
        choose: Given how many messages are ready (1 or more), the index of the one to deliver next: a simulation
            passes `random.Random(seed).randrange`, since queues promise no order.
    """

    max_delay: float = math.inf

    def __init__(
        self, clock: Clock, lock: threading.RLock, *, choose: Callable[[int], int] = first_come
    ) -> None:
        self._clock = clock
        self._changed = threading.Condition(lock)
        self._choose = choose
        self._messages: dict[int, _Message] = {}
        self._order: dict[str, list[tuple[float, int]]] = {}
        self._sent = 0

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """See `polos.ports.Queue.send`. All or none."""
        check_messages(queue, messages, self.max_delay)
        with self._changed:
            now = self._clock.now()
            for message in messages:
                self._sent += 1
                kept = _Message(self._sent, queue, message.body, now, now + message.delay)
                self._messages[kept.number] = kept
                self._list(kept)
            self._changed.notify_all()

    def receive(
        self,
        queues: Sequence[str],
        *,
        limit: int = 1,
        wait: float = 0.0,
        visibility: float = 60.0,
    ) -> list[Delivery]:
        """See `polos.ports.Queue.receive`."""
        check_limit(limit)
        for queue in queues:
            check_name(queue, "queue")
        deadline = self._clock.monotonic() + wait
        while True:
            with self._changed:
                found = self._claim(queues, limit, visibility)
                left = deadline - self._clock.monotonic()
                if found or left <= 0:
                    return found
                nap = max(_SHORTEST_NAP, min(left, self._next_ready(queues) - self._clock.now()))
                if isinstance(self._clock, SystemClock):
                    self._changed.wait(nap)
                    continue
            self._clock.sleep(nap)

    def extend(self, delivery: Delivery, visibility: float) -> bool:
        """See `polos.ports.Queue.extend`."""
        with self._changed:
            now = self._clock.now()
            kept = self._held(delivery)
            if kept is None or not kept.claimed or kept.visible_at <= now:
                return False
            self._hide(kept, now + visibility, claimed=visibility > 0)
            self._changed.notify_all()
            return True

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        """See `polos.ports.Queue.delete`. With an outdated handle it does nothing."""
        with self._changed:
            for delivery in deliveries:
                kept = self._held(delivery)
                if kept is not None:
                    self._unlist(kept)
                    del self._messages[kept.number]

    def depth(self, queue: str) -> Depth:
        """See `polos.ports.Queue.depth`. Exact."""
        check_name(queue, "queue")
        with self._changed:
            now = self._clock.now()
            order = self._order.get(queue, [])
            ready = bisect_right(order, (now, math.inf))
            in_flight = sum(self._messages[number].claimed for _, number in order[ready:])
            oldest = now - order[0][0] if ready else 0.0
            return Depth(ready, in_flight, len(order) - ready - in_flight, oldest)

    def next_ready(self) -> float | None:
        """When the next message of any queue can be received (epoch seconds, may be past); None if there is none."""
        with self._changed:
            at = self._next_ready(list(self._order))
            return None if math.isinf(at) else at

    def _next_ready(self, queues: Sequence[str]) -> float:
        orders = (self._order.get(queue) for queue in queues)
        return min((order[0][0] for order in orders if order), default=math.inf)

    def _claim(self, queues: Sequence[str], limit: int, visibility: float) -> list[Delivery]:
        now = self._clock.now()
        found: list[Delivery] = []
        for queue in queues:
            while len(found) < limit and (kept := self._take(queue, now)):
                kept.receives += 1
                self._hide(kept, now + visibility, claimed=True)
                found.append(_delivery(kept))
        return found

    def _take(self, queue: str, now: float) -> _Message | None:
        order = self._order.get(queue)
        ready = bisect_right(order, (now, math.inf)) if order else 0
        if not order or not ready:
            return None
        return self._messages[order[self._choose(ready)][1]]

    def _held(self, delivery: Delivery) -> _Message | None:
        """The message, if this delivery of it is the latest."""
        number, _, receives = delivery.handle.partition(":")
        kept = self._messages.get(int(number))
        return kept if kept and kept.receives == int(receives) else None

    def _hide(self, kept: _Message, until: float, *, claimed: bool) -> None:
        self._unlist(kept)
        kept.visible_at, kept.claimed = until, claimed
        self._list(kept)

    def _list(self, kept: _Message) -> None:
        insort(self._order.setdefault(kept.queue, []), (kept.visible_at, kept.number))

    def _unlist(self, kept: _Message) -> None:
        order = self._order[kept.queue]
        del order[bisect_left(order, (kept.visible_at, kept.number))]


def _delivery(kept: _Message) -> Delivery:
    handle = f"{kept.number}:{kept.receives}"
    return Delivery(kept.queue, kept.body, handle, kept.receives, kept.sent_at)
