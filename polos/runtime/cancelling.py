"""Whom a cancellation concerns beside the execution itself (rule 12): its children, and the one it has gone on as."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from polos.core.ids import derived_id
from polos.core.journal import CANCEL, Entry, Kind
from polos.core.messages import Message, MessageKind
from polos.core.operations import ChildSpec, StartChild
from polos.core.replay import Replay
from polos.ports import Outgoing
from polos.runtime import names
from polos.runtime.turn import Turn


def of_child(turn: Turn, child: ChildSpec) -> Message:
    """The message that cancels a child. One that has not begun keeps it; one that has ended drops it."""
    message = turn.message(MessageKind.SIGNAL, CANCEL)
    return replace(message, execution=child.execution, workflow=child.workflow)


def of_started(turn: Turn, replay: Replay, mine: Callable[[int], bool]) -> list[Message]:
    """The messages for the children that were started, not called, before this execution was cancelled.

    `mine(position)`: whether what a position made necessary is for this invocation to do. Children that the code's
    cleanup starts come after it.
    """
    position = (turn.journal.find(CANCEL) or -1) + 1
    if not position or not mine(position):
        return []
    begun = [
        effect.child for at, effect in replay.effects if at < position and isinstance(effect, StartChild)
    ]
    return [of_child(turn, child) for child in begun]


def out_of_compute(
    turn: Turn, replay: Replay, mine: Callable[[int], bool], token_at: Callable[[int], str]
) -> bool:
    """Steps have run longer than the execution may: cancel it, as its wall clock's end would. True: look again."""
    limit = turn.info.compute_limit
    if limit is None or replay.compute_ms <= limit * 1000 or replay.done_at is not None:
        return False
    if turn.journal.find(CANCEL) is not None or not mine(replay.position):
        return False
    entry = Entry(Kind.CANCEL, CANCEL, token_at(replay.position), turn.now_ms(), extra={"reason": "timeout"})
    turn.append([entry])
    return True


def successor(project: str, execution: str) -> str:
    """The id of the execution that `execution` goes on as when its code says `continue_as_new`."""
    return derived_id(project, execution, "continued")


def forward(turn: Turn, message: Message) -> None:
    """Send a cancellation on to the execution that this one has gone on as. A repeat is the same message."""
    onward = replace(message, execution=successor(turn.project, turn.execution), hops=message.hops + 1)
    turn.ports.queue.send(names.NEWS_QUEUE, [Outgoing(onward.encode(), group=onward.execution)])
