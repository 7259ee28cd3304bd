"""moto's DynamoDB, mended: transactions that cost what they touch, queries that read one partition, and both measured.

moto copies the whole table for every item of a transaction, and sorts the whole table for every query. Here a
transaction first checks all conditions and then applies, undoing only what it touched should it fail half-way; a query
is handed its partition alone. `ClientRequestToken` is kept, which moto ignores.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from botocore.awsrequest import AWSResponse
from moto.core.exceptions import JsonRESTError
from moto.dynamodb import exceptions, models
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.models.table import Table

from polos.adapters.aws.sizes import read_units, write_units
from polos.testing.moto import items
from polos.testing.moto.meter import Usage
from polos.testing.moto.requests import Call, replay

TOKEN_LIFETIME: Final = 600.0
"""Seconds for which AWS remembers a ClientRequestToken."""

_WRITES: Final = frozenset({"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"})

Passage = Callable[[Call], AWSResponse | None]


class Dynamo:
    """The DynamoDB of one harness. Its methods run under the harness's lock.

    Args:
        now: The time, for tokens.
    """

    def __init__(self, account: str, region: str, *, now: Callable[[], float]) -> None:
        self._store = items.backend(account, region)
        self._now = now
        self._tokens: dict[str, tuple[str, float, AWSResponse]] = {}

    def handle(self, call: Call, pass_on: Passage) -> tuple[AWSResponse | None, Usage]:
        """The answer to a request, and what it used."""
        for text in items.refusals(call.params, call.operation):
            return call.refuse("ValidationException", text), Usage(calls=1, billed=1)
        remembered = self._remembered(call)
        if remembered is not None:
            return remembered, Usage(calls=1, billed=1, read_units=self._again(call))
        before = self._weigh(call)
        _LOOKED_AT.clear()
        answer = pass_on(call)
        if answer is not None and answer.status_code == 200:
            answer = self._remember(call, answer)
        return answer, self._usage(call, before, answer)

    # --- tokens ---------------------------------------------------------------------------------------------------

    def _remembered(self, call: Call) -> AWSResponse | None:
        token = call.params.get("ClientRequestToken")
        if call.operation != "TransactWriteItems" or token not in self._tokens:
            return None
        digest, at, answer = self._tokens[token]
        if self._now() - at > TOKEN_LIFETIME:
            del self._tokens[token]
            return None
        if digest != _digest(call.params):
            return call.refuse(
                "IdempotentParameterMismatchException", "The token was used for another transaction"
            )
        return replay(answer)

    def _remember(self, call: Call, answer: AWSResponse) -> AWSResponse:
        token = call.params.get("ClientRequestToken")
        if call.operation == "TransactWriteItems" and token:
            self._tokens[token] = (_digest(call.params), self._now(), answer)
            return replay(answer)
        return answer

    def _again(self, call: Call) -> float:
        """A transaction that AWS remembers is charged as a read of its items."""
        return sum(
            2.0 * read_units(items.size(items.decoded(item)))
            for _, item in items.touched(call.params, call.operation)
        )

    # --- units ----------------------------------------------------------------------------------------------------

    def _weigh(self, call: Call) -> list[dict[str, Any] | None]:
        """The items that the request touches, as they stand."""
        try:
            return [
                items.stored(self._store, table, item)
                for table, item in items.touched(call.params, call.operation)
            ]
        except (KeyError, JsonRESTError):  # a malformed request: moto is about to say what is wrong with it
            return []

    def _usage(
        self, call: Call, before: Sequence[dict[str, Any] | None], answer: AWSResponse | None
    ) -> Usage:
        done = answer is not None and answer.status_code == 200
        used = Usage(calls=1, billed=1)
        if call.operation in _WRITES:
            refused = not done and answer is not None and b"Condition" in answer.content
            after = self._weigh(call) if done else before
            units = self._write_units(call, before, after) if done or refused else 0
            return used + Usage(write_units=units)
        if not done:
            return used
        return used + Usage(read_units=self._read_units(call, before))

    def _write_units(
        self, call: Call, before: Sequence[dict[str, Any] | None], after: Sequence[dict[str, Any] | None]
    ) -> float:
        factor = 2 if call.operation == "TransactWriteItems" else 1
        tables = [table for table, _ in items.touched(call.params, call.operation)]
        total = 0
        for table, old, new in zip(tables, before, after, strict=True):
            total += write_units(max(items.size(old), items.size(new)))
            olds = items.index_entries(self._store, table, old)
            news = items.index_entries(self._store, table, new)
            total += sum(map(_index_units, olds, news))
        return float(factor * total)

    def _read_units(self, call: Call, before: Sequence[dict[str, Any] | None]) -> float:
        match call.operation:
            case "GetItem":
                factor = 1.0 if call.params.get("ConsistentRead") else 0.5
                return factor * read_units(items.size(before[0]))
            case "BatchGetItem":
                consistent = [
                    bool(wanted.get("ConsistentRead"))
                    for wanted in call.params["RequestItems"].values()
                    for _ in wanted["Keys"]
                ]
                return sum(
                    (1.0 if strong else 0.5) * read_units(items.size(item))
                    for strong, item in zip(consistent, before, strict=True)
                )
            case "Query":
                factor = 1.0 if call.params.get("ConsistentRead") else 0.5
                return factor * read_units(sum(_LOOKED_AT))
            case _:
                return 0.0


def _index_units(old: Mapping[str, Any], new: Mapping[str, Any]) -> int:
    """What an index is charged when an entry of it changes: nothing if it stays as it is, twice if it moves."""
    if old == new:
        return 0
    return sum(write_units(items.size(entry)) for entry in (old, new) if entry)


def _digest(params: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(params, sort_keys=True).encode()).hexdigest()


# --- moto's own methods, replaced while a harness runs ---------------------------------------------------------------

_LOOKED_AT: list[int] = []
"""Sizes of the items the last query went through, before its filter; under the harness's lock."""


