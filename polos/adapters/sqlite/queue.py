"""Queues in the table `messages`."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Sequence
from typing import Final

from polos.adapters.clock import SystemClock
from polos.adapters.limits import check_limit, check_messages, check_name
from polos.adapters.sqlite.database import Database
from polos.adapters.sqlite.waiting import Waiter, Waiters
from polos.adapters.sqlite.workers import Workers
from polos.ports import Clock, Delivery, Depth, Outgoing

_SEND: Final = "INSERT INTO messages (queue, visible_at, body, sent_at) VALUES (?, ?, ?, ?)"
_CLAIM: Final = (
    "UPDATE messages SET ready_at = visible_at, visible_at = ?, receives = receives + 1, claim = ?, worker = ?, "
    "timer = NULL WHERE id IN (SELECT id FROM messages WHERE queue = ? AND visible_at <= ? "
    "ORDER BY visible_at, id LIMIT ?) RETURNING ready_at, id, body, receives, sent_at"
)
_EXTEND: Final = "UPDATE messages SET visible_at = ? WHERE id = ? AND claim = ? AND visible_at > ?"
_DELETE: Final = "DELETE FROM messages WHERE id = ? AND claim = ?"
_FIRST: Final = "SELECT min(visible_at) FROM messages WHERE queue = ?"
_DEPTH: Final = (
    "SELECT sum(visible_at <= ?1), sum(visible_at > ?1 AND claim IS NOT NULL), "
    "sum(visible_at > ?1 AND claim IS NULL), min(visible_at) FROM messages WHERE queue = ?2"
)
_GIVE_BACK: Final = "UPDATE messages SET visible_at = ?, worker = NULL WHERE worker = ? AND visible_at > ?"
_QUEUES_OF: Final = "SELECT DISTINCT queue FROM messages WHERE worker = ?"

# How often a waiting receiver looks whether another process has sent something.
_POLL_SECONDS: Final = 0.02
# Epoch seconds in a float are 0.2 microseconds apart: a shorter nap would not move a virtual clock at all.
_SHORTEST_NAP: Final = 1e-4


class SqliteQueue:
    """`polos.ports.Queue` in a `Database`, in order of readiness, with any delay.

    Who receives becomes a worker of the store: see `workers`. Fairness groups are ignored: one machine has one tenant.
    """

    max_delay: float = math.inf

    def __init__(self, database: Database, clock: Clock, workers: Workers) -> None:
        self._database = database
        self._clock = clock
        self._workers = workers
        self._waiters = Waiters()

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """See `polos.ports.Queue.send`. All or none."""
        check_messages(queue, messages, self.max_delay)
        now = self._clock.now()
        rows = [(queue, now + message.delay, message.body, now) for message in messages]
        if len(rows) == 1:
            self._database.run(_SEND, rows[0])
        else:
            with self._database.transaction():
                self._database.run_many(_SEND, rows)
        self.announce(queue, sum(not message.delay for message in messages))

    def receive(
        self,
        queues: Sequence[str],
        *,
        limit: int = 1,
        wait: float = 0.0,
        visibility: float = 60.0,
    ) -> list[Delivery]:
        """See `polos.ports.Queue.receive`. Not inside a transaction when it waits: nobody else could send."""
        check_limit(limit)
        for queue in queues:
            check_name(queue, "queue")
        if wait <= 0:
            return self._claim(queues, self._look(queues), limit=limit, visibility=visibility)
        deadline = self._clock.monotonic() + wait
        with self._waiters.waiting(queues) as waiter:
            while True:
                # What is committed from here on changes the versions, so nothing falls between look and nap.
                seen = self._versions()
                firsts = self._look(queues)
                found = self._claim(queues, firsts, limit=limit, visibility=visibility)
                left = deadline - self._clock.monotonic()
                if found or left <= 0 or waiter.dismissed:
                    return found
                self._nap(waiter, seen, min(left, min(firsts) - self._clock.now()))
                hint, waiter.hint = waiter.hint, None
                if hint is not None and (found := self._claim_from(hint, limit, visibility)):
                    return found

    def dismiss(self) -> None:
        """Let those who wait in `receive` in this process return at once, with what they have: a worker stops."""
        self._waiters.dismiss()

    def extend(self, delivery: Delivery, visibility: float) -> bool:
        """See `polos.ports.Queue.extend`."""
        now = self._clock.now()
        number, claim = _handle(delivery)
        with self._database.relaxed():
            held = self._database.run(_EXTEND, (now + visibility, number, claim, now)) == 1
        if held:
            self.announce(delivery.queue, int(visibility <= 0))
        return held

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        """See `polos.ports.Queue.delete`. With an outdated handle it does nothing."""
        if len(deliveries) == 1:
            with self._database.relaxed():  # lost, the message comes again
                self._database.run(_DELETE, _handle(deliveries[0]))
            return
        with self._database.transaction():
            self._database.run_many(_DELETE, [_handle(delivery) for delivery in deliveries])

    def depth(self, queue: str) -> Depth:
        """See `polos.ports.Queue.depth`. Exact; reads the whole queue."""
        check_name(queue, "queue")
        now = self._clock.now()
        ready, in_flight, delayed, first = self._database.rows(_DEPTH, (now, queue))[0]
        return Depth(ready or 0, in_flight or 0, delayed or 0, now - first if ready else 0.0)

    def recover(self) -> int:
        """Give back what dead workers have claimed, at once; how many messages that were.

        For a worker to call when it starts, and about every second. It costs one look at a directory unless somebody
        has died.
        """
        return sum(self.give_back(worker_id) for worker_id in self._workers.dead())

    def recover_unknown(self) -> int:
        """Like `recover`, for claims of workers that have no lock file any more (it was removed by hand).

        Reads all messages: for when a worker starts.
        """
        claimed = self._database.rows("SELECT DISTINCT worker FROM messages WHERE worker IS NOT NULL")
        return sum(self.give_back(worker) for (worker,) in claimed if not self._workers.is_known(worker))

    def give_back(self, worker_id: str) -> int:
        """Make what that worker has claimed ready for others; how many messages that were."""
        with self._database.transaction():
            queues = self._database.rows(_QUEUES_OF, (worker_id,))
            now = self._clock.now()
            count = self._database.run(_GIVE_BACK, (now, worker_id, now)) if queues else 0
            for (queue,) in queues:
                self.announce(queue, count)
        return count

    def next_ready(self) -> float | None:
        """When the next message of any queue can be received (epoch seconds, may be past); None if there is none.

        Reads all messages: for tests, which move their clock there.
        """
        at = self._database.rows("SELECT min(visible_at) FROM messages")[0][0]
        return None if at is None else float(at)

    def announce(self, queue: str, ready: int) -> None:
        """Tell the waiting receivers of this process, once it stands, that so many messages became ready."""
        self._database.on_commit(functools.partial(self._waiters.notify, queue, ready))

    def _claim(
        self, queues: Sequence[str], firsts: Sequence[float], *, limit: int, visibility: float
    ) -> list[Delivery]:
        """Receive from those queues that have something: a look is cheaper than a claim that finds nothing."""
        found: list[Delivery] = []
        now = self._clock.now()
        for queue, first in zip(queues, firsts, strict=True):
            if first <= now and len(found) < limit:
                found += self._claim_from(queue, limit - len(found), visibility)
        return found

    def _claim_from(self, queue: str, limit: int, visibility: float) -> list[Delivery]:
        now = self._clock.now()
        claim = random.getrandbits(63)
        with (
            self._database.relaxed()
        ):  # lost with all that was done about the messages, it leaves them to be claimed
            rows = self._database.rows(
                _CLAIM, (now + visibility, claim, self._workers.own_id, queue, now, limit)
            )
        return [
            Delivery(queue, body, f"{number}:{claim}", receives, sent_at)
            for _, number, body, receives, sent_at in sorted(rows)
        ]

    def _look(self, queues: Sequence[str]) -> list[float]:
        """When the first message of each queue can be received (epoch seconds); infinity where there is none."""
        if not queues:
            return []
        statement = "SELECT " + ", ".join([f"({_FIRST})"] * len(queues))
        return [math.inf if at is None else at for at in self._database.rows(statement, queues)[0]]

    def _versions(self) -> tuple[int, int]:
        return self._waiters.generation, self._database.data_version()

    def _nap(self, waiter: Waiter, seen: tuple[int, int], seconds: float) -> None:
        """Return after `seconds`, or when there may be something new to receive."""
        seconds = max(seconds, _SHORTEST_NAP)
        if not isinstance(self._clock, SystemClock):
            self._clock.sleep(seconds)
            return
        end = self._clock.monotonic() + seconds
        while (left := end - self._clock.monotonic()) > 0:
            if waiter.wait(min(left, _POLL_SECONDS)) or self._versions() != seen:
                return


def _handle(delivery: Delivery) -> tuple[int, int]:
    number, _, claim = delivery.handle.partition(":")
    return int(number), int(claim)
