"""The journal of an execution: its entries, their stored format, and the indexes that decisions are made from.

An entry is one header line of JSON and, behind a newline, the JSON text of its value if it has one:

    {"v":1,"k":"done","a":"run:charge","by":"4f0c...","t":1795000000123,"s":1795000000101}
    {"amount":12}

`k` is the kind, `a` the address of what it answers, `by` the token of the message whose handling appended it, `t`
when it was appended (milliseconds), `s` when the work began, `n` the attempt when it is not the first, `e` the error,
`x` whatever else belongs to the kind (`x.logs`: what an attempt logged). A reader refuses a version it does not know.

    kind    address        what it records
    start   $start         META was there: the input (value) and who asked (x)
    state   $state         the state loaded for this execution (value) and its version (x)
    done    verb:key       the operation's outcome
    failed  verb:key       the operation failed for good, or its wait timed out
    retry   verb:key@n     attempt n failed and another one follows at x.due
    signal  verb:key       a resume; may stand before the operation is issued
            $pause#n       somebody asked to begin nothing more; $unpause#n to go on (n: when it was asked, and a token)
            $parked#n      a step's message that came while it was paused: the step is sent anew when it goes on
    cancel  $cancel        somebody asked to stop
    place   $go#g          a place in the limited queue, asked for at position g
    patch   patch:id       `ctx.patched(id)` was true here
    end     $end           the outcome of the execution; nothing stands behind it
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from polos.errors import StoreTooNew

FORMAT: Final = 1

START: Final = "$start"
STATE: Final = "$state"
CANCEL: Final = "$cancel"
END: Final = "$end"
PAUSE: Final = "$pause#"
UNPAUSE: Final = "$unpause#"
PARKED: Final = "$parked#"
COPIED: Final = "$copied:"
"""How the `by` of entries begins that a retry or fork took over; then the id follows of the execution they are from.

What they made the code issue was dispatched long ago, by that execution: children it started are that one's.
"""


class Kind(StrEnum):
    """What an entry records; see the table above."""

    START = "start"
    STATE = "state"
    DONE = "done"
    FAILED = "failed"
    RETRY = "retry"
    SIGNAL = "signal"
    CANCEL = "cancel"
    PLACE = "place"
    PATCH = "patch"
    END = "end"


class Outcome(StrEnum):
    """How an execution ended: `x.status` of its end entry."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMED_OUT = "timed_out"
    CONTINUED = "continued"


@dataclass(frozen=True, slots=True)
class Entry:
    """One fact. `at` and `started` are epoch milliseconds; `value` is JSON text."""

    kind: Kind
    address: str
    by: str
    at: int
    value: str | None = None
    attempt: int = 1
    error: Mapping[str, Any] | None = None
    started: int | None = None
    extra: Mapping[str, Any] | None = None

    @property
    def identity(self) -> str:
        """What may stand only once in a journal."""
        return f"{self.address}@{self.attempt}" if self.kind is Kind.RETRY else self.address

    @property
    def copied_from(self) -> str | None:
        """The execution in whose journal this entry was first recorded, if it was copied from there."""
        return self.by.removeprefix(COPIED) if self.by.startswith(COPIED) else None

    def encode(self) -> str:
        """The stored text."""
        head: dict[str, Any] = {
            "v": FORMAT,
            "k": self.kind.value,
            "a": self.address,
            "by": self.by,
            "t": self.at,
        }
        if self.started is not None:
            head["s"] = self.started
        if self.attempt != 1:
            head["n"] = self.attempt
        if self.error is not None:
            head["e"] = self.error
        if self.extra is not None:
            head["x"] = self.extra
        text = json.dumps(head, ensure_ascii=False, separators=(",", ":"))
        return text if self.value is None else f"{text}\n{self.value}"

    @classmethod
    def decode(cls, text: str) -> Entry:
        """Read stored text. Raises `StoreTooNew` for a format of a later version."""
        head_text, newline, value = text.partition("\n")
        head = json.loads(head_text)
        if head["v"] > FORMAT:
            raise StoreTooNew(
                f"a journal entry has format {head['v']}, this version of polos reads up to {FORMAT}; "
                "upgrade the worker that reads it"
            )
        return cls(
            kind=Kind(head["k"]),
            address=head["a"],
            by=head["by"],
            at=head["t"],
            value=value if newline else None,
            attempt=head.get("n", 1),
            error=head.get("e"),
            started=head.get("s"),
            extra=head.get("x"),
        )


class Journal:
    """The entries read so far, in order, and where to find them. Grows only at the end."""

    __slots__ = ("_by_identity", "_by_token", "entries")

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.entries: list[Entry] = []
        self._by_identity: dict[str, int] = {}
        self._by_token: dict[str, list[int]] = {}
        self.extend(entries)

    def __len__(self) -> int:
        return len(self.entries)

    def extend(self, entries: Iterable[Entry]) -> None:
        """Take over what the log accepted behind the tail."""
        for entry in entries:
            position = len(self.entries)
            self.entries.append(entry)
            self._by_identity.setdefault(entry.identity, position)
            self._by_token.setdefault(entry.by, []).append(position)

    def find(self, identity: str) -> int | None:
        """Position of the entry with that identity."""
        return self._by_identity.get(identity)

    def answer(self, address: str, attempt: int = 1) -> int | None:
        """Position of the entry that answers this attempt: its own failure, or the operation's outcome before it."""
        outcome = self._by_identity.get(address)
        own = self._by_identity.get(f"{address}@{attempt}")
        if own is not None and (outcome is None or own < outcome):
            return own
        return outcome

    def positions(self, token: str) -> list[int]:
        """Positions of the entries that handling this token's message appended."""
        return self._by_token.get(token, [])

    @property
    def started(self) -> bool:
        """Whether the start entry stands."""
        return START in self._by_identity

    @property
    def start(self) -> Entry:
        """The start entry; `KeyError` before it stands."""
        return self.entries[self._by_identity[START]]

    @property
    def end(self) -> Entry | None:
        """The end entry, if the execution has ended."""
        position = self._by_identity.get(END)
        return None if position is None else self.entries[position]
