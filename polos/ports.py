"""What the engine asks of the world, as Protocols, each with the guarantees an adapter must give.

Names (of logs, partitions, sort keys, queues, timers, blobs) are opaque text that begins with the project id; adapters
never look into them. They are never empty, hold any character but NUL and lone surrogates, and take up to 900 bytes in
UTF-8. A call that breaks a stated limit is a mistake in the caller: ValueError, and nothing is written.

All calls are synchronous, may be made from any thread, and are durable when they return. An adapter retries what is
safe to retry; what it raises is `TryAgain` (throttled, unreachable: the same call may succeed later) or another
`StoreError`. A call whose answer was lost may have been applied: each docstring says what a repeat does.

The guarantees below are the text of one contract suite, `tests/contract`, that every adapter passes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

# --- logs ---------------------------------------------------------------------------------------------------------


class Log(Protocol):
    """Append-only sequences of text entries, at positions 0, 1, 2 ... with no gap.

    * An entry that stands never changes and never moves.
    * `append` is the only fence of the engine: of two appends at one position exactly one stands.
    * Reads are strongly consistent: what `append` said stands is seen by every later read, from anywhere.
    * Entries of any size up to 100 MB are taken, none is empty; the adapter compresses and spills as its store needs.
    * `expires_at` (epoch seconds) lets the store forget entries after that time, some days late, oldest first: a later
      entry never expires before an earlier one (None is never). A forgotten entry that has a later one reads as "",
      so what stands keeps its position. A log of which nothing stands may be gone, as if deleted.
    """

    def append(
        self,
        log: str,
        position: int,
        entries: Sequence[str],
        *,
        expires_at: float | None = None,
    ) -> bool:
        """Put `entries` at `position`, `position + 1` ... : all of them or none. True if they stand.

        False: another entry stands at one of the positions (nothing was written). `position` is never beyond a tail
        that the caller has read; adapters need not look for a gap.
        A repeat of a call that was applied returns True if exactly these entries stand there, whatever follows them.
        That is decided by their text alone, so callers that must tell each other apart put who they are in the text.
        1 to 50 entries.
        """
        ...

    def publish(
        self,
        log: str,
        entries: Sequence[str],
        *,
        once: str | None = None,
        expires_at: float | None = None,
    ) -> int:
        """Put `entries` in order at the tail, wherever that is now, side by side; the position of the first.

        With `once`: if a publish with that id was made to this log before, nothing is written and its position is
        returned. Concurrent publishers get distinct positions without a gap. Without `once` a lost answer may lead
        the adapter to publish twice; use it only for what may repeat. 1 to 50 entries. An id is remembered at least
        as long as its entries stand.
        """
        ...

    def read(self, log: str, start: int = 0, limit: int | None = None) -> list[str]:
        """The entries from position `start` on, in order, all of them or the first `limit`. [] beyond the tail."""
        ...

    def tail(self, log: str) -> int:
        """The number of entries: the next free position."""
        ...

    def delete(self, log: str) -> None:
        """Forget the whole log, its `once` ids included. A repeat does nothing."""
        ...


# --- records ------------------------------------------------------------------------------------------------------


class Key(NamedTuple):
    """The address of a record. Within a partition, records are ordered by `sort` (code points)."""

    partition: str
    sort: str


INDEXES: Final = ("created", "status", "workflow", "tree")
"""The secondary orders a record can be found by. Each is eventually consistent."""


@dataclass(frozen=True, slots=True)
class Record:
    """A stored value. `version` is 1 when first written and grows by one with every write; after a delete, 1 again."""

    key: Key
    value: str
    version: int


ABSENT: Final = 0
"""`expect=ABSENT`: the record must not exist."""


@dataclass(frozen=True, slots=True)
class Put:
    """Write `value` at `key`: up to 350 KB in UTF-8, and 3 MB together in one `Records.write`.

    `expect`: None writes whatever stands there; ABSENT (0) only if nothing does; n only over version n.
    `index`: index name -> (partition, sort) under which the record is found from now on (all earlier ones go).
    `expires_at`: epoch seconds from which the record is absent to every read, expectation and count of versions (the
    adapter filters), and the store drops it some time later.
    """

    key: Key
    value: str
    expect: int | None = None
    index: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    expires_at: float | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the record. `expect` as in `Put`; with None, removing what is not there succeeds."""

    key: Key
    expect: int | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """Write nothing, but let the whole write fail unless the record is at version `expect` (ABSENT: not there)."""

    key: Key
    expect: int


Write = Put | Delete | Check


@dataclass(frozen=True, slots=True)
class Page:
    """Part of an answer, at most `limit` records. `cursor` continues it with the same arguments; None: no more.

    A page may be shorter than `limit`, even empty, and still have a cursor. Going on from one, nothing that stood all
    the while is left out or comes twice, whatever is written meanwhile. A cursor is opaque and does not expire.
    """

    records: tuple[Record, ...]
    cursor: str | None