@contextmanager
def mended() -> Iterator[None]:
    """moto's transactions and queries, replaced by ours."""
    originals = models.DynamoDBBackend.transact_write_items, Table.query, Table.all_items
    models.DynamoDBBackend.transact_write_items = _transact_write_items  # type: ignore[method-assign]
    Table.query = _query_with(Table.query)  # type: ignore[method-assign]
    Table.all_items = _all_items_with(Table.all_items)  # type: ignore[method-assign]
    try:
        yield
    finally:
        models.DynamoDBBackend.transact_write_items = originals[0]  # type: ignore[method-assign]
        Table.query, Table.all_items = originals[1:]  # type: ignore[method-assign]


def _transact_write_items(self: models.DynamoDBBackend, transact_items: list[dict[str, Any]]) -> None:
    if len(transact_items) > 100:
        raise exceptions.TooManyTransactionsException
    actions = [(kind, details) for action in transact_items for kind, details in action.items()]
    _refuse_twice(self, actions)
    reasons = [_reason(self, details) for _, details in actions]
    if any(code for code, _, _ in reasons):
        raise exceptions.TransactionCanceledException(reasons)
    undo: list[Callable[[], None]] = []
    try:
        for kind, details in actions:
            undo.append(_undo(self, details))
            _apply(self, kind, details)
    except BaseException:
        for step in reversed(undo):
            step()
        raise


def _refuse_twice(self: models.DynamoDBBackend, actions: Sequence[tuple[str, dict[str, Any]]]) -> None:
    keys = [(details["TableName"], json.dumps(_key(self, details), sort_keys=True)) for _, details in actions]
    if len(set(keys)) < len(keys):
        raise exceptions.MultipleTransactionsException


def _key(self: models.DynamoDBBackend, details: dict[str, Any]) -> dict[str, Any]:
    if "Key" in details:
        return dict(details["Key"])
    table = self.get_table(details["TableName"])
    return {name: details["Item"][name] for name in table.table_key_attrs}


def _reason(self: models.DynamoDBBackend, details: dict[str, Any]) -> tuple[str | None, str | None, Any]:
    current = self.get_item(details["TableName"], _key(self, details))
    condition = get_filter_expression(
        details.get("ConditionExpression"),
        details.get("ExpressionAttributeNames"),
        details.get("ExpressionAttributeValues"),
    )
    if condition.expr(current):
        return None, None, None
    shown = None
    if details.get("ReturnValuesOnConditionCheckFailure") == "ALL_OLD" and current is not None:
        shown = current.to_json()["Attributes"]
    return "ConditionalCheckFailed", "The conditional request failed", shown


def _apply(self: models.DynamoDBBackend, kind: str, details: dict[str, Any]) -> None:
    table = details["TableName"]
    match kind:
        case "Put":
            self.put_item(table, details["Item"])
        case "Delete":
            self.delete_item(table, details["Key"])
        case "Update":
            self.update_item(
                table,
                details["Key"],
                update_expression=details["UpdateExpression"],
                expression_attribute_names=details.get("ExpressionAttributeNames", {}),
                expression_attribute_values=details.get("ExpressionAttributeValues", {}),
            )
        case "ConditionCheck":
            pass
        case _:
            raise exceptions.MockValidationException(f"{kind} is no action of a transaction")


def _undo(self: models.DynamoDBBackend, details: dict[str, Any]) -> Callable[[], None]:
    """How to put the item of one action back as it is now."""
    table = self.get_table(details["TableName"])
    key = _key(self, details)
    old = copy.deepcopy(self.get_item(details["TableName"], key))
    hash_key, range_key = self.get_keys_value(table, key)

    def put_back() -> None:
        if old is None:
            table.delete_item(hash_key, range_key)
        elif range_key is None:
            table.items[hash_key] = old  # type: ignore[assignment]
        else:
            table.items[hash_key][range_key] = old

    return put_back


_QUERIED: list[tuple[Table, Any, str | None]] = []


def _query_with(original: Callable[..., Any]) -> Callable[..., Any]:
    shape = inspect.signature(original)

    def query(self: Table, *args: Any, **kwargs: Any) -> Any:
        bound = shape.bind(self, *args, **kwargs)
        given = bound.arguments
        keep, project = given.pop("filter_expression", None), given.pop("projection_expressions", None)
        bound.arguments["projection_expressions"] = None
        _QUERIED.append((self, given.get("hash_key"), given.get("index_name")))
        try:
            found, scanned, last = original(*bound.args, **bound.kwargs)
        finally:
            _QUERIED.pop()
        _LOOKED_AT.extend(items.size(items.decoded(item.to_json()["Attributes"])) for item in found)
        if keep is not None:
            found = [item for item in found if keep.expr(item)]
        if project:
            found = [item.project(project) for item in found]
        return found, scanned, last

    return query


def _all_items_with(original: Callable[..., Any]) -> Callable[..., Any]:
    def all_items(self: Table) -> Any:
        if not _QUERIED or _QUERIED[-1][0] is not self:
            return original(self)
        _, hash_key, index = _QUERIED[-1]
        if index is not None:  # moto picks and sorts the matches itself
            parts = self.items.values()
            return [item for part in parts for item in (part.values() if self.has_range_key else [part])]
        part = self.items.get(hash_key)
        if part is None:
            return []
        return list(part.values()) if self.has_range_key else [part]

    return all_items
