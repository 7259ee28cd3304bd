"""Replay: run a workflow's body against its journal, and say what it wants next.

The body runs on a `ReplayLoop`. Entries are fed one per quiescent point, so that `gather`, `wait`, `TaskGroup` and
cancellation resolve in the recorded order. *Position* n means: n entries have been fed. Whatever the code issues at
position n was made runnable by entry n - 1, and whoever appended that entry dispatches it.

A replay is a function of the journal alone. It is never kept between invocations (rule 16): a step may have changed
the workflow's variables, and only the instance that ran it would see that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from polos.core.definitions import Definition
from polos.core.failures import failure, step_error
from polos.core.issued import Answer, Finish, Issued, Rewind, Torn, Where, place, plain
from polos.core.journal import Entry, Journal, Kind, Outcome
from polos.core.loop import ReplayLoop
from polos.core.naming import check_unicode
from polos.core.operations import Effect, Operation, RunStep
from polos.core.pausing import Pause, concerns_pausing
from polos.errors import DuplicateKey, NotAllowedHere, NotStorable, ReplayMismatch

DRAIN_ROUNDS: Final = 50
REFUSALS: Final = 50
"""So often a verb refuses code that is taken down. Code that catches even that, in a loop, then waits for ever."""


class Replay:
    """One run of the body over a journal; `advance()` feeds what the journal holds beyond `position`."""

    def __init__(
        self,
        journal: Journal,
        definition: Definition,
        body: Callable[[Replay, Entry, Entry | None], Awaitable[Finish]],
        *,
        loop: ReplayLoop,
    ) -> None:
        self.journal = journal
        self.definition = definition
        self.position = 0
        self.issued: dict[str, Issued] = {}
        self.runnable: list[tuple[int, Issued]] = []
        self.effects: list[tuple[int, Effect]] = []
        self.patches: list[str] = []
        self.finish: Finish | None = None
        self.done_at: int | None = None
        self.abandoned: list[Issued] = []
        self.mine: Callable[[int], bool] = _nobodys
        self.status = ""
        self.status_changes: list[tuple[int, str]] = []
        self.requests: list[tuple[int, int]] = []
        self.releases: list[tuple[int, int]] = []
        self.freed: list[tuple[int, RunStep, str, int]] = []
        self.asked: int | None = None
        self.granted: int | None = None
        self.traces: list[tuple[int, str, tuple[int, int], dict[str, Any]]] = []
        self.pause = Pause()
        self.compute_ms = 0
        self.limited = False
        self.awaits_state = False
        self.cancelled = asyncio.Event()
        self._body = body
        self._loop = loop
        self._main: asyncio.Task[None] | None = None
        self._begun = False
        self._cancelled_early = False
        self._signals: dict[str, Entry] = {}
        self._keys: dict[str, Where] = {}
        self._patched: dict[str, bool] = {}
        self._unplaced: list[Issued] = []
        self._pending = self._steps = self._placed_steps = 0
        self._error: BaseException | None = None
        self._torn = False
        self._tear = Torn()
        self._refusals = 0

    # --- feeding --------------------------------------------------------------------------------------------------

    def advance(self) -> None:
        """Feed the entries behind `position`, each at a quiescent point.

        Raises `ReplayMismatch` when code and journal disagree, `Rewind` when a provisional `patched` was overtaken.
        """
        if self._error is not None:
            raise self._error
        self._check_patches()
        self._loop.idle.on_idle = self._on_idle
        self._loop.idle.on_pause = self._on_pause
        self._loop.set_exception_handler(_quiet)
        try:
            self._loop.run_forever()
        finally:
            self._loop.idle.on_idle = None
            self._loop.idle.on_pause = None
        if self._error is not None:
            raise self._error

    @property
    def live(self) -> bool:
        """Whether the code goes on here from an entry of the messages at hand: what it says now is no repetition."""
        return self.mine(self.position)

    @property
    def origin(self) -> str | None:
        """The execution that dispatched what is issued here, if this part of the journal was copied from it."""
        return self.journal.entries[self.position - 1].copied_from if self.position else None

    @property
    def paused(self) -> bool:
        """Whether somebody has asked to begin nothing more."""
        return self.pause.on

    @property
    def now_ms(self) -> int:
        """The time of the last entry fed: what `now` is in a workflow."""
        return self.journal.entries[self.position - 1].at if self.position else 0

    def _on_idle(self) -> None:
        self._settle()
        if self._error is None and self.position < len(self.journal.entries):
            entry = self.journal.entries[self.position]
            try:
                self._apply(entry)
            except Exception as error:  # the loop must stop in any case; `advance` raises it
                self._error = error
            else:
                return
        elif self._error is None and self._stuck():
            self._error = ReplayMismatch(
                "the body waits for something that is no durable operation, and nothing else can happen; "
                "await ctx.step verbs, or tasks made of them",
                position=self.position,
            )
        self._loop.stop()

    def _on_pause(self, seconds: float) -> None:
        self._error = ReplayMismatch(
            f"the body sleeps for {seconds:.0f} s with an asyncio timer; while a workflow waits nothing may run: "
            "use `await ctx.step.wait_for(key, seconds=...)`, or the `timeout=` of a step",
            position=self.position,
        )
        self._loop.stop()

    def _stuck(self) -> bool:
        return self._main is not None and self.done_at is None and not self._pending

    def _apply(self, entry: Entry) -> None:
        self.position += 1
        if entry.started is not None:
            self.compute_ms += entry.at - entry.started
        match entry.kind:
            case Kind.DONE | Kind.FAILED | Kind.SIGNAL:
                self._answer(entry)
            case Kind.START:
                self._begun = True
                extra = entry.extra or {}
                self.limited = bool(extra.get("limited"))
                self.awaits_state = bool(extra.get("awaits_state"))
                if not self.awaits_state:
                    self._begin(None)
            case Kind.STATE:
                if self.awaits_state:
                    self.awaits_state = False
                    self._begin(entry)
            case Kind.CANCEL:
                self._cancel()
            case Kind.PLACE:
                if self.asked == int(entry.address.removeprefix("$go#")):
                    self.granted, self.asked = self.asked, None
            case Kind.RETRY:
                self._retry(entry)
            case Kind.PATCH | Kind.END:
                pass  # a patch is looked up by the code that asks; behind the end nothing follows

    def _begin(self, state: Entry | None) -> None:
        self._main = self._loop.create_task(self._run(state))

    def _go_on(self) -> None:
        for issued in self.pause.take(self.issued):
            self._make_runnable(issued)

    def _cancel(self) -> None:
        self.cancelled.set()
        self.pause.end()
        self._go_on()  # what is to be cleaned up is not held up by a pause
        if self._main is None:
            self._cancelled_early = True
            if self.awaits_state:
                self.awaits_state = False
                self._begin(None)
        elif self.done_at is None:
            self._main.cancel()

    def _retry(self, entry: Entry) -> None:
        issued = self.issued.get(entry.address)
        if issued is None:
            raise self._unknown(entry)
        if issued.pending and issued.attempt == entry.attempt:
            self._free(issued)
            issued.attempt += 1
            issued.due = (entry.extra or {}).get("due")
            self._make_runnable(issued)

    def _answer(self, entry: Entry) -> None:
        issued = self.issued.get(entry.address)
        if issued is not None:
            self._resolve(issued, entry)
        elif concerns_pausing(entry.address):
            if self.pause.feed(entry.address):
                self._go_on()
        elif entry.kind is Kind.SIGNAL:
            self._signals[entry.address] = entry
        else:
            raise self._unknown(entry)

    def _unknown(self, entry: Entry) -> ReplayMismatch:
        wanted = sorted(i.address for i in self.issued.values() if i.pending)
        asked = ", ".join(wanted) or (
            "nothing more: it has returned" if self.done_at is not None else "nothing"
        )
        return ReplayMismatch(
            f"at position {self.position - 1} the journal holds {entry.kind.value} of {entry.address!r}, but the "
            f"code asks for {asked}; the workflow's code has changed (or is not deterministic) since this was "
            "recorded: deploy the code that fits, or keep the old path behind `ctx.patched(...)`, and retry",
            position=self.position - 1,
        )

    def _resolve(self, issued: Issued, entry: Entry) -> None:
        if not issued.answered and issued.abandoned_at is None:
            self._count(issued, -1)
            self._free(issued)
        issued.answered = True
        if issued.future.done():
            return
        if entry.kind is Kind.FAILED:
            issued.future.set_exception(
                step_error(entry.error or {}, key=issued.address.partition(":")[2], attempts=entry.attempt)
            )
            return
        try:
            value = issued.decode(entry.value)
        except NotStorable as error:
            raise ReplayMismatch(
                f"at position {self.position - 1} the stored result of {entry.address!r} does not fit the code any "
                f"more: {error}",
                position=self.position - 1,
            ) from error
        issued.future.set_result(value)

    # --- the body -------------------------------------------------------------------------------------------------

    async def _run(self, state: Entry | None) -> None:
        if self._cancelled_early:
            self.finish = Finish(Outcome.CANCELLED)
        else:
            try:
                self.finish = await self._body(self, self.journal.start, state)
            except Torn:
                return
            except asyncio.CancelledError:
                self.finish = Finish(Outcome.CANCELLED)
            except (KeyboardInterrupt, GeneratorExit):
                raise
            except BaseException as error:  # whatever the user's code raises is the outcome
                self.finish = Finish(Outcome.FAILED, error=failure(error))
        self.done_at = self.position
        for task in self._loop.unfinished():
            if task is not self._main:
                task.cancel()
        for issued in self.issued.values():
            issued.future.cancel()

    @property
    def _closed(self) -> bool:
        """Whether nothing is accepted any more: it is taken down, or the workflow's function has returned."""
        return self._torn or self.done_at is not None

    @property
    def stubborn(self) -> bool:
        """Whether its code went on asking although it was refused again and again."""
        return self._refusals >= REFUSALS

    async def gate(self) -> None:
        """Passed before an effect: stops code that goes on asking although it is refused."""
        if self._closed and self.stubborn:
            await self._loop.create_future()

    def claim(self, address: str, where: Where) -> None:
        """Take an address for the code. Raises `DuplicateKey`; `NotAllowedHere` outside the body."""
        if self._closed:
            self._refusals += 1
            raise self._tear
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if not here:
            verb, _, key = address.partition(":")
            raise NotAllowedHere(
                f"ctx.step.{verb}({key!r}) was called inside a step or a sync workflow ({place(where)}); there it "
                "could not be recorded: call it from the async workflow itself"
            )
        known = self._keys.get(address)
        if not address.isascii():
            check_unicode("the key of a step", address)
        if known is not None:
            verb, _, key = address.partition(":")
            raise DuplicateKey(verb, key, place(known), place(where))
        self._keys[address] = where

    def issue(
        self, address: str, operation: Operation, where: Where, decode: Callable[[str | None], Any]
    ) -> asyncio.Future[Any]:
        """Issue an operation; the future resolves when its answer is fed."""
        if self._closed and self.stubborn:
            return self._loop.create_future()
        self.claim(address, where)
        future = Answer(loop=self._loop)
        placed = not (self.limited and isinstance(operation, RunStep) and operation.queue is None)
        issued = Issued(address, operation, self.position, where, future, decode)
        self.issued[address] = issued
        self._count(issued, 1)
        if placed:
            self._make_runnable(issued)
        else:
            self._unplaced.append(issued)
        future.on_cancel = lambda: self._abandon(issued)
        signal = self._signals.pop(address, None)
        if signal is not None:
            self._resolve(issued, signal)
        return future

    def effect(self, address: str, effect: Effect, where: Where) -> None:
        """Issue an effect: carried out by whoever appended the entry before this position."""
        self.claim(address, where)
        self.effects.append((self.position, effect))

    def traced(self, name: str, start: int, attributes: dict[str, Any]) -> None:
        """Note a span that ends at this position."""
        if not self._torn:
            self.traces.append((self.position, name, (start, self.now_ms), attributes))

    def patched(self, patch: str) -> bool:
        """Whether the code behind this patch is taken: it was here before, or nothing is recorded beyond this point."""
        address = f"patch:{patch}"
        if address not in self._patched:
            live = self.journal.find(address) is None and self.position == len(self.journal)
            if live:
                self.patches.append(address)
            self._patched[address] = live or self.journal.find(address) is not None
        return self._patched[address]

    def _check_patches(self) -> None:
        entries = self.journal.entries[self.position :]
        for address, entry in zip(self.patches, entries, strict=False):
            if entry.address != address:
                raise Rewind
        self.patches = self.patches[len(entries) :]

    def _abandon(self, issued: Issued) -> None:
        if issued.pending and not self._torn:
            self._count(issued, -1)
            issued.abandoned_at = self.position
            self.abandoned.append(issued)
            self._free(issued)

    def _free(self, issued: Issued) -> None:
        """The attempt of a step in a queue of its own is over: its place there goes back."""
        operation = issued.operation
        if isinstance(operation, RunStep) and operation.queue is not None:
            self.freed.append((self.position, operation, issued.address, issued.attempt))

    def _count(self, issued: Issued, by: int) -> None:
        self._pending += by
        operation = issued.operation
        if isinstance(operation, RunStep):
            self._steps += by
            if operation.queue is None:
                self._placed_steps += by

    # --- what holds at a quiescent point ----------------------------------------------------------------------------

    def _settle(self) -> None:
        if self.limited:
            self._settle_place(self.done_at is None and self._placed_steps > 0)
        if self.paused and self.done_at is None and self._begun:
            status = "paused"
        elif self._main is None or self.asked is not None:
            status = "queued"
        elif self.done_at is not None or self._steps or not self._pending:
            status = "running"
        else:
            status = "waiting"
        if status != self.status:
            self.status = status
            self.status_changes.append((self.position, status))

    def _settle_place(self, wanted: bool) -> None:
        """Ask for a place when a step is wanted and none is held; give it back when none is wanted (rule 13)."""
        if wanted and self.granted is None and self.asked is None:
            self.asked = self.position
            self.requests.append((self.position, self.position))
        elif not wanted:
            held = self.granted if self.granted is not None else self.asked
            if held is not None:
                self.releases.append((self.position, held))
            self.granted = self.asked = None
        if self.granted is not None:
            for issued in self._unplaced:
                self._make_runnable(issued)
            self._unplaced.clear()

    def _make_runnable(self, issued: Issued) -> None:
        if self.pause.on:
            issued.runnable_at = None
            self.pause.held.append(issued)
            return
        issued.runnable_at = self.position
        self.runnable.append((self.position, issued))

    def find(self, address: str) -> Issued | None:
        """What the code issued at that address."""
        return self.issued.get(address)

    def picture(self) -> dict[str, Any]:
        """What the code has issued, comparable with another replay of the same journal."""
        operations = {
            i.address: (i.position, type(i.operation).__name__, i.attempt, i.answered, i.abandoned_at)
            for i in self.issued.values()
        }
        children = [e.child.execution for _, e in self.effects if hasattr(e, "child")]
        finish = self.finish and (self.finish.outcome.value, self.finish.value)
        return {"operations": operations, "effects": children, "done_at": self.done_at, "finish": finish}

    # --- taking it down ---------------------------------------------------------------------------------------------

    def close(self) -> ReplayLoop | None:
        """Throw the coroutines away (rule 16): verbs refuse, the user's handlers are passed by, the drain is bounded.

        Gives the loop back if nothing is left on it.
        """
        self._torn = True
        loop = self._loop
        loop.idle.on_idle = loop.stop
        loop.idle.on_pause = lambda _: loop.stop()
        loop.set_exception_handler(_quiet)
        for issued in self.issued.values():
            if not issued.future.done():
                issued.future.set_exception(self._tear)
                issued.future.exception()
        for _ in range(DRAIN_ROUNDS):
            loop.run_forever()
            tasks = loop.unfinished()
            if not tasks:
                break
            for task in tasks:
                task.cancel()
        left = loop.unfinished()
        for task in left:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.idle.on_idle = loop.idle.on_pause = None
        self._let_go()
        if left or not loop.idle.clean:
            return None
        return loop

    def _let_go(self) -> None:
        """Undo the circles of what this replay made, so that it is freed now and not by the garbage collector."""
        self._main = None
        self._tear.__traceback__ = self._tear.__context__ = None
        for issued in self.issued.values():
            issued.future.on_cancel = None
        self.issued = {}
        self.mine = _nobodys


def _nobodys(position: int) -> bool:
    """No message is at hand."""
    del position
    return False


def _quiet(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Exceptions nobody awaits belong to the user's tasks; a replay must not report them once per replay."""


__all__ = ["Finish", "Issued", "Replay", "Rewind", "Torn", "Where", "plain"]
