"""Pausing an execution: what was asked last counts, and no step runs twice because of it.

While it is paused nothing becomes runnable, and a step whose message comes is *parked*: an entry says so. The entry at
which it goes on makes both runnable, so whoever appends that one dispatches them like anything else. A step that runs
meanwhile, or whose message is still on its way, is neither: it is not sent again.

Messages have no order, so each request carries when it was made: one that is older than the last that was recorded is
out of date, and an `unpause` is recorded even where nothing is paused, for a pause that it has overtaken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from polos.core.journal import CANCEL, PARKED, PAUSE, UNPAUSE, Entry, Journal, Kind

if TYPE_CHECKING:
    from polos.core.issued import Issued
    from polos.core.messages import Message

_ASKED: Final = (PAUSE, UNPAUSE)
LATEST: Final = "~"
"""Sorts behind every time."""


def request(what: str, asked: int, token: str) -> str:
    """The address of a request to pause or to go on (`what`), made at `asked`: microseconds, increasing."""
    return f"{what}{asked:017d}-{token}"


def is_pausing(address: str) -> bool:
    """Whether an address is that of a request to pause or to go on."""
    return address.startswith(_ASKED)


def outdated(journal: Journal, address: str) -> bool:
    """Whether a later request was recorded already, or the execution is being cancelled: that is not held up."""
    if address.startswith(PAUSE) and journal.find(CANCEL) is not None:
        return True
    last = _last(journal)
    return last is not None and _asked(journal.entries[last].address) > _asked(address)


def parked(journal: Journal, message: Message, *, now_ms: int) -> Entry | None:
    """The entry that puts a step aside until the execution goes on; None: it was put aside in this pause already."""
    address = f"{PARKED}{_last(journal)}|{message.key}@{message.attempt}"
    if journal.find(address) is not None:
        return None
    return Entry(Kind.SIGNAL, address, message.token, now_ms)


def _last(journal: Journal) -> int | None:
    entries = journal.entries
    return next((i for i in range(len(entries) - 1, -1, -1) if is_pausing(entries[i].address)), None)


def _asked(address: str) -> str:
    return address.partition("#")[2].partition("-")[0]


class Pause:
    """What a replay knows of pauses. `held`: what became runnable meanwhile; `aside`: parked steps, with attempts."""

    __slots__ = ("aside", "held", "last", "on")

    def __init__(self) -> None:
        self.on = False
        self.last = ""
        self.held: list[Issued] = []
        self.aside: list[str] = []

    def feed(self, address: str) -> bool:
        """Take over an entry. True: it goes on here, see `take`.

        Requests of one batch are recorded without a look at each other: here too the one that was made last counts.
        """
        if address.startswith(PARKED):
            self.aside.append(address.partition("|")[2])
            return False
        if _asked(address) < self.last:
            return False
        self.last = _asked(address)
        ends = self.on and address.startswith(UNPAUSE)
        self.on = address.startswith(PAUSE)
        return ends

    def end(self) -> None:
        """Nothing pauses it any more: it is being cancelled."""
        self.last = LATEST

    def take(self, issued: dict[str, Issued]) -> list[Issued]:
        """What is to be made runnable now that it goes on."""
        self.on = False
        held, aside = self.held, self.aside
        self.held, self.aside = [], []
        for text in aside:
            address, _, attempt = text.rpartition("@")
            one = issued.get(address)
            if one is not None and one.pending and one.attempt == int(attempt) and one not in held:
                one.parked = True
                held.append(one)
        return held


def concerns_pausing(address: str) -> bool:
    """Whether an entry of this address is about pausing, and answers no operation."""
    return address.startswith((PAUSE, UNPAUSE, PARKED))
