"""Timers: a one-shot is a message that is not visible yet; a repeating one is a row that `fire_due` looks at."""

from __future__ import annotations

import logging
from typing import Final

from polos.adapters.limits import check_messages, check_name
from polos.adapters.sqlite.database import Database, Row
from polos.adapters.sqlite.queue import SqliteQueue
from polos.adapters.ticks import due_ticks, first_tick, tick_body
from polos.errors import InvalidSchedule
from polos.ports import Clock, Outgoing

_RELEASE: Final = "UPDATE messages SET timer = NULL WHERE timer = ? AND visible_at <= ?"
_AT: Final = (
    "INSERT INTO messages (queue, visible_at, body, sent_at, timer) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (timer) WHERE timer IS NOT NULL DO NOTHING"
)
_CANCEL: Final = "DELETE FROM messages WHERE timer = ? AND visible_at > ?"
_REPEAT: Final = (
    "INSERT OR REPLACE INTO repeating (name, cron, timezone, queue, body, due) VALUES (?, ?, ?, ?, ?, ?)"
)
_DUE: Final = "SELECT name, cron, timezone, queue, body, due FROM repeating WHERE due <= ? ORDER BY due"
_MOVE: Final = "UPDATE repeating SET due = ? WHERE name = ?"
_TICK: Final = "INSERT INTO messages (queue, visible_at, body, sent_at) VALUES (?, ?, ?, ?)"

# After a long rest a schedule catches up in portions, so that no transaction is long.
_TICKS_AT_ONCE: Final = 100
_RETRY_SECONDS: Final = 3600.0

_logger = logging.getLogger(__name__)


class SqliteTimers:
    """`polos.ports.Timers` in a `Database`. One-shots are never early; ticks are sent by `fire_due`, each once."""

    def __init__(self, database: Database, clock: Clock, queue: SqliteQueue) -> None:
        self._database = database
        self._clock = clock
        self._queue = queue

    def at(self, name: str, due: float, queue: str, body: str) -> None:
        """See `polos.ports.Timers.at`."""
        check_name(name, "timer")
        check_messages(queue, [Outgoing(body)], 0)
        now = self._clock.now()
        with self._database.transaction():
            self._database.run(_RELEASE, (name, now))
            self._database.run(_AT, (queue, max(due, now), body, now, name))
            self._queue.announce(queue, int(due <= now))

    def cancel(self, name: str) -> None:
        """See `polos.ports.Timers.cancel`."""
        check_name(name, "timer")
        self._database.run(_CANCEL, (name, self._clock.now()))

    def repeat(self, name: str, *, cron: str, timezone: str, queue: str, body: str) -> None:
        """See `polos.ports.Timers.repeat`."""
        check_name(name, "timer")
        check_messages(queue, [Outgoing(body)], 0)
        due = first_tick(cron, timezone=timezone, after=self._clock.now())
        self._database.run(_REPEAT, (name, cron, timezone, queue, body, due))

    def stop(self, name: str) -> None:
        """See `polos.ports.Timers.stop`."""
        check_name(name, "timer")
        self._database.run("DELETE FROM repeating WHERE name = ?", (name,))

    def next_due(self) -> float | None:
        """When `fire_due` has something to do (epoch seconds, may be past); None: never, as things stand."""
        due = self._database.rows("SELECT min(due) FROM repeating")[0][0]
        return None if due is None else float(due)

    def fire_due(self) -> int:
        """Send the ticks that are due, those of a time when no worker ran included; how many messages that were.

        For a worker to call about every second. Of several processes that call it at once, one sends each tick.
        """
        due = self.next_due()
        if due is None or due > self._clock.now():
            return 0
        fired = 0
        with self._database.transaction():
            now = self._clock.now()
            for row in self._database.rows(_DUE, (now,)):
                fired += self._fire(row, now)
        return fired

    def _fire(self, row: Row, now: float) -> int:
        name, cron, timezone, queue, body, first = row
        try:
            due, following = due_ticks(cron, timezone=timezone, first=first, now=now, limit=_TICKS_AT_ONCE)
        except InvalidSchedule:
            # A zone can go missing when the machine's data change. One bad row must not stop the others.
            _logger.exception(
                "timer %r (%r in %r) cannot be worked out; next try in an hour", name, cron, timezone
            )
            self._database.run(_MOVE, (now + _RETRY_SECONDS, name))
            return 0
        self._database.run_many(_TICK, [(queue, at, tick_body(body, at), now) for at in due])
        if following is None:
            self.stop(name)
        else:
            self._database.run(_MOVE, (following, name))
        self._queue.announce(queue, len(due))
        return len(due)
