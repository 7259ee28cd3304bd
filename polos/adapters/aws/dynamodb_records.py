"""Records in one DynamoDB table, with four indexes that hold keys only (`tables` draws the table).

    one Put over nothing        conditional PutItem                        1 unit a KB, and 1 per index key given
    one Put over something      conditional UpdateItem, version + 1        1 unit a KB, and 2 per index key changed
    one Delete, unconditional   DeleteItem                                 1 unit a KB
    everything else             TransactWriteItems under one token         2 units a KB

Every call signs what it writes with a nonce. When a condition does not hold but the record bears our nonce, an earlier
attempt was applied and its answer lost: that is success. If an attempt brought no answer and somebody has written
since, nobody can tell: the caller gets `TryAgain`, never a wrong False. A conditional Delete leaves nothing behind that
could bear a nonce, so it goes as a transaction, which DynamoDB itself remembers by its token.

A record that has expired is absent: its version is not counted on. DynamoDB drops it up to two days later.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any, Final

from polos.adapters.aws.clients import Aws
from polos.adapters.aws.failures import Refused
from polos.adapters.aws.record_items import (
    Item,
    Plan,
    condition_check,
    delete_request,
    key_item,
    plan_put,
    record_of,
    spot_item,
    stands,
)
from polos.adapters.aws.tables import INDEX_KEYS
from polos.adapters.aws.transactions import CONDITION, transact
from polos.adapters.limits import check_index, check_key, check_limit, check_name, check_writes
from polos.adapters.ranges import Range, Spot, between, cursor_of, spot_of
from polos.errors import TryAgain
from polos.ports import Check, Delete, Key, Page, Put, Record, Write

_REFUSED: Final = "ConditionalCheckFailedException"
_BATCH: Final = 100
_RACES: Final = 5  # with the expiry of the very records that are written


class DynamoRecords:
    """The port `Records`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._table = aws.settings.record_table
        self._on = f"table {self._table}"

    # --- writing --------------------------------------------------------------------------------------------------

    def write(self, *writes: Write) -> bool:
        """All of the writes, or none: True if made. See `polos.ports.Records.write`."""
        check_writes(writes)
        match writes:
            case ():
                return True
            case (Put() as put,):
                return self._put(put)
            case (Delete(expect=None) as delete,):
                self._aws.call("dynamodb", "delete_item", on=self._on, **delete_request(self._table, delete))
                return True
            case (Check() as check,):
                record = self.get(check.key)
                return (record.version if record else 0) == check.expect
            case _:
                return self._together(writes)

    def _put(self, put: Put) -> bool:
        nonce = os.urandom(9)
        absent = False  # what stands there has expired, so there is no version to count on
        for _ in range(_RACES):
            plan = self._plan(put, nonce, absent=absent)
            try:
                self._aws.call("dynamodb", plan.operation, on=self._on, hear=(_REFUSED,), **plan.request)
                return True
            except Refused as refused:
                old: Item | None = refused.answer.get("Item")
                if old is not None and old.get("t", {}).get("B") == nonce:
                    return True
                if put.expect is not None:
                    return self._not_made(put, unsure=refused.unsure)
                absent = old is None or not stands(old, self._aws.clock.now())
        raise TryAgain(
            f"record {put.key} expires and is written again and again at the same time; try once more"
        )

    def _not_made(self, put: Put, *, unsure: bool) -> bool:
        if unsure:
            raise TryAgain(
                f"record {put.key}: an attempt to write it brought no answer, and somebody has written it since, so "
                "that it is not known whether ours was made; read it and decide anew"
            )
        return False

    def _together(self, writes: Sequence[Write]) -> bool:
        nonce = os.urandom(9)
        expired: set[Key] = set()
        for _ in range(_RACES):
            actions = [self._action(write, nonce, absent=write.key in expired) for write in writes]
            reasons = transact(self._aws, actions, on=self._on)
            if reasons is None:
                return True
            unmet = [
                (write, reason.get("Item"))
                for write, reason in zip(writes, reasons, strict=True)
                if reason.get("Code") == CONDITION
            ]
            if any(write.expect is not None for write, _ in unmet):
                return False
            now = self._aws.clock.now()
            for (
                write,
                old,
            ) in unmet:  # writes over whatever stands there, which expired, or is there after all
                (expired.discard if old is not None and stands(old, now) else expired.add)(write.key)
        raise TryAgain(
            f"records of {self._on} expire and are written again and again at the same time; try once more"
        )

    def _plan(self, put: Put, nonce: bytes, *, absent: bool) -> Plan:
        return plan_put(self._table, put, nonce=nonce, absent=absent, now=self._aws.clock.now())

    def _action(self, write: Write, nonce: bytes, *, absent: bool) -> dict[str, Any]:
        match write:
            case Put():
                plan = self._plan(write, nonce, absent=absent)
                return {plan.action: plan.request}
            case Delete():
                return {"Delete": delete_request(self._table, write, now=self._aws.clock.now())}
            case Check():
                return {"ConditionCheck": condition_check(self._table, write, now=self._aws.clock.now())}

    # --- reading --------------------------------------------------------------------------------------------------

    def get(self, key: Key) -> Record | None:
        """The record as it stands now, or None."""
        check_key(key)
        answer = self._aws.call(
            "dynamodb",
            "get_item",
            on=self._on,
            TableName=self._table,
            Key=key_item(key),
            ConsistentRead=True,
        )
        item: Item | None = answer.get("Item")
        return record_of(item) if item is not None and stands(item, self._aws.clock.now()) else None

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        """Those of `keys` that exist."""
        for key in keys:
            check_key(key)
        now = self._aws.clock.now()
        records = (record_of(item) for item in self._items(keys) if stands(item, now))
        found = {record.key: record for record in records}
        return {key: found[key] for key in dict.fromkeys(keys) if key in found}

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
        """Records of a partition in order of `sort`. See `polos.ports.Records.query`."""
        check_name(partition, "partition")
        check_limit(limit)
        wanted = between(prefix=prefix, after=after, before=before)
        request = _range_query(self._table, ("k", "s"), partition, wanted)
        if request is None:
            return Page((), None)
        request |= {"ConsistentRead": True, "ScanIndexForward": not reverse, "Limit": limit}
        if cursor is not None:
            request["ExclusiveStartKey"] = key_item(Key(partition, cursor))
        answer = self._aws.call("dynamodb", "query", on=self._on, **request)
        now = self._aws.clock.now()
        records = tuple(
            record_of(item)
            for item in answer["Items"]
            if stands(item, now) and _below(item["s"]["S"], wanted.upper)
        )
        last: Item | None = answer.get("LastEvaluatedKey")
        return Page(records, last["s"]["S"] if last else None)

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
        """Records by a secondary order. See `polos.ports.Records.find`.

        The index may lag behind: a record that has moved on since is left out, since its values say so.
        """
        check_index(index)
        check_name(partition, f"partition of the index {index!r}")
        check_limit(limit)
        names = INDEX_KEYS[index]
        wanted = between(after=after, before=before)
        request = _range_query(self._table, names, partition, wanted)
        if request is None:
            return Page((), None)
        request |= {"IndexName": index, "ScanIndexForward": not reverse, "Limit": limit}
        if cursor is not None:
            request["ExclusiveStartKey"] = spot_item(names, partition, spot_of(cursor))
        answer = self._aws.call("dynamodb", "query", on=f"{self._on}, index {index}", **request)
        hits = [item for item in answer["Items"] if _below(item[names[1]]["S"], wanted.upper)]
        last: Item | None = answer.get("LastEvaluatedKey")
        return Page(
            tuple(self._hit_records(hits, names)),
            cursor_of(Spot(last[names[1]]["S"], last["k"]["S"], last["s"]["S"])) if last else None,
        )

    def _hit_records(self, hits: Sequence[Item], names: tuple[str, str]) -> Iterator[Record]:
        """What stands now at the keys an index gave, in the same order, without what the index is late with."""
        now = self._aws.clock.now()
        keys = [Key(hit["k"]["S"], hit["s"]["S"]) for hit in hits]
        standing = {
            Key(item["k"]["S"], item["s"]["S"]): item for item in self._items(keys) if stands(item, now)
        }
        for key, hit in zip(keys, hits, strict=True):
            item = standing.get(key)
            if item is not None and all(item.get(name) == hit[name] for name in names):
                yield record_of(item)

    def _items(self, keys: Sequence[Key]) -> Iterator[Item]:
        """The items with these keys, in any order, strongly consistent."""
        todo = iter(dict.fromkeys(keys))
        while batch := list(islice(todo, _BATCH)):
            yield from self._batch([key_item(key) for key in batch])

    def _batch(self, keys: list[Item]) -> Iterator[Item]:
        for repeat in range(self._aws.patience.attempts):
            answer = self._aws.call(
                "dynamodb",
                "batch_get_item",
                on=self._on,
                RequestItems={self._table: {"Keys": keys, "ConsistentRead": True}},
            )
            items = answer["Responses"].get(self._table, [])
            yield from items
            keys = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
            if not keys:
                return
            if not items:  # an answer ends at 16 MB too: then there is nothing to wait for
                self._aws.pause(repeat)
        raise TryAgain(f"DynamoDB was too busy to read {len(keys)} records of {self._on}; try again later")


def _range_query(table: str, names: tuple[str, str], partition: str, wanted: Range) -> dict[str, Any] | None:
    """A query for a range of sort keys, `upper` included, which the caller drops; None if the range is empty.

    DynamoDB takes one condition on the sort key, and no empty text in it.
    """
    if wanted.upper is not None and wanted.upper <= wanted.lower:
        return None
    hash_key, sort_key = names
    values = {":partition": {"S": partition}}
    condition = f"{hash_key} = :partition"
    if wanted.lower and wanted.upper is not None:
        condition += f" AND {sort_key} BETWEEN :lower AND :upper"
        values |= {":lower": {"S": wanted.lower}, ":upper": {"S": wanted.upper}}
    elif wanted.lower:
        condition += f" AND {sort_key} >= :lower"
        values[":lower"] = {"S": wanted.lower}
    elif wanted.upper is not None:
        condition += f" AND {sort_key} < :upper"
        values[":upper"] = {"S": wanted.upper}
    return {"TableName": table, "KeyConditionExpression": condition, "ExpressionAttributeValues": values}


def _below(sort: str, upper: str | None) -> bool:
    return upper is None or sort < upper
