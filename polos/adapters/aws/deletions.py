"""Unconditional deletes of many items: `BatchWriteItem`, 25 at a time, what it leaves undone repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from polos.adapters.aws.clients import Aws
from polos.errors import TryAgain

_BATCH: Final = 25


def delete_items(aws: Aws, table: str, keys: Sequence[Mapping[str, Any]]) -> None:
    """Delete the items with these keys; those that are not there are no error.

    Raises:
        TryAgain: DynamoDB was too busy for some of them in every attempt.
    """
    todo = iter(keys)
    while batch := list(islice(todo, _BATCH)):
        _delete(aws, table, [{"DeleteRequest": {"Key": key}} for key in batch])


def _delete(aws: Aws, table: str, requests: list[dict[str, Any]]) -> None:
    for repeat in range(aws.patience.attempts):
        answer = aws.call("dynamodb", "batch_write_item", on=f"table {table}", RequestItems={table: requests})
        requests = answer.get("UnprocessedItems", {}).get(table, [])
        if not requests:
            return
        aws.pause(repeat)
    raise TryAgain(
        f"DynamoDB was too busy to delete {len(requests)} items of table {table}; what is left can be deleted later"
    )
