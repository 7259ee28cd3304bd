"""The limits that `polos.ports` states, checked in one place, so that every adapter refuses the same calls.

A call refused here would have worked on one store and failed on another: that is found out where it was written, not
where it is deployed. Each check costs well under a microsecond for ordinary text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from polos.ports import INDEXES, Key, Outgoing, Put, Write

NAME_BYTES: Final = 900
ENTRY_BYTES: Final = 100_000_000
ENTRIES: Final = 50
VALUE_BYTES: Final = 350 * 1024
WRITE_BYTES: Final = 3 * 1024 * 1024
WRITES: Final = 90
MESSAGE_BYTES: Final = 1024 * 1024


def utf8_size(text: str) -> int:
    """The bytes of `text` in UTF-8. UnicodeEncodeError, a ValueError, for a lone surrogate."""
    return len(text) if text.isascii() else len(text.encode())


def check_name(name: str, what: str) -> None:
    """A name of a log, partition, sort key, queue, timer or blob. ValueError if it cannot be one."""
    size = utf8_size(name)
    if not 0 < size <= NAME_BYTES:
        raise ValueError(
            f"the name of a {what} takes 1 to {NAME_BYTES} bytes in UTF-8, this one {size}: {name[:80]!r}"
        )
    if "\0" in name:
        raise ValueError(f"the name of a {what} holds no NUL character: {name[:80]!r}")


def check_entries(log: str, entries: Sequence[str]) -> None:
    """What is to be appended to a log or published to it."""
    check_name(log, "log")
    if not 1 <= len(entries) <= ENTRIES:
        raise ValueError(f"log {log[:80]!r}: one call takes 1 to {ENTRIES} entries, got {len(entries)}")
    for entry in entries:
        if not 0 < utf8_size(entry) <= ENTRY_BYTES:
            raise ValueError(
                f"log {log[:80]!r}: an entry takes 1 to {ENTRY_BYTES} bytes in UTF-8, got {utf8_size(entry)}"
            )


def check_position(log: str, position: int) -> None:
    """Where something is to be appended, or read from."""
    if position < 0:
        raise ValueError(f"log {log[:80]!r}: positions are 0 and more, got {position}")


def check_key(key: Key) -> None:
    """The address of a record."""
    check_name(key.partition, "partition")
    check_name(key.sort, "sort key")


def check_writes(writes: Sequence[Write]) -> None:
    """The parts of one `Records.write`."""
    if len(writes) > WRITES:
        raise ValueError(f"one write takes up to {WRITES} parts, got {len(writes)}; split it")
    seen: set[Key] = set()
    total = 0
    for write in writes:
        check_key(write.key)
        if write.key in seen:
            raise ValueError(f"one write takes one part per key, and {write.key} has two")
        seen.add(write.key)
        if write.expect is not None and write.expect < 0:
            raise ValueError(f"expect is a version, ABSENT (0) or None; {write.key} has {write.expect}")
        if isinstance(write, Put):
            total += _check_put(write)
    if total > WRITE_BYTES:
        raise ValueError(f"the values of one write take up to {WRITE_BYTES} bytes together, got {total}")


def _check_put(put: Put) -> int:
    size = utf8_size(put.value)
    if size > VALUE_BYTES:
        raise ValueError(
            f"a record takes up to {VALUE_BYTES} bytes in UTF-8, {put.key} has {size}; put it into Blobs"
        )
    for name, (partition, sort) in put.index.items():
        check_index(name)
        check_name(partition, f"partition of the index {name!r}")
        check_name(sort, f"sort key of the index {name!r}")
    return size


def check_index(name: str) -> None:
    """A secondary order of records."""
    if name not in INDEXES:
        raise ValueError(f"there is no index {name!r}; there are {', '.join(INDEXES)}")


def check_limit(limit: int) -> None:
    """How many of something at most."""
    if limit < 1:
        raise ValueError(f"limit is how many at most, 1 or more; got {limit}")


def check_messages(queue: str, messages: Sequence[Outgoing], max_delay: float) -> None:
    """What is to be sent to a queue."""
    check_name(queue, "queue")
    for message in messages:
        if not 0 < utf8_size(message.body) <= MESSAGE_BYTES:
            size = utf8_size(message.body)
            raise ValueError(
                f"queue {queue[:80]!r}: a message takes 1 to {MESSAGE_BYTES} bytes in UTF-8, got {size}; "
                "put the value into Blobs and send its name"
            )
        if not 0 <= message.delay <= max_delay:
            raise ValueError(
                f"queue {queue[:80]!r}: a delay is 0 to {max_delay} seconds, got {message.delay}; "
                "what is due later goes through Timers"
            )
