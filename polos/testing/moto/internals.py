"""The parts of moto that are not its public interface and that the harness builds on, checked in one place."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, Final

from moto.core import botocore_stubber as stubber
from moto.dynamodb import comparisons, exceptions
from moto.dynamodb import models as dynamodb
from moto.dynamodb.models.table import Table
from moto.scheduler import models as scheduler
from moto.sqs import models as sqs

TESTED_WITH: Final = "5.2.5"


class MotoChanged(RuntimeError):
    """This version of moto is built differently from the ones the harness knows."""

    def __init__(self, missing: Sequence[str]) -> None:
        super().__init__(
            f"moto {version('moto')} is not built as the harness expects (it knows {TESTED_WITH}); missing or changed: "
            f"{', '.join(missing)}. Install moto=={TESTED_WITH}, or a newer polos-worker"
        )


def check() -> None:
    """Look for everything the harness uses.

    Raises:
        MotoChanged: Something is missing; all of it is named.
    """
    missing = [
        f"{owner.__name__}.{name}" for owner, names in _used() for name in names if not hasattr(owner, name)
    ]
    if not missing:
        missing = [
            f"{function.__qualname__}({name})"
            for function, names in _parameters()
            for name in names
            if name not in inspect.signature(function).parameters
        ]
    if missing:
        raise MotoChanged(missing)


def _used() -> list[tuple[Any, tuple[str, ...]]]:
    counts = tuple(f"approximate_number_of_messages{name}" for name in ("", "_delayed", "_not_visible"))
    return [
        (stubber, ("BotocoreStubber", "MockRawResponse")),
        (stubber.BotocoreStubber, ("__call__",)),
        (dynamodb, ("dynamodb_backends",)),
        (comparisons, ("get_filter_expression",)),
        (
            exceptions,
            (
                *("MockValidationException", "MultipleTransactionsException"),
                *("TooManyTransactionsException", "TransactionCanceledException"),
            ),
        ),
        (
            dynamodb.DynamoDBBackend,
            (
                *("transact_write_items", "get_table", "get_keys_value"),
                *("get_item", "put_item", "delete_item", "update_item"),
            ),
        ),
        (Table, ("query", "all_items", "get_item", "delete_item", "all_indexes", "has_range_key")),
        (sqs, ("sqs_backends", "unix_time", "unix_time_millis")),
        (sqs.SQSBackend, ("change_message_visibility", "send_message", "get_queue")),
        (sqs.Queue, ("delete_message", "messages", *counts)),
        (sqs.Message, ("visible", "delayed", "had_receipt_handle")),
        (scheduler, ("scheduler_backends",)),
        (scheduler.ScheduleGroup, ("delete_schedule",)),
    ]


def _parameters() -> list[tuple[Any, tuple[str, ...]]]:
    return [
        (Table.query, ("hash_key", "index_name", "filter_expression", "projection_expressions")),
        (sqs.SQSBackend.change_message_visibility, ("queue_name", "receipt_handle", "visibility_timeout")),
        (sqs.SQSBackend.send_message, ("queue_name", "message_body", "group_id")),
    ]
