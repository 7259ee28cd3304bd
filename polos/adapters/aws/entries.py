"""An entry of a log as an item of the table of logs: how it is written, spilled, compared and read back.

Where an entry goes, by what it weighs when packed (the arithmetic: docs/decisions/0009-where-a-value-is-stored.md):

    up to SPILL_ALONE     into the item
    more                  into a blob; the item holds its name
    in a transaction, which costs double: from SPILL_TOGETHER on into a blob

A blob is written before its item and named by the text's hash, so a repeat writes the same blob, and an entry is never
seen without its content.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from polos.adapters.aws.packing import from_bytes, pack, to_bytes, unpack
from polos.adapters.aws.sizes import item_size, value_size
from polos.adapters.aws.tables import BLOB_LIFETIMES, lifetime_prefix
from polos.errors import NotFound, StoreError
from polos.ports import Blobs

Item = Mapping[str, Mapping[str, Any]]

SPILL_ALONE: Final = 12 * 1024
SPILL_TOGETHER: Final = 6 * 1024

_DAY: Final = 24 * 3600
_KEPT: Final = "_logs/"


@dataclass(frozen=True, slots=True)
class Entries:
    """Makes items of texts and texts of items. `blobs` holds what is too large for an item."""

    blobs: Blobs

    def store(
        self,
        log: str,
        text: str,
        *,
        expires_at: float | None,
        now: float,
        together: bool,
        publisher: bytes | None = None,
    ) -> dict[str, dict[str, Any]]:
        """The item of an entry but for its position (`at`), with its blob written if it needs one.

        `together`: it goes into a transaction. `publisher`: who publishes it, to be known again by.
        """
        item: dict[str, dict[str, Any]] = {"l": {"S": log}, "p": {"N": "9999999"}}
        if expires_at is not None:
            item["x"] = {"N": str(math.ceil(expires_at))}
        if publisher is not None:
            item["n"] = {"B": publisher}
        value = pack(text, overhead=item_size(item) + 1)
        del item["p"]
        if value_size(value) <= (SPILL_TOGETHER if together else SPILL_ALONE):
            item["v"] = value
            return item
        name = _blob_name(log, text, expires_at, now)
        self.blobs.put(name, to_bytes(value))
        item["b"] = {"S": name}
        return item

    def text(self, item: Item) -> str:
        """The text of an entry. StoreError if its blob is gone or its bytes are damaged."""
        if "b" not in item:
            return unpack(dict(item["v"]))
        name = item["b"]["S"]
        try:
            return from_bytes(self.blobs.get(name))
        except NotFound as error:
            raise StoreError(
                f"entry {item['p']['N']} of log {item['l']['S']!r} is in blob {name!r}, which is gone; was it deleted "
                "by hand, or by a lifecycle rule that is not ours? Restore it from the bucket's versions or a backup"
            ) from error


def at(items: Sequence[Item], position: int) -> list[dict[str, Mapping[str, Any]]]:
    """The items with their positions, the first at `position`."""
    return [{**item, "p": {"N": str(position + offset)}} for offset, item in enumerate(items)]


def same_entry(one: Item, other: Item) -> bool:
    """Whether two items hold the same text, however each is stored."""
    if "b" in one or "b" in other:
        return "b" in one and "b" in other and _hash_in(one) == _hash_in(other)
    return "v" in one and "v" in other and unpack(dict(one["v"])) == unpack(dict(other["v"]))


def stands(item: Item, now: float) -> bool:
    """Whether it has not expired."""
    return "x" not in item or int(item["x"]["N"]) > now


def position_of(item: Item) -> int:
    """Where in its log it stands; negative for a marker."""
    return int(item["p"]["N"])


def marker_position(once: str) -> int:
    """The sort key of the marker that remembers the id of a publish: negative, so that it lies before all entries.

    120 bits of a hash: of a million ids in one log, two share a number with a chance of 1 in 10**24.
    """
    return -1 - int.from_bytes(hashlib.sha256(once.encode()).digest()[:15], "big")


def marker(log: str, once: str, position: int, expires_at: float | None) -> dict[str, dict[str, Any]]:
    """The item that remembers where the publish with the id `once` begins."""
    item: dict[str, dict[str, Any]] = {
        "l": {"S": log},
        "p": {"N": str(marker_position(once))},
        "q": {"N": str(position)},
    }
    if expires_at is not None:
        item["x"] = {"N": str(math.ceil(expires_at))}
    return item


def _blob_name(log: str, text: str, expires_at: float | None, now: float) -> str:
    """`<how long it is kept>/<hash of the log>/<hash of the text>`: what a log spilled is deleted with it."""
    of_log = hashlib.sha256(log.encode()).hexdigest()[:32]
    of_text = hashlib.sha256(text.encode()).hexdigest()
    return f"{_keep(expires_at, now)}{of_log}/{of_text}"


def _keep(expires_at: float | None, now: float) -> str:
    if expires_at is not None:
        days = (expires_at - now) / _DAY + 1  # the item may be read a little longer than it may be written
        for lifetime in BLOB_LIFETIMES:
            if days <= lifetime:
                return lifetime_prefix(lifetime)
    return _KEPT


def _hash_in(item: Item) -> str:
    return str(item["b"]["S"]).rsplit("/", 1)[-1]
