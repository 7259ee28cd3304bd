"""Logs in one DynamoDB table: an item an entry, its position the sort key (`tables` draws the table).

    append, 1 entry      conditional PutItem: the position is free                 1 unit a KB
    append, 2 to 50      TransactWriteItems, each position free                    2 units a KB and entry
    publish              PutItem at the tail last seen; refused: read it, again    1 unit a KB
    publish, once        TransactWriteItems with a marker                          2 units a KB, and 2
    read                 Query, strongly consistent                                1 unit for 4 KB
    tail                 Query backwards, one item                                 1 unit mostly

The condition is the fence. When it does not hold, DynamoDB sends the item that stands there along with the refusal: if
that is the very entry we wanted to write, an earlier attempt of ours was applied and its answer lost, so it is no loss.

An entry that expired is gone for every reader from that second on, though DynamoDB drops it up to two days later; where
nothing newer stands, its place may be taken again.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from polos.adapters.aws.clients import Aws
from polos.adapters.aws.deletions import delete_items
from polos.adapters.aws.entries import Entries, Item, at, marker, position_of, same_entry, stands
from polos.adapters.aws.failures import Refused
from polos.adapters.aws.transactions import CONDITION, transact
from polos.adapters.limits import check_entries, check_name, check_position
from polos.errors import StoreError, TryAgain
from polos.ports import Blobs

_FREE: Final = "attribute_not_exists(l)"
_FREE_OR_EXPIRED: Final = "attribute_not_exists(l) OR x <= :now"
_REFUSED: Final = "ConditionalCheckFailedException"

_TAIL_BELIEVED: Final = 20.0  # seconds; whoever deletes a log must be heard of at last
_TAILS_KEPT: Final = 10_000
_PUBLISH_ATTEMPTS: Final = 25  # about 20 s
_FETCHERS: Final = 8


class DynamoLog:
    """The port `Log`.

    Args:
        blobs: Takes entries too large for an item.
        fetchers: Threads that read blobs side by side when several entries of one `read` are in blobs; 1: none.
    """

    def __init__(self, aws: Aws, blobs: Blobs, *, fetchers: int = _FETCHERS) -> None:
        self._aws = aws
        self._table = aws.settings.log_table
        self._on = f"table {self._table}"
        self._entries = Entries(blobs)
        self._blobs = blobs
        self._fetchers = fetchers
        self._tails = _Tails()

    # --- writing --------------------------------------------------------------------------------------------------

    def append(
        self, log: str, position: int, entries: Sequence[str], *, expires_at: float | None = None
    ) -> bool:
        """Put `entries` at `position` and on, all or none; True if they stand. See `polos.ports.Log.append`."""
        check_entries(log, entries)
        check_position(log, position)
        items = at(self._items(log, entries, expires_at, together=len(entries) > 1), position)
        standing = self._put(items, condition=_FREE)
        if standing is None:
            return True
        if all(old is not None and same_entry(old, new) for old, new in zip(standing, items, strict=True)):
            return True
        now = self._aws.clock.now()
        if any(old is not None and stands(old, now) for old in standing) or position < self.tail(log):
            return False
        # What stands there has expired and nothing behind it stands: the log is over, and begins anew.
        return self._put(items, condition=_FREE_OR_EXPIRED) is None

    def publish(
        self,
        log: str,
        entries: Sequence[str],
        *,
        once: str | None = None,
        expires_at: float | None = None,
    ) -> int:
        """Put `entries` at the tail, wherever that is; the position of the first. See `polos.ports.Log.publish`.

        The first guess is the tail as this process last saw it, so a sole publisher reads nothing.
        """
        check_entries(log, entries)
        if once is not None:
            check_name(once, "publish")
        clock = self._aws.clock
        together = len(entries) > 1 or once is not None
        items = self._items(log, entries, expires_at, together=together, publisher=os.urandom(9))
        tail = self._tails.get(log, clock.monotonic())
        for repeat in range(_PUBLISH_ATTEMPTS):
            tail = self.tail(log) if tail is None else tail
            position = self._publish_at(
                tail, items, marker=None if once is None else marker(log, once, tail, expires_at)
            )
            if position is not None:
                lives = (
                    _TAIL_BELIEVED if expires_at is None else min(_TAIL_BELIEVED, expires_at - clock.now())
                )
                self._tails.put(log, position + len(entries), until=clock.monotonic() + lives)
                return position
            self._aws.pause(repeat)  # before the look at the tail, which is to be fresh
            tail = None
        raise TryAgain(
            f"log {log!r}: {_PUBLISH_ATTEMPTS} times in a row somebody else published first; publish several entries "
            "in one call, or spread the publishers over several topics"
        )

    def delete(self, log: str) -> None:
        """Forget the whole log, markers and blobs included, from its end to its beginning. A repeat does nothing."""
        check_name(log, "log")
        self._tails.forget(log)
        for page in self._pages(log, None, backwards=True, attributes="p, b"):
            for item in page:
                if "b" in item:
                    self._blobs.delete(item["b"]["S"])
            keys = [{"l": {"S": log}, "p": item["p"]} for item in page]
            delete_items(self._aws, self._table, keys)

    # --- reading --------------------------------------------------------------------------------------------------

    def read(self, log: str, start: int = 0, limit: int | None = None) -> list[str]:
        """The entries from `start` on, in order, all or the first `limit`. See `polos.ports.Log.read`."""
        check_name(log, "log")
        check_position(log, start)
        if limit is not None and limit < 1:
            return []
        standing = self._standing(log, start, limit)
        texts = self._texts(standing)
        if not standing:
            return []
        forgotten = position_of(standing[0]) - start
        return ([""] * forgotten + texts)[:limit]

    def tail(self, log: str) -> int:
        """The next free position. See `polos.ports.Log.tail`."""
        check_name(log, "log")
        now = self._aws.clock.now()
        last = next(self._pages(log, 0, backwards=True, attributes="p, x", most=1), [])
        if not last:
            return 0
        if stands(last[0], now):
            return position_of(last[0]) + 1
        for page in self._pages(log, 0, backwards=True, attributes="p, x"):
            for item in page:
                if stands(item, now):
                    return position_of(item) + 1
        return 0

    def _standing(self, log: str, start: int, limit: int | None) -> list[Item]:
        """The items from `start` on that have not expired: no hole is among them."""
        now = self._aws.clock.now()
        found: list[Item] = []
        for page in self._pages(log, start, most=limit):
            for item in page:
                if not stands(item, now):
                    continue
                if found and position_of(item) != position_of(found[-1]) + 1:
                    raise StoreError(
                        f"log {log!r} has no entry at {position_of(found[-1]) + 1} but one at {position_of(item)}: "
                        "something other than polos deleted items of its table; restore it from a backup"
                    )
                found.append(item)
            if limit is not None and found and position_of(found[-1]) + 1 - start >= limit:
                break
        return (
            found
            if limit is None
            else [item for item in found if position_of(item) < start + limit] or found[:1]
        )

    def _texts(self, items: Sequence[Item]) -> list[str]:
        spilled = sum("b" in item for item in items)
        if spilled < 2 or self._fetchers < 2:
            return [self._entries.text(item) for item in items]
        with ThreadPoolExecutor(min(self._fetchers, spilled)) as pool:
            return list(pool.map(self._entries.text, items))

    def _pages(
        self,
        log: str,
        start: int | None,
        *,
        backwards: bool = False,
        attributes: str | None = None,
        most: int | None = None,
    ) -> Iterator[list[Item]]:
        """The items of a log from `start` on (None: markers too), in pages of up to 1 MB and `most` items."""
        query: dict[str, Any] = {
            "TableName": self._table,
            "ConsistentRead": True,
            "ScanIndexForward": not backwards,
            "KeyConditionExpression": "l = :l" if start is None else "l = :l AND p >= :start",
            "ExpressionAttributeValues": {":l": {"S": log}},
        }
        if start is not None:
            query["ExpressionAttributeValues"][":start"] = {"N": str(start)}
        if attributes is not None:
            query["ProjectionExpression"] = attributes
        if most is not None:
            query["Limit"] = most
        while True:
            answer = self._aws.call("dynamodb", "query", on=self._on, **query)
            yield answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return
            query["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    # --- the conditional writes -----------------------------------------------------------------------------------

    def _items(
        self,
        log: str,
        entries: Sequence[str],
        expires_at: float | None,
        *,
        together: bool,
        publisher: bytes | None = None,
    ) -> list[dict[str, dict[str, Any]]]:
        store, now = self._entries.store, self._aws.clock.now()
        return [
            store(log, text, expires_at=expires_at, now=now, together=together, publisher=publisher)
            for text in entries
        ]

    def _put(self, items: Sequence[Item], *, condition: str) -> list[Item | None] | None:
        """Put `items`, all or none. None: they stand; else what stands in the way of each (None: nothing)."""
        puts = [self._conditional(item, condition) for item in items]
        if len(puts) > 1:
            reasons = transact(self._aws, [{"Put": put} for put in puts], on=self._on)
            if reasons is None:
                return None
            return [reason.get("Item") if reason.get("Code") == CONDITION else None for reason in reasons]
        try:
            self._aws.call("dynamodb", "put_item", on=self._on, hear=(_REFUSED,), **puts[0])
        except Refused as refused:
            return [refused.answer.get("Item")]
        return None

    def _conditional(self, item: Item, condition: str) -> dict[str, Any]:
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": item,
            "ConditionExpression": condition,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        if ":now" in condition:
            put["ExpressionAttributeValues"] = {":now": {"N": str(int(self._aws.clock.now()))}}
        return put

    def _publish_at(self, tail: int, items: Sequence[Item], *, marker: Item | None) -> int | None:
        """Publish at `tail` if that is the tail; where the first entry stands, or None if another was there first.

        If the marker's id was published before: where that publish begins.
        """
        puts = at(items, tail)
        standing = self._put([*puts, marker] if marker else puts, condition=_FREE_OR_EXPIRED)
        if standing is None:
            return tail
        published = standing[-1] if marker else None
        if published is not None:
            return int(published["q"]["N"])
        first = standing[0]
        # The publisher's mark says that it is our own earlier attempt, whose answer was lost.
        return tail if first is not None and first.get("n") == items[0]["n"] else None


class _Tails:
    """The tails as this process last saw them. A log only grows, so one may be too low, which costs one refusal."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, tuple[int, float]] = (
            OrderedDict()
        )  # the tail, and until when it is believed
        self._lock = threading.Lock()

    def get(self, log: str, now: float) -> int | None:
        with self._lock:
            tail, until = self._seen.get(log, (0, now))
            return tail if now < until else None

    def put(self, log: str, tail: int, *, until: float) -> None:
        with self._lock:
            self._seen.pop(log, None)
            self._seen[log] = (tail, until)
            if len(self._seen) > _TAILS_KEPT:
                self._seen.popitem(last=False)

    def forget(self, log: str) -> None:
        with self._lock:
            self._seen.pop(log, None)
