"""A record as an item of the table of records, and the conditional requests that write it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from polos.adapters.aws.packing import pack, unpack
from polos.adapters.aws.sizes import item_size
from polos.adapters.aws.tables import INDEX_KEYS
from polos.adapters.ranges import Spot
from polos.ports import ABSENT, Check, Delete, Key, Put, Record

Item = Mapping[str, Mapping[str, Any]]

_GONE: Final = "(attribute_not_exists(k) OR e <= :now)"
_STANDS: Final = "(attribute_not_exists(e) OR e > :now)"
_AT_VERSION: Final = f"n = :expect AND {_STANDS}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A Put as a request: `operation` of the client, `action` of a transaction, and the arguments of both."""

    operation: str
    action: str
    request: dict[str, Any]


def key_item(key: Key) -> dict[str, Mapping[str, Any]]:
    """The primary key of a record."""
    return {"k": {"S": key.partition}, "s": {"S": key.sort}}


def spot_item(names: tuple[str, str], partition: str, spot: Spot) -> dict[str, Mapping[str, Any]]:
    """A place in an index, as DynamoDB wants to be told where to go on."""
    key = Key(spot.key_partition, spot.key_sort)
    return {names[0]: {"S": partition}, names[1]: {"S": spot.sort}, **key_item(key)}


def record_of(item: Item) -> Record:
    """The record an item holds. StoreError if its bytes are damaged or newer than this version."""
    return Record(Key(item["k"]["S"], item["s"]["S"]), unpack(dict(item["v"])), int(item["n"]["N"]))


def stands(item: Item, now: float) -> bool:
    """Whether it has not expired."""
    return "e" not in item or float(item["e"]["N"]) > now


def plan_put(table: str, put: Put, *, nonce: bytes, absent: bool, now: float) -> Plan:
    """How to write `put`. `absent`: write over whatever stands there, which is known to be nothing, or expired."""
    if put.expect == ABSENT or (absent and put.expect is None):
        return _first(table, put, nonce=nonce, now=now)
    return _next(table, put, nonce=nonce, now=now)


def delete_request(table: str, delete: Delete, *, now: float = 0.0) -> dict[str, Any]:
    """The arguments that delete a record, under its expectation if it has one."""
    request: dict[str, Any] = {"TableName": table, "Key": key_item(delete.key)}
    if delete.expect is not None:
        request |= _expecting(delete.expect, now)
    return request


def condition_check(table: str, check: Check, *, now: float) -> dict[str, Any]:
    """The arguments that write nothing unless the expectation holds."""
    return {"TableName": table, "Key": key_item(check.key), **_expecting(check.expect, now)}


def _expecting(expect: int, now: float) -> dict[str, Any]:
    values: dict[str, Any] = {":now": _exactly(now)}
    if expect == ABSENT:
        return {"ConditionExpression": _GONE, "ExpressionAttributeValues": values}
    values[":expect"] = {"N": str(expect)}
    return {"ConditionExpression": _AT_VERSION, "ExpressionAttributeValues": values}


def _first(table: str, put: Put, *, nonce: bytes, now: float) -> Plan:
    """Version 1, over nothing or over what has expired."""
    request = {
        "TableName": table,
        "Item": {**key_item(put.key), "n": {"N": "1"}, **_content(put, nonce)},
        "ConditionExpression": _GONE,
        "ExpressionAttributeValues": {":now": _exactly(now)},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return Plan("put_item", "Put", request)


def _next(table: str, put: Put, *, nonce: bytes, now: float) -> Plan:
    """The version after the one that stands: the one expected, or whichever it is."""
    content = _content(put, nonce)
    unset = [name for name in _OPTIONAL if name not in content]
    update = "SET " + ", ".join(f"{name} = :{name}" for name in content)
    update += f" REMOVE {', '.join(unset)}" if unset else ""
    values: dict[str, Any] = {f":{name}": value for name, value in content.items()}
    values |= {":one": {"N": "1"}, ":now": _exactly(now)}
    if put.expect is None:
        # Not over our own earlier attempt: that has been applied, and is not to count twice.
        condition = f"{_STANDS} AND (attribute_not_exists(t) OR t <> :t)"
    else:
        condition = _AT_VERSION
        values[":expect"] = {"N": str(put.expect)}
    request = {
        "TableName": table,
        "Key": key_item(put.key),
        "UpdateExpression": f"{update} ADD n :one",
        "ConditionExpression": condition,
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    return Plan("update_item", "Update", request)


_OPTIONAL: Final = ("e", "x", *(name for names in INDEX_KEYS.values() for name in names))


def _content(put: Put, nonce: bytes) -> dict[str, Mapping[str, Any]]:
    """What a Put sets, but for key and version."""
    content: dict[str, Mapping[str, Any]] = {"t": {"B": nonce}}
    if put.expires_at is not None:
        content |= {"e": _exactly(put.expires_at), "x": {"N": str(math.ceil(put.expires_at))}}
    for index, (partition, sort) in put.index.items():
        names = INDEX_KEYS[index]
        content |= {names[0]: {"S": partition}, names[1]: {"S": sort}}
    rest = item_size(key_item(put.key)) + item_size(content) + len("v") + len("n") + 2
    content["v"] = pack(put.value, overhead=rest)
    return content


def _exactly(at: float) -> dict[str, str]:
    return {"N": f"{at:.6f}"}
