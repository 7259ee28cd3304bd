"""Records as dictionaries, with their orders as sorted lists."""

from __future__ import annotations

import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from polos.adapters.limits import check_index, check_key, check_limit, check_name, check_writes
from polos.adapters.ranges import Spot, between, cursor_of, spot_of
from polos.ports import ABSENT, Check, Clock, Delete, Key, Page, Put, Record, Write


@dataclass(slots=True)
class _Stored:
    record: Record
    index: Mapping[str, tuple[str, str]]
    expires_at: float

    def live(self, now: float) -> bool:
        return now < self.expires_at


@dataclass(slots=True)
class _Partition:
    rows: dict[str, _Stored] = field(default_factory=dict)
    order: list[str] = field(default_factory=list)


class MemoryRecords:
    """`polos.ports.Records` in this process."""

    def __init__(self, clock: Clock, lock: threading.RLock) -> None:
        self._clock = clock
        self._lock = lock
        self._partitions: dict[str, _Partition] = {}
        self._orders: dict[tuple[str, str], list[Spot]] = {}

    def write(self, *writes: Write) -> bool:
        """See `polos.ports.Records.write`."""
        check_writes(writes)
        with self._lock:
            now = self._clock.now()
            for write in writes:
                if write.expect is not None and write.expect != self._version(write.key, now):
                    return False
            for write in writes:
                match write:
                    case Put():
                        self._put(write, self._version(write.key, now) + 1)
                    case Delete():
                        self._remove(write.key)
                    case Check():
                        pass  # it was checked with the others
            return True

    def get(self, key: Key) -> Record | None:
        """See `polos.ports.Records.get`."""
        check_key(key)
        with self._lock:
            stored = self._live(key, self._clock.now())
            return stored.record if stored else None

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        """See `polos.ports.Records.get_many`."""
        for key in keys:
            check_key(key)
        with self._lock:
            now = self._clock.now()
            found = {key: self._live(key, now) for key in keys}
            return {key: stored.record for key, stored in found.items() if stored}

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
        lower, upper = between(prefix=prefix, after=after, before=before)
        with self._lock:
            kept = self._partitions.get(partition)
            if kept is None:
                return Page((), None)
            now = self._clock.now()
            records: list[Record] = []
            for sort in _walk(kept.order, lower, upper, cursor=cursor, reverse=reverse):
                if len(records) == limit:
                    return Page(tuple(records), records[-1].key.sort)
                stored = kept.rows[sort]
                if stored.live(now):
                    records.append(stored.record)
            return Page(tuple(records), None)

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
        """See `polos.ports.Records.find`. Here an index is never behind."""
        check_index(index)
        check_name(partition, "partition")
        check_limit(limit)
        wanted = between(after=after, before=before)
        lower = Spot(wanted.lower, "", "")
        upper = None if wanted.upper is None else Spot(wanted.upper, "", "")
        start = None if cursor is None else spot_of(cursor)
        with self._lock:
            order, now = self._orders.get((index, partition), []), self._clock.now()
            records: list[Record] = []
            last: Spot | None = None
            for spot in _walk(order, lower, upper, cursor=start, reverse=reverse):
                if last is not None and len(records) == limit:
                    return Page(tuple(records), cursor_of(last))
                last = spot
                stored = self._live(Key(spot.key_partition, spot.key_sort), now)
                if stored:
                    records.append(stored.record)
            return Page(tuple(records), None)

    def purge(self) -> None:
        """Drop what has expired."""
        with self._lock:
            now = self._clock.now()
            gone = [
                stored.record.key
                for kept in self._partitions.values()
                for stored in kept.rows.values()
                if not stored.live(now)
            ]
            for key in gone:
                self._remove(key)

    def _live(self, key: Key, now: float) -> _Stored | None:
        kept = self._partitions.get(key.partition)
        stored = kept.rows.get(key.sort) if kept else None
        return stored if stored and stored.live(now) else None

    def _version(self, key: Key, now: float) -> int:
        stored = self._live(key, now)
        return stored.record.version if stored else ABSENT

    def _put(self, put: Put, version: int) -> None:
        key = put.key
        kept = self._partitions.setdefault(key.partition, _Partition())
        former = kept.rows.get(key.sort)
        if former is None:
            insort(kept.order, key.sort)
        expires_at = float("inf") if put.expires_at is None else put.expires_at
        stored = _Stored(Record(key, put.value, version), dict(put.index), expires_at)
        kept.rows[key.sort] = stored
        if former is None or former.index != stored.index:
            self._unlist(key, former)
            for name, (partition, sort) in stored.index.items():
                insort(self._orders.setdefault((name, partition), []), Spot(sort, *key))

    def _remove(self, key: Key) -> None:
        kept = self._partitions.get(key.partition)
        former = kept.rows.pop(key.sort, None) if kept else None
        if kept is None or former is None:
            return
        del kept.order[bisect_left(kept.order, key.sort)]
        if not kept.rows:
            del self._partitions[key.partition]
        self._unlist(key, former)

    def _unlist(self, key: Key, former: _Stored | None) -> None:
        for name, (partition, sort) in (former.index if former else {}).items():
            order = self._orders[name, partition]
            del order[bisect_left(order, Spot(sort, *key))]
            if not order:
                del self._orders[name, partition]


_Ordered = TypeVar("_Ordered", str, Spot)


def _walk(
    order: Sequence[_Ordered],
    lower: _Ordered,
    upper: _Ordered | None,
    *,
    cursor: _Ordered | None,
    reverse: bool,
) -> Iterator[_Ordered]:
    """The part of `order` from `lower` to before `upper`, in the direction asked for, going on behind `cursor`."""
    low = bisect_left(order, lower)
    high = len(order) if upper is None else bisect_left(order, upper)
    if cursor is not None and reverse:
        high = min(high, bisect_left(order, cursor))
    elif cursor is not None:
        low = max(low, bisect_right(order, cursor))
    places = range(high - 1, low - 1, -1) if reverse else range(low, high)
    return (order[place] for place in places)
