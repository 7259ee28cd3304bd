"""DynamoDB requests, taken apart: which items they touch, what those weigh, and what AWS would refuse in them."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from moto.dynamodb import models as dynamodb

from polos.adapters.aws.sizes import item_size

MOST_IN_BATCH: Final = 25
MOST_IN_TRANSACTION_BYTES: Final = 4 * 1024 * 1024

_PLACEHOLDER: Final = re.compile(r"[:#][A-Za-z0-9_]+")


def backend(account: str, region: str) -> dynamodb.DynamoDBBackend:
    """moto's DynamoDB of one account and region."""
    return dynamodb.dynamodb_backends[account][region]


def touched(params: Mapping[str, Any], operation: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(table, item or key) of each item that a request writes, or reads by its key."""
    match operation:
        case "PutItem" | "UpdateItem" | "DeleteItem" | "GetItem":
            yield params["TableName"], _item_or_key(params)
        case "TransactWriteItems":
            for details in _parts(params, operation):
                yield details["TableName"], _item_or_key(details)
        case "BatchWriteItem":
            for table, requests in params["RequestItems"].items():
                yield from ((table, _item_or_key(details)) for each in requests for details in each.values())
        case "BatchGetItem":
            for table, wanted in params["RequestItems"].items():
                yield from ((table, key) for key in wanted["Keys"])
        case _:
            return


def stored(store: dynamodb.DynamoDBBackend, table: str, item: Mapping[str, Any]) -> dict[str, Any] | None:
    """What stands in `table` at the key that is in `item`, in the client's form; None if nothing does."""
    known = store.get_table(table)
    key = {name: item[name] for name in known.table_key_attrs if name in item}
    found = store.get_item(table, key)
    return None if found is None else decoded(found.to_json()["Attributes"])


def index_entries(
    store: dynamodb.DynamoDBBackend, table: str, item: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """What each index of `table` holds of `item`, in order; {} where it holds nothing."""
    known = store.get_table(table)
    entries: list[dict[str, Any]] = []
    for index in known.all_indexes():
        keys = [key["AttributeName"] for key in index.schema]
        if item is None or any(name not in item for name in keys):
            entries.append({})
        elif (index.projection or {}).get("ProjectionType", "ALL") == "ALL":
            entries.append(dict(item))
        else:
            extra = (index.projection or {}).get("NonKeyAttributes") or []
            entries.append(
                {name: item[name] for name in {*keys, *known.table_key_attrs, *extra} if name in item}
            )
    return entries


def decoded(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item of the wire in the client's form: binary values as bytes."""
    return {name: _decoded_value(value) for name, value in item.items()}


def _decoded_value(value: Mapping[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {"B": _bytes(content)}
        case "BS":
            return {"BS": [_bytes(each) for each in content]}
        case "L":
            return {"L": [_decoded_value(each) for each in content]}
        case "M":
            return {"M": decoded(content)}
        case _:
            return {kind: content}


def _bytes(content: str | bytes) -> bytes:
    """moto keeps binary values as they came: in base64 from the wire, as bytes from elsewhere."""
    return base64.b64decode(content) if isinstance(content, str) else bytes(content)


def size(item: Mapping[str, Any] | None) -> int:
    """Bytes of an item in the client's form; 0 for none."""
    return item_size(item) if item else 0


def refusals(params: Mapping[str, Any], operation: str) -> Iterator[str]:
    """What AWS refuses in a request, and moto takes: the texts of its validation errors."""
    for part in _parts(params, operation):
        yield from _unused(part)
    if operation == "BatchWriteItem":
        count = sum(len(requests) for requests in params["RequestItems"].values())
        if count > MOST_IN_BATCH:
            yield f"Too many items requested for the BatchWriteItem call: {count}"
    if operation == "TransactWriteItems":
        total = sum(size(decoded(item)) for _, item in touched(params, operation))
        if total > MOST_IN_TRANSACTION_BYTES:
            yield f"Item size in the transaction has exceeded the maximum allowed size: {total} bytes"


def _item_or_key(details: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(details.get("Item") or details["Key"])


def _parts(params: Mapping[str, Any], operation: str) -> Sequence[Mapping[str, Any]]:
    if operation == "TransactWriteItems":
        return [details for action in params["TransactItems"] for details in action.values()]
    return [params]


def _unused(part: Mapping[str, Any]) -> Iterator[str]:
    text = " ".join(
        value for name, value in part.items() if name.endswith("Expression") and isinstance(value, str)
    )
    used = set(_PLACEHOLDER.findall(text))
    for name in ("ExpressionAttributeValues", "ExpressionAttributeNames"):
        unused = sorted(set(part.get(name) or ()) - used)
        if unused:
            yield f"Value provided in {name} unused in expressions: keys: {{{', '.join(unused)}}}"
