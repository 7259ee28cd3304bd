"""Copies of executions: a new one whose journal begins with what another has recorded, for `retry` and `fork`.

What is copied stays that of the execution which first recorded it, so nothing that followed from it is sent again. What
came after a cancellation is left out, and so are pauses: neither was asked of the copy.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from polos.core.journal import COPIED, START, STATE, Entry, Journal, Kind
from polos.core.messages import Message, MessageKind
from polos.core.pausing import concerns_pausing
from polos.core.replay import Rewind
from polos.core.start import StartInfo
from polos.errors import Conflict, ReplayMismatch
from polos.runtime import names
from polos.runtime.executions import Meta
from polos.runtime.holding import state_wish
from polos.runtime.places import Places
from polos.runtime.service import Service
from polos.runtime.states import States

COPY_KINDS: Final = frozenset({Kind.DONE, Kind.FAILED, Kind.RETRY, Kind.SIGNAL, Kind.PATCH})
CHUNK: Final = 50


class Copying:
    """Makes copies of one execution, whose record is `meta`."""

    def __init__(self, service: Service, meta: Meta) -> None:
        self._service = service
        self._meta = meta
        self._old = meta.info
        log = names.journal(service.project, meta.info.execution)
        recorded = [Entry.decode(text) for text in service.ports.log.read(log)]
        cancelled = (i for i, entry in enumerate(recorded) if entry.kind is Kind.CANCEL)
        self._recorded = recorded[: next(cancelled, None)]
        self.entries = [entry for entry in self._recorded if _is_copied(entry)]
        """What may be copied, in order."""

    def retried(self) -> StartInfo:
        """One that goes on where it failed, on behalf of it: it takes part in the state that is carried on.

        Raises:
            Conflict: That state is in use, or has been changed by others since.
        """
        new = self._new(self._old.payload)
        state = self._state(new)
        if state is not None and new.awaits_state:
            state = replace(state, extra={"version": self._take_state(new)})
        start = [self._start(new), *([state] if state is not None else [])]
        return self._store(new, [*start, *self._kept(start)])

    def forked(self, cut: int | None, payload: str) -> StartInfo:
        """One with the first `cut` entries (None: with nothing, so that all of it happens anew) and this payload.

        With entries its state is its own: it begins as it was then, and is carried to no other.
        """
        if cut is None:
            new = self._new(payload)
            now = new.created_at
            return self._store(new, [self._start_entry(new, now, by=self._service.host.token())])
        new = self._new(payload)
        state = self._state(new)
        if state is not None and new.awaits_state:
            new = replace(new, initial_state=state.value or "null")
        return self._store(new, [self._start(new), *(self._copied(e) for e in self.entries[:cut])])

    # --- what is new ------------------------------------------------------------------------------------------------

    def _new(self, payload: str) -> StartInfo:
        old, now = self._old, int(self._service.ports.clock.now() * 1000)
        return replace(
            old,
            execution=self._service.fresh_id(now),
            created_at=now,
            payload=payload,
            copy_of=old.execution,
            seed=old.chance,
            parent_key="",
            held=(),
            root_execution="",
            root_workflow="",
            run_deadline=None if old.run_deadline is None else now + old.run_deadline - old.created_at,
        )

    def _start(self, new: StartInfo) -> Entry:
        """Its `by` and time are those of the first of a chain of copies, so that `now` replays the same.

        What followed from it was done by that execution.
        """
        first = next((entry for entry in self._recorded if entry.kind is Kind.START), None)
        if first is None:
            return self._start_entry(new, new.created_at, by=f"{COPIED}{self._old.execution}")
        return self._start_entry(new, first.at, by=self._copied(first).by)

    def _start_entry(self, new: StartInfo, at: int, *, by: str) -> Entry:
        extra = new.to_data(payload=False)
        extra["limited"] = new.limit is not None
        extra["awaits_state"] = new.awaits_state
        return Entry(Kind.START, START, by, at, new.payload, extra=extra)

    def _copied(self, entry: Entry) -> Entry:
        return entry if entry.copied_from else replace(entry, by=f"{COPIED}{self._old.execution}")

    # --- what is kept -------------------------------------------------------------------------------------------------

    def _kept(self, start: Sequence[Entry]) -> list[Entry]:
        """All but what failed and what followed from that; all of it if the body itself raised.

        What was under way beside it and was recorded later is kept as well: a replay tells which that is.
        """
        entries = [self._copied(entry) for entry in self.entries]
        condemned = self._condemned()
        if condemned is None:
            return entries
        address = entries[condemned].address
        before = [entry for entry in entries[:condemned] if entry.address != address]
        return [*before, *self._beside([*start, *before], entries[condemned + 1 :])]

    def _condemned(self) -> int | None:
        """The position of the failure that ended it: the last of the step that the end names."""
        key = (self._meta.error or {}).get("step")
        found = [
            i
            for i, entry in enumerate(self.entries)
            if entry.kind is Kind.FAILED and key and entry.address.partition(":")[2] == key
        ]
        return found[-1] if found else None

    def _beside(self, before: list[Entry], later: list[Entry]) -> list[Entry]:
        """Those of the `later` entries that answer what the code asks for without the failure."""
        host = self._service.host
        definition = host.registry.find(self._old.workflow)
        if definition is None:  # its code is not here
            return []
        journal, kept = Journal(before), []
        replay = host.new_replay(journal, definition)
        try:
            replay.advance()
            for entry in later:
                issued = replay.find(entry.address)
                if issued is not None and issued.pending and issued.attempt >= entry.attempt:
                    journal.extend([entry])
                    replay.advance()
                    kept.append(entry)
        except (ReplayMismatch, Rewind):
            return []  # the new execution will show it
        finally:
            host.close_replay(replay)
        return kept

    # --- state ------------------------------------------------------------------------------------------------------

    def _state(self, new: StartInfo) -> Entry | None:
        found = next((entry for entry in self._recorded if entry.kind is Kind.STATE), None)
        return None if found is None or new.state_name is None else self._copied(found)

    def _take_state(self, new: StartInfo) -> int:
        """Take the state's place for the copy; the version it is to be saved over."""
        places = Places(self._service.ports, self._wake, self._gone)
        wish = state_wish(new, STATE)
        taken = places.acquire(wish)
        saver, version = States(self._service.ports).last_saver(new)
        if taken and (saver is None or saver in self._chain()):
            return version
        places.release(wish)
        why = "is in use by another execution: retry it when that has ended"
        if taken:
            why = (
                f"was changed by execution {saver} since: a retry would undo that. Start it anew, or fork it"
            )
        raise Conflict(
            f"execution {self._old.execution} cannot be retried: its state {new.state_key!r} {why}"
        )

    def _chain(self) -> set[str]:
        """The execution that is copied, and those it is a copy of."""
        chain, info = {self._old.execution}, self._old
        while info.copy_of is not None and info.copy_of not in chain:
            chain.add(info.copy_of)
            meta = self._service.executions.get(self._service.project, info.copy_of)
            if meta is None:
                break
            info = meta.info
        return chain

    def _wake(self, fields: Mapping[str, Any]) -> None:
        service = self._service
        message = Message(MessageKind.PLACE, service.project, service.host.token(), key=str(fields["key"]))
        woken = replace(message, execution=fields["execution"], workflow=fields["workflow"])
        service.send(names.NEWS_QUEUE, woken)

    def _gone(self, execution: str) -> bool:
        meta = self._service.executions.get(self._service.project, execution)
        return meta is None or meta.ended

    # --- storing ----------------------------------------------------------------------------------------------------

    def _store(self, new: StartInfo, journal: Sequence[Entry]) -> StartInfo:
        service = self._service
        log = names.journal(service.project, new.execution)
        keep = service.host.settings.keep_seconds
        expires_at = None if keep is None else service.ports.clock.now() + keep
        for i in range(0, len(journal), CHUNK):
            texts = [entry.encode() for entry in journal[i : i + CHUNK]]
            service.ports.log.append(log, i, texts, expires_at=expires_at)
        service.executions.create(new)
        self._link(new.execution)
        service.kick(new.execution)
        return new

    def _link(self, copy: str) -> None:
        """Note on the original that it was copied."""
        meta = self._meta
        while True:
            copies = [*((meta.extra or {}).get("copies") or []), copy]
            change = {"extra": {**(meta.extra or {}), "copies": copies}}
            if self._service.executions.replace(meta, position=meta.position, change=change):
                return
            meta = self._service.meta(meta.info.execution)


def _is_copied(entry: Entry) -> bool:
    return entry.kind in COPY_KINDS and not concerns_pausing(entry.address)
