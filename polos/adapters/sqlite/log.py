"""Logs in the tree `entries`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from polos.adapters.limits import check_entries, check_name, check_position
from polos.adapters.sqlite.database import Database, Row
from polos.adapters.sqlite.schema import POSITION_BITS
from polos.ports import Clock

_POSITIONS: Final = 1 << POSITION_BITS
_MASK: Final = _POSITIONS - 1

# In the statements below, 32 is POSITION_BITS.
_APPEND_ONE: Final = (
    "INSERT OR IGNORE INTO entries (id, body, expires_at) "
    "SELECT (id << 32) | ?, ?, ? FROM logs WHERE name = ?"
)
_LOG_ID: Final = "SELECT id FROM logs WHERE name = ?"
_NEW_LOG: Final = "INSERT OR IGNORE INTO logs (name, look_at) VALUES (?, ?) RETURNING id"
_INSERT: Final = "INSERT INTO entries (id, body, expires_at) VALUES (?, ?, ?)"
_BODIES: Final = "SELECT body FROM entries WHERE id >= ? AND id < ? ORDER BY id"
_LAST: Final = "SELECT id FROM entries WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1"
_LOG_TAIL: Final = (
    "SELECT id FROM entries WHERE id >= (SELECT id FROM logs WHERE name = ?) << 32 "
    "AND id < ((SELECT id FROM logs WHERE name = ?) + 1) << 32 ORDER BY id DESC LIMIT 1"
)
_READ: Final = (
    "SELECT id, body FROM entries WHERE id >= ((SELECT id FROM logs WHERE name = ?) << 32) + ? "
    "AND id < ((SELECT id FROM logs WHERE name = ?) + 1) << 32 ORDER BY id LIMIT ?"
)
_LOOK_AT: Final = "UPDATE logs SET look_at = ? WHERE id = ? AND look_at IS NULL"


class SqliteLog:
    """`polos.ports.Log` in a `Database`."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def append(
        self, log: str, position: int, entries: Sequence[str], *, expires_at: float | None = None
    ) -> bool:
        """See `polos.ports.Log.append`."""
        check_entries(log, entries)
        check_position(log, position)
        if position and len(entries) == 1 and self._append_one(log, position, entries[0], expires_at):
            return True
        with self._database.transaction():
            new = self._database.rows(_NEW_LOG, (log, expires_at))
            if new:
                self._insert(new[0][0], position, entries, expires_at, noted=True)
                return True
            number = self._number(log)
            first = (number << POSITION_BITS) + position
            standing = self._database.rows(_BODIES, (first, first + len(entries)))
            if standing:
                return [body for (body,) in standing] == list(entries)
            self._insert(number, position, entries, expires_at)
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
        with self._database.transaction():
            number = self._number(log)
            if once is not None:
                known = self._database.row(
                    "SELECT position FROM published WHERE log_id = ? AND once = ?", (number, once)
                )
                if known:
                    return int(known[0])
            first = number << POSITION_BITS
            last = self._database.row(_LAST, (first, first + _POSITIONS))
            position = (last[0] & _MASK) + 1 if last else 0
            self._insert(number, position, entries, expires_at)
            if once is not None:
                self._database.run(
                    "INSERT INTO published (log_id, once, position) VALUES (?, ?, ?)",
                    (number, once, position),
                )
            return position

    def read(self, log: str, start: int = 0, limit: int | None = None) -> list[str]:
        """See `polos.ports.Log.read`."""
        check_name(log, "log")
        check_position(log, start)
        rows = self._database.rows(_READ, (log, start, log, -1 if limit is None else limit))
        if not rows or rows[-1][0] & _MASK == start + len(rows) - 1:
            return [body for _, body in rows]
        return _with_blanks(rows, start)[:limit]

    def tail(self, log: str) -> int:
        """See `polos.ports.Log.tail`."""
        check_name(log, "log")
        last = self._database.row(_LOG_TAIL, (log, log))
        return (last[0] & _MASK) + 1 if last else 0

    def delete(self, log: str) -> None:
        """See `polos.ports.Log.delete`."""
        check_name(log, "log")
        with self._database.transaction():
            known = self._database.row(_LOG_ID, (log,))
            if known:
                self._drop(known[0])

    def purge(self) -> None:
        """Forget what has expired."""
        now = self._clock.now()
        for (number,) in self._database.rows("SELECT id FROM logs WHERE look_at <= ?", (now,)):
            with self._database.transaction():
                self._forget_front(number, now)

    def _append_one(self, log: str, position: int, entry: str, expires_at: float | None) -> bool:
        """The way of nearly every append: one statement. False: no such log, or the position is taken.

        When the log is to be looked at again was noted with its first entry: no later one expires before.
        """
        return self._database.run(_APPEND_ONE, (position, entry, expires_at, log)) == 1

    def _number(self, log: str) -> int:
        """The number of the log, which is made if there is none. In a transaction."""
        known = self._database.row(_LOG_ID, (log,)) or self._database.rows(_NEW_LOG, (log, None))[0]
        return int(known[0])

    def _insert(
        self,
        number: int,
        position: int,
        entries: Sequence[str],
        expires_at: float | None,
        *,
        noted: bool = False,
    ) -> None:
        first = (number << POSITION_BITS) + position
        self._database.run_many(
            _INSERT, [(first + place, entry, expires_at) for place, entry in enumerate(entries)]
        )
        if expires_at is not None and not noted:
            self._database.run(_LOOK_AT, (expires_at, number))

    def _forget_front(self, number: int, now: float) -> None:
        """Delete the expired entries at the front; the whole log if none stands behind them."""
        first = number << POSITION_BITS
        standing = self._database.row(
            "SELECT id, expires_at FROM entries WHERE id >= ? AND id < ? "
            "AND (expires_at IS NULL OR expires_at > ?) ORDER BY id LIMIT 1",
            (first, first + _POSITIONS, now),
        )
        if standing is None:
            self._drop(number)
            return
        self._database.run("DELETE FROM entries WHERE id >= ? AND id < ?", (first, standing[0]))
        self._database.run(
            "DELETE FROM published WHERE log_id = ? AND position < ?", (number, standing[0] & _MASK)
        )
        self._database.run("UPDATE logs SET look_at = ? WHERE id = ?", (standing[1], number))

    def _drop(self, number: int) -> None:
        first = number << POSITION_BITS
        self._database.run("DELETE FROM entries WHERE id >= ? AND id < ?", (first, first + _POSITIONS))
        self._database.run("DELETE FROM published WHERE log_id = ?", (number,))
        self._database.run("DELETE FROM logs WHERE id = ?", (number,))


def _with_blanks(rows: Sequence[Row], start: int) -> list[str]:
    """The entries from `start` on, with "" for those that were forgotten."""
    entries: list[str] = []
    for number, body in rows:
        entries += [""] * ((number & _MASK) - start - len(entries))
        entries.append(body)
    return entries
