"""What stands in DynamoDB, as data: the harness creates it from here, the compiler renders it from here.

    logs      one item an entry                          records    one item a record
    ----      ------------------------------------       -------    ------------------------------------------
    l   S     the log's name: partition key              k    S     partition: partition key
    p   N     position: sort key; negative: a marker     s    S     sort: sort key
    v   S|B   the entry, packed (see `packing`)          n    N     version, 1 when first written
    b   S     or the name of the blob that holds it      v    S|B   the value, packed
    n   B     who published it (publish only)            t    B     who wrote it last (a nonce of the call)
    q   N     of a marker: where its publish begins      e    N     epoch seconds from which it is absent
    x   N     epoch seconds from which it is gone: TTL   x    N     the same in whole seconds: TTL
                                                         cp cs  sp ss  wp ws  tp ts   keys of the four indexes

Names of attributes are a letter or two, since DynamoDB counts them: an entry with its names has to stay under 1 KB to
cost one write unit. None is a reserved word of its expressions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from polos.ports import INDEXES

TTL_ATTRIBUTE: Final = "x"

INDEX_KEYS: Final[Mapping[str, tuple[str, str]]] = {
    "created": ("cp", "cs"),
    "status": ("sp", "ss"),
    "workflow": ("wp", "ws"),
    "tree": ("tp", "ts"),
}
"""Index name -> the attributes that hold its (partition, sort). The index in DynamoDB has the same name."""

BLOB_LIFETIMES: Final = (2, 8, 32, 94, 188, 376, 470, 752, 1128, 2256, 3760)
"""Days after which the bucket drops blobs that a log spilled for entries that expire, by prefix (`lifetime_prefix`)."""

NEWS_VISIBILITY: Final = 60
"""Seconds a queue hides what it delivered unless told otherwise; at least the timeout of its function."""


def log_table(name: str) -> dict[str, Any]:
    """The arguments of `create_table` for the table of logs."""
    return _table(name, keys=(("l", "S"), ("p", "N")))


def record_table(name: str) -> dict[str, Any]:
    """The arguments of `create_table` for the table of records, its indexes included."""
    spec = _table(name, keys=(("k", "S"), ("s", "S")))
    for index in INDEXES:
        partition, sort = INDEX_KEYS[index]
        spec["AttributeDefinitions"] += [_attribute(partition, "S"), _attribute(sort, "S")]
        spec.setdefault("GlobalSecondaryIndexes", []).append(
            {
                "IndexName": index,
                "KeySchema": _key_schema(partition, sort),
                # Keys only: what a list shows is read from the records themselves, consistently; a write that leaves
                # the index keys as they were does not write to the index at all.
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }
        )
    return spec


def time_to_live(table: str) -> dict[str, Any]:
    """The arguments of `update_time_to_live`, the same for both tables."""
    return {
        "TableName": table,
        "TimeToLiveSpecification": {"Enabled": True, "AttributeName": TTL_ATTRIBUTE},
    }


def lifetime_prefix(days: int) -> str:
    """The beginning of the names of blobs that the bucket drops after `days`, one of BLOB_LIFETIMES."""
    return f"_expires/{days}d/"


def bucket_lifecycle() -> dict[str, Any]:
    """The `LifecycleConfiguration` of the bucket: blobs of expiring entries go by themselves."""
    rules: list[dict[str, Any]] = [
        {
            "ID": f"expire-after-{days}-days",
            "Status": "Enabled",
            "Filter": {"Prefix": lifetime_prefix(days)},
            "Expiration": {"Days": days},
        }
        for days in BLOB_LIFETIMES
    ]
    rules.append(
        {
            "ID": "abort-unfinished-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
        }
    )
    return {"Rules": rules}


def queue_attributes(*, visibility: int = NEWS_VISIBILITY) -> dict[str, str]:
    """The attributes of a queue: messages up to 1 MiB, kept for 14 days, hidden for `visibility` seconds."""
    return {
        "MaximumMessageSize": str(1024 * 1024),
        "MessageRetentionPeriod": str(14 * 24 * 3600),
        "VisibilityTimeout": str(visibility),
        "SqsManagedSseEnabled": "true",
    }


def _table(name: str, *, keys: tuple[tuple[str, str], tuple[str, str]]) -> dict[str, Any]:
    (partition, partition_type), (sort, sort_type) = keys
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [_attribute(partition, partition_type), _attribute(sort, sort_type)],
        "KeySchema": _key_schema(partition, sort),
    }


def _attribute(name: str, kind: str) -> dict[str, str]:
    return {"AttributeName": name, "AttributeType": kind}


def _key_schema(partition: str, sort: str) -> list[dict[str, str]]:
    return [
        {"AttributeName": partition, "KeyType": "HASH"},
        {"AttributeName": sort, "KeyType": "RANGE"},
    ]
