"""Records in the tree `records`, their secondary orders in the tree `found`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from polos.adapters.limits import check_index, check_key, check_limit, check_name, check_writes
from polos.adapters.ranges import Range, Spot, behind, between, cursor_of, spot_of
from polos.adapters.sqlite.database import Database
from polos.ports import ABSENT, Check, Clock, Delete, Key, Page, Put, Record, Write

_STANDING: Final = "SELECT version, spots, expires_at FROM records WHERE partition = ? AND sort = ?"
_GET: Final = (
    "SELECT value, version FROM records WHERE partition = ? AND sort = ? "
    "AND (expires_at IS NULL OR expires_at > ?)"
)
_PUT: Final = (
    "INSERT INTO records (partition, sort, value, version, expires_at, spots) VALUES (?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (partition, sort) DO UPDATE SET value = excluded.value, version = excluded.version, "
    "expires_at = excluded.expires_at, spots = excluded.spots"
)
_DELETE: Final = "DELETE FROM records WHERE partition = ? AND sort = ?"
_LIST: Final = (
    "INSERT OR REPLACE INTO found (name, partition, sort, key_partition, key_sort) VALUES (?, ?, ?, ?, ?)"
)
_UNLIST: Final = (
    "DELETE FROM found WHERE name = ? AND partition = ? AND sort = ? AND key_partition = ? AND key_sort = ?"
)
_QUERY: Final = (
    "SELECT sort, value, version FROM records "
    "WHERE partition = ? AND sort >= ? AND sort < ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY sort"
)
_FIND: Final = (
    "SELECT found.sort, key_partition, key_sort, value, version, expires_at FROM found "
    "JOIN records ON records.partition = key_partition AND records.sort = key_sort "
    "WHERE found.name = ? AND found.partition = ? "
    "AND (found.sort, key_partition, key_sort) >= (?, ?, ?) AND (found.sort, key_partition, key_sort) < (?, ?, ?) "
    "ORDER BY found.sort{0}, key_partition{0}, key_sort{0} LIMIT ?"
)
_QUERIES: Final = {False: _QUERY + " LIMIT ?", True: _QUERY + " DESC LIMIT ?"}
_FINDS: Final = {False: _FIND.format(""), True: _FIND.format(" DESC")}

# SQLite orders every BLOB behind every TEXT: an upper bound that no name reaches.
_NO_BOUND: Final = b""


class SqliteRecords:
    """`polos.ports.Records` in a `Database`. An index is never behind."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def write(self, *writes: Write) -> bool:
        """See `polos.ports.Records.write`."""
        check_writes(writes)
        with self._database.transaction():
            standing = [self._standing(write.key) for write in writes]
            for write, (version, _) in zip(writes, standing, strict=True):
                if write.expect is not None and write.expect != version:
                    return False
            for write, (version, spots) in zip(writes, standing, strict=True):
                match write:
                    case Put():
                        self._put(write, version + 1, spots)
                    case Delete():
                        self._database.run(_DELETE, write.key)
                        self._unlist(write.key, spots)
                    case Check():
                        pass  # it was checked with the others
        return True

    def get(self, key: Key) -> Record | None:
        """See `polos.ports.Records.get`."""
        check_key(key)
        row = self._database.row(_GET, (*key, self._clock.now()))
        return Record(key, *row) if row else None

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        """See `polos.ports.Records.get_many`. Each key by itself: a lookup costs less than a statement for all."""
        found = {key: self.get(key) for key in keys}
        return {key: record for key, record in found.items() if record}

    def query(
        self,
        partition: str,
        *,
        prefix: str = "",
        after: str | None = None,
        before: str | None = None,
        limit: int = 100,
        reverse: bool = False,
        cursor: str | None = None,
    ) -> Page:
        """See `polos.ports.Records.query`."""
        check_name(partition, "partition")
        check_limit(limit)
        lower, upper = _narrowed(between(prefix=prefix, after=after, before=before), cursor, reverse=reverse)
        rows = self._database.rows(
            _QUERIES[reverse],
            (partition, lower, _NO_BOUND if upper is None else upper, self._clock.now(), limit + 1),
        )
        records = tuple(Record(Key(partition, sort), value, version) for sort, value, version in rows[:limit])
        return Page(records, records[-1].key.sort if len(rows) > limit else None)

    def find(
        self,
        index: str,
        partition: str,
        *,
        after: str | None = None,
        before: str | None = None,
        limit: int = 100,
        reverse: bool = False,
        cursor: str | None = None,
    ) -> Page:
        """See `polos.ports.Records.find`."""
        check_index(index)
        check_name(partition, "partition")
        check_limit(limit)
        wanted = between(after=after, before=before)
        lower = Spot(wanted.lower, "", "")
        upper: tuple[Any, ...] = (_NO_BOUND if wanted.upper is None else wanted.upper, "", "")
        if cursor is not None and reverse:
            upper = spot_of(cursor)
        elif cursor is not None:
            spot = spot_of(cursor)
            lower = spot._replace(key_sort=behind(spot.key_sort))
        rows = self._database.rows(_FINDS[reverse], (index, partition, *lower, *upper, limit + 1))
        now = self._clock.now()
        records = tuple(
            Record(Key(key_partition, key_sort), value, version)
            for _, key_partition, key_sort, value, version, expires_at in rows[:limit]
            if expires_at is None or expires_at > now
        )
        more = len(rows) > limit
        return Page(records, cursor_of(Spot(*rows[limit - 1][:3])) if more else None)

    def purge(self) -> None:
        """Drop what has expired."""
        now = self._clock.now()
        expired = "SELECT partition, sort FROM records WHERE expires_at <= ? LIMIT 1000"
        while True:
            with self._database.transaction():
                keys = [Key(*row) for row in self._database.rows(expired, (now,))]
                for key in keys:
                    _, spots = self._standing(key)
                    self._database.run(_DELETE, key)
                    self._unlist(key, spots)
            if not keys:
                return

    def _standing(self, key: Key) -> tuple[int, str]:
        """(version, spots) of what is stored; an expired record has the version ABSENT, but still its spots."""
        row = self._database.row(_STANDING, key)
        if row is None:
            return ABSENT, "{}"
        version, spots, expires_at = row
        expired = expires_at is not None and expires_at <= self._clock.now()
        return (ABSENT if expired else version), spots

    def _put(self, put: Put, version: int, former: str) -> None:
        spots = _spots(put.index)
        self._database.run(_PUT, (*put.key, put.value, version, put.expires_at, spots))
        if spots == former:
            return
        old = {} if former == "{}" else {name: tuple(spot) for name, spot in json.loads(former).items()}
        gone = [(name, *spot, *put.key) for name, spot in old.items() if put.index.get(name) != spot]
        new = [(name, *spot, *put.key) for name, spot in put.index.items() if old.get(name) != spot]
        if gone:
            self._database.run_many(_UNLIST, gone)
        if new:
            self._database.run_many(_LIST, new)

    def _unlist(self, key: Key, spots: str) -> None:
        if spots == "{}":
            return
        for name, (partition, sort) in json.loads(spots).items():
            self._database.run(_UNLIST, (name, partition, sort, *key))


def _spots(index: Mapping[str, tuple[str, str]]) -> str:
    return json.dumps(index, sort_keys=True, separators=(",", ":")) if index else "{}"


def _narrowed(wanted: Range, cursor: str | None, *, reverse: bool) -> Range:
    """`wanted`, from behind the record at which the last page ended."""
    if cursor is None:
        return wanted
    if reverse:
        return Range(wanted.lower, cursor if wanted.upper is None else min(wanted.upper, cursor))
    return Range(max(wanted.lower, behind(cursor)), wanted.upper)