class Records(Protocol):
    """Small documents under (partition, sort) with compare-and-set on a version, and some secondary orders."""

    def write(self, *writes: Write) -> bool:
        """All of the writes, or none: True if made, False if one expectation did not hold. At most 90, one per key.

        A repeat of a call that was applied and whose answer was lost inside the adapter returns True. A repeat by
        the caller is a new call: its expectations no longer hold, so it returns False.
        """
        ...

    def get(self, key: Key) -> Record | None:
        """The record as it stands now (strongly consistent), or None."""
        ...

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        """Those of `keys` that exist, each strongly consistent; any number of keys."""
        ...

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
        """Records of a partition in order of `sort`: those with the prefix, `after` < sort < `before`. Consistent."""
        ...

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
        """Records by a secondary order, with `after` < index sort < `before`; their values are read consistently.

        Costs one page of work whatever the number of records in the partition. Records with an equal index sort come
        in some order that stays.
        """
        ...


# --- queues -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to send: text up to 1 MiB, seconds of delay up to `Queue.max_delay`, fairness group if any."""

    body: str
    delay: float = 0.0
    group: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message received. `receives` counts deliveries so far, this one included; `sent_at` is epoch seconds."""

    queue: str
    body: str
    handle: str
    receives: int
    sent_at: float


@dataclass(frozen=True, slots=True)
class Depth:
    """What lies in a queue, roughly: messages that can be received, that somebody works on, and that are not due yet.

    `oldest`: for how many seconds the message has been waiting that has been ready longest, about; 0 if none is, and
    where the store does not tell (SQS tells it only to CloudWatch).
    """

    ready: int
    in_flight: int
    delayed: int
    oldest: float


class Queue(Protocol):
    """At-least-once messages, in no promised order, hidden from others while somebody works on them."""

    @property
    def max_delay(self) -> float:
        """The longest delay of a message in seconds; what is due later goes through `Timers`."""
        ...

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """Send all, any number (the adapter splits into its batches and repeats what was refused).

        When it raises, some may have been sent. A message is never received before its delay is over.
        """
        ...

    def receive(
        self,
        queues: Sequence[str],
        *,
        limit: int = 1,
        wait: float = 0.0,
        visibility: float = 60.0,
    ) -> list[Delivery]:
        """Up to `limit` messages of any of `queues`, hidden from other receivers for `visibility` seconds.

        Waits up to `wait` seconds for the first, and returns once there is one: it may return fewer than there are.
        Earlier queues of the list go first.
        """
        ...

    def extend(self, delivery: Delivery, visibility: float) -> bool:
        """Hide it for `visibility` seconds from now (0: give it back). False if it is no longer this receiver's.

        That is so once its time ran out, whether or not anybody has received it since, and when it was deleted.
        """
        ...

    def delete(self, deliveries: Sequence[Delivery]) -> None:
        """Done with them, any number. With a handle that a later receive has outdated, it may do nothing.

        The handle of the latest receive deletes even when its time ran out. A repeat does nothing.
        """
        ...

    def depth(self, queue: str) -> Depth:
        """How full it is, for people: approximate."""
        ...


# --- timers -------------------------------------------------------------------------------------------------------

TICK: Final = "<polos.scheduled-time>"
"""In the body of a repeating timer: replaced by the due time of the tick, `2026-11-22T09:00:00Z`."""


class Timers(Protocol):
    """Messages sent at a time, once or again and again."""

    def at(self, name: str, due: float, queue: str, body: str) -> None:
        """Send `body` to `queue` at about `due` (epoch seconds; a past one: at once).

        It may come up to two minutes early: the receiver looks at the time and delays the rest by `Queue`. It may
        come twice. A repeat with the same name while it stands (until about `due`) does nothing; later it is a new
        timer.
        """
        ...

    def cancel(self, name: str) -> None:
        """Forget the one-shot timer of that name. Unknown or fired already: nothing.

        What was due within minutes when it was set may be on its queue by then, and come all the same.
        """
        ...

    def repeat(self, name: str, *, cron: str, timezone: str, queue: str, body: str) -> None:
        """At each tick of the crontab line in that zone send `body`, with TICK replaced. Replaces one of that name.

        Daylight saving as EventBridge Scheduler does it: a time in the gap is skipped, in the overlap it fires once.
        A tick may be sent twice; it is never sent before its time. The first is the next one after this call.
        `InvalidSchedule` for a line or a zone that cannot be used. One-shot and repeating names do not meet.
        """
        ...

    def stop(self, name: str) -> None:
        """End the repeating timer of that name. Unknown: nothing."""
        ...


# --- blobs, clock -------------------------------------------------------------------------------------------------


class Blobs(Protocol):
    """Large immutable values under names that contain their content's hash."""

    def put(self, name: str, data: bytes) -> None:
        """Store; a repeat does nothing."""
        ...

    def get(self, name: str) -> bytes:
        """Read; `NotFound` if there is none."""
        ...

    def delete(self, name: str) -> None:
        """Forget; a repeat does nothing."""
        ...


class Clock(Protocol):
    """Time as an argument, so that tests can hold it in their hands."""

    def now(self) -> float:
        """Wall clock: seconds since the epoch, UTC."""
        ...

    def monotonic(self) -> float:
        """A clock that never goes back, in seconds from nowhere."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return after `seconds` of this clock."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """The world of one runtime, as `entry` composes it.

    `together()`: what one thread writes inside may become durable at one moment, where the store can do that; it saves
    time, and nothing relies on it. Nothing slow is done inside, and no code of users.
    """

    log: Log
    records: Records
    queue: Queue
    timers: Timers
    blobs: Blobs
    clock: Clock
    together: Callable[[], AbstractContextManager[object]] = nullcontext
