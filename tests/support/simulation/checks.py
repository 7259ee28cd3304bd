"""What must hold after every run, whatever was broken in it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from polos.core.context import make_body
from polos.core.ids import derived_id
from polos.core.journal import CANCEL, END, PARKED, START, UNPAUSE, Entry, Journal, Kind, Outcome
from polos.core.loop import ReplayLoop
from polos.core.messages import Message, MessageKind
from polos.core.operations import CallChild, RunStep
from polos.core.replay import Replay
from polos.runtime.executions import Meta
from support.simulation.scenarios import died
from support.simulation.schedule import Failed
from support.simulation.world import PROJECT, RunKey, World


class Cause(NamedTuple):
    """To which tokens an attempt is owed: that of the entry that made it runnable, and of each that let it go on after
    it was parked. `in_line`: whoever gives a place back may wake it too.
    """

    tokens: tuple[str, ...]
    in_line: bool


def nobody(world: World, meta: Meta, journal: list[Entry]) -> bool:
    """Every execution must have ended."""
    del world, meta, journal
    return False


def check(world: World, may_rest: Callable[[World, Meta, list[Entry]], bool] = nobody) -> None:
    """Raise `Failed` unless every promise of the engine holds in this world, which has come to rest.

    `may_rest` says of an execution that has not ended whether that is in order.
    """
    metas = world.metas()
    known = {meta.info.execution for meta in metas}
    for message in world.sent.values():
        # A cancellation may be for a child whose parent gave it up before it had made its record.
        if message.execution and message.execution not in known and message.key != CANCEL:
            raise Failed(f"a message was sent to {message.execution!r}, of which there is no record")
    causes: dict[RunKey, Cause] = {}
    for meta in metas:
        journal = world.journal(meta.info.execution)
        if meta.ended or not may_rest(world, meta, journal):
            _ended(meta, journal)
        _consistent(meta, journal, world)
        _in_time(meta, journal, world)
        causes.update(_replayed(meta, journal, world))
    _promised(world, causes)


# --- one journal ------------------------------------------------------------------------------------------------------


def _ended(meta: Meta, journal: Sequence[Entry]) -> None:
    what = f"execution {meta.info.execution} of {meta.info.workflow!r}"
    if not journal or journal[-1].address != END:
        shown = [entry.identity for entry in journal]
        raise Failed(f"LOST: {what} has come to rest in status {meta.status} without an end: {shown}")
    end = journal[-1]
    if meta.status != (end.extra or {})["status"] or meta.result != end.value:
        raise Failed(f"{what} is {meta.status} in its record, {end.extra} in its journal")


def _consistent(meta: Meta, journal: Sequence[Entry], world: World) -> None:
    what = f"the journal of {meta.info.execution} ({meta.info.workflow})"
    twice = [identity for identity, n in Counter(entry.identity for entry in journal).items() if n > 1]
    if twice:
        raise Failed(f"{what} holds {twice} more than once")
    addresses = [entry.address for entry in journal]
    early = journal[: addresses.index(START)] if START in addresses else journal
    if any(entry.kind not in (Kind.SIGNAL, Kind.CANCEL) for entry in early):
        raise Failed(f"{what} holds more than signals before its start: {early}")
    if END in addresses[:-1]:
        raise Failed(f"{what} goes on behind its end: {addresses}")
    if any(later.at < earlier.at for earlier, later in pairwise(journal)):
        raise Failed(f"in {what} time goes back")
    for entry in journal:
        if entry.copied_from is not None:  # what a retry or fork took over is looked at where it was recorded
            continue
        begun_by_copying = meta.info.copy_of is not None and entry.address == START
        if not begun_by_copying and (entry.by, meta.info.execution) not in world.addressed:
            raise Failed(
                f"{what}: {entry.identity} is by {entry.by!r}, which is no message to this execution"
            )
        if entry in died(journal) and world.struck[entry.by] < world.patience:
            raise Failed(f"{what}: {entry.address} was given up after {world.struck[entry.by]} deaths")


def _in_time(meta: Meta, journal: Sequence[Entry], world: World) -> None:
    dues = {
        (meta.info.execution, entry.address, entry.attempt + 1): (entry.extra or {}).get("due", 0.0)
        for entry in journal
        if entry.kind is Kind.RETRY
    }
    for run, at in world.begun_at:
        if at < dues.get(run, 0.0):
            raise Failed(f"{run} was begun {dues[run] - at:.1f} s before its backoff was over")


def _replayed(meta: Meta, entries: Sequence[Entry], world: World) -> dict[RunKey, Cause]:
    """Replay it cold: it must end as recorded. Gives what made each attempt of a step runnable."""
    definition = world.registry.get(meta.info.workflow)
    body = make_body(definition, resolve=world.service.host.resolve)
    replay = Replay(Journal(entries), definition, body, loop=ReplayLoop())
    try:
        replay.advance()
        end = entries[-1] if entries[-1].address == END else None
        if end is not None and (replay.finish is None or replay.finish.value != end.value):
            raise Failed(f"a cold replay of {meta.info.execution} ends with {replay.finish}, not {end}")
        _children(replay, entries, world)
        return dict(_owed(meta.info.execution, replay, entries))
    finally:
        loop = replay.close()
        if loop is not None:
            loop.close()


def _owed(execution: str, replay: Replay, entries: Sequence[Entry]) -> Iterator[tuple[RunKey, Cause]]:
    attempts: Counter[str] = Counter()
    owed: dict[RunKey, tuple[str, ...]] = {}
    for position, issued in replay.runnable:
        if isinstance(issued.operation, RunStep):
            known = (execution, issued.address, attempts[issued.address])
            if not _parked(entries[:position], known):
                attempts[issued.address] += 1
            run = (execution, issued.address, attempts[issued.address])
            owed[run] = (*owed.get(run, ()), entries[position - 1].by)
            yield run, Cause(owed[run], issued.operation.queue is not None)


def _parked(entries: Sequence[Entry], run: RunKey) -> bool:
    """Whether the last entry lets this attempt go on, which was parked before."""
    _, address, attempt = run
    if not entries[-1].address.startswith((UNPAUSE, CANCEL)):
        return False
    aside = {e.address.partition("|")[2] for e in entries if e.address.startswith(PARKED)}
    failed = {e.identity for e in entries if e.kind is Kind.RETRY}
    return f"{address}@{attempt}" in aside - failed


def _children(replay: Replay, entries: Sequence[Entry], world: World) -> None:
    answers = {entry.address: entry for entry in entries}
    for issued in replay.issued.values():
        if not isinstance(issued.operation, CallChild):
            continue
        answer = answers.get(issued.address)
        if answer is not None and answer.copied_from is not None:
            continue  # it is the child of the execution that recorded this
        child = world.journal(_last(world, issued.operation.child.execution))
        if answer is not None and (not child or child[-1].address != END):
            raise Failed(f"{issued.address} is answered, but its child has not ended")
        if answer is not None and answer.kind is Kind.DONE and answer.value != child[-1].value:
            raise Failed(
                f"{issued.address} is answered with {answer.value}, its child gave {child[-1].value}"
            )
        cancelled = any(entry.address == CANCEL for entry in child)
        if issued.abandoned_at is not None and answer is None and not cancelled:
            ended_first = child and child[-1].address == END
            if not ended_first:
                raise Failed(f"the child of {issued.address} was abandoned and never told to stop")


def _last(world: World, execution: str) -> str:
    """The execution that gives its result: itself, or the last one it goes on as."""
    journal = world.journal(execution)
    if journal and (journal[-1].extra or {}).get("status") == Outcome.CONTINUED:
        return _last(world, derived_id(PROJECT, execution, "continued"))
    return execution


# --- rule 17 ----------------------------------------------------------------------------------------------------------


def _promised(world: World, causes: dict[RunKey, Cause]) -> None:
    """No fault: every step once. Else, for each attempt of a step, at most one extra for each fault

    * of the message by whose token the entry stands that made it runnable (it dispatches, or runs it, again),
    * of a message that asked for this attempt (its own step),
    * and for each kick of a sweeper (everything pending is dispatched again).

    And duplicates have no successors: only a delivery of the token to which an attempt is owed has asked for it.
    """
    asked: defaultdict[RunKey, list[str]] = defaultdict(list)
    for token, message in world.sent.items():
        if message.kind is MessageKind.RUN:
            run = (message.execution, message.key, message.attempt)
            asked[run].append(token)
            _only_its_owner(world, causes, run, message)
    for run, times in world.begun.items():
        if run not in causes:
            raise Failed(f"{run} was run, but its execution never asked for it")
        tokens = [*causes[run].tokens, *asked[run]]
        allowed = 1 + sum(world.struck[token] for token in tokens) + world.kicks
        if times > allowed:
            raise Failed(f"{run} was begun {times} times; what was broken explains {allowed}")
    if not world.chance.faults and not world.kicks and not world.struck:
        again = {run: times for run, times in world.begun.items() if times > 1}
        if again:
            raise Failed(f"nothing was broken, and yet these steps ran more than once: {again}")


def _kicks(message: Message) -> bool:
    return message.kind is MessageKind.KICK


def _only_its_owner(world: World, causes: dict[RunKey, Cause], run: RunKey, message: Message) -> None:
    senders = world.senders[message.token]
    if run not in causes:
        raise Failed(f"{run} was asked for by {senders}, but its execution never made it runnable")
    kicked = any(_kicks(world.sent[token]) for token in senders)
    owed_to = causes[run].tokens
    if not {*owed_to} & {*senders} and not kicked and not causes[run].in_line:
        raise Failed(f"{run} is owed to {owed_to}, but was sent by a delivery of {senders}")
