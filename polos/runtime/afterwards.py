"""The effects of an execution's end, in this order, each idempotent (rule 11)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from polos.core.journal import START, STATE, Entry, Kind, Outcome
from polos.core.messages import Message, MessageKind
from polos.core.start import StartInfo
from polos.ports import Delete, Key, Outgoing, Put
from polos.runtime import cancelling, names
from polos.runtime.starts import held_by
from polos.runtime.states import States
from polos.runtime.turn import Turn

MESSAGES = {
    Outcome.CANCELLED: ("ExecutionCancelled", "the execution was cancelled"),
    Outcome.TIMED_OUT: ("ExecutionTimedOut", "the execution reached its run timeout"),
}


def after_end(turn: Turn, end: Entry) -> None:
    """Save state, show the outcome, tell the parent and whoever else waits, give the place back."""
    info = StartInfo.from_data(turn.journal.start.extra or {}, payload=turn.journal.start.value)
    _save_state(turn, info, end)
    if _status(end) is Outcome.CONTINUED:
        _continue(turn, info, end)  # before it is shown: nobody would look for a successor that is missing
        turn.show_end(end)
        return
    turn.show_end(end)
    outcome = outcome_fields(end)
    if info.parent_key and info.parent_execution:
        _tell(turn, (info.parent_execution, info.parent_workflow or ""), info.parent_key, outcome)
    for waiter in waiting(turn, info.execution):
        _tell(turn, (waiter["execution"], waiter["workflow"]), waiter["address"], outcome)


def _save_state(turn: Turn, info: StartInfo, end: Entry) -> None:
    text = (end.extra or {}).get("state")
    position = turn.journal.find(STATE)
    if text is not None and position is not None:
        loaded = (turn.journal.entries[position].extra or {})["version"]
        States(turn.ports).save(info, text, loaded)


def _continue(turn: Turn, info: StartInfo, end: Entry) -> None:
    """Start the successor; whoever waits for this execution waits for that one from now on."""
    successor = replace(
        info,
        execution=cancelling.successor(info.project, info.execution),
        payload=end.value or "null",
        created_at=end.at,
        initial_state=_own_state(info, end),
        copy_of=info.execution,
        root_execution=info.root_execution or info.execution,
        root_workflow=info.root_workflow or info.workflow,
    )
    partition = names.waiters(info.project, successor.execution)
    for waiter in waiting(turn, info.execution):
        key = Key(partition, names.waiter(waiter["execution"], waiter["address"]))
        turn.ports.records.write(Put(key, json.dumps(waiter)))
    turn.executions.create(successor)
    message = replace(turn.message(MessageKind.START, START), execution=successor.execution)
    queue = turn.host.steps_queue(successor.queue)
    turn.ports.queue.send(queue, [Outgoing(message.encode(), group=successor.execution)])


def _own_state(info: StartInfo, end: Entry) -> str | None:
    """The state of one that is carried to no other execution goes on with its successor."""
    return None if info.initial_state is None else (end.extra or {}).get("state", info.initial_state)


def outcome_fields(end: Entry) -> dict[str, Any]:
    """What a waiting parent is told: the result, or the error."""
    outcome = _status(end)
    if outcome in (Outcome.COMPLETED, Outcome.CONTINUED):
        return {"value": end.value}
    kind, text = MESSAGES.get(outcome, ("ExecutionFailed", "the execution failed"))
    error = end.error or {"type": kind, "message": text, "code": outcome.value}
    return {"error": {name: value for name, value in error.items() if name != "final"}}


def _tell(turn: Turn, to: tuple[str, str], address: str, outcome: dict[str, Any]) -> None:
    """Send the outcome to an operation of another execution; `to` is (execution, workflow)."""
    execution, workflow = to
    message = turn.message(MessageKind.CHILD, address, **outcome)
    message = replace(message, execution=execution, workflow=workflow)
    turn.ports.queue.send(names.NEWS_QUEUE, [Outgoing(message.encode(), group=execution)])


# --- waiting for an execution that somebody else started ------------------------------------------------------------


def register(turn: Turn, execution: str, address: str) -> Message | None:
    """Wait for another execution's end: register first, then look. Gives the news to send if it has ended already."""
    info = StartInfo.from_data(turn.journal.start.extra or {})
    value = json.dumps({"execution": info.execution, "workflow": info.workflow, "address": address})
    partition = names.waiters(info.project, execution)
    turn.ports.records.write(Put(Key(partition, names.waiter(info.execution, address)), value))
    end = _end_of(turn, execution)
    if end is not None and _status(end) is Outcome.CONTINUED:
        return register(turn, cancelling.successor(info.project, execution), address)
    return (
        turn.message(MessageKind.CHILD, address, **outcome_fields(end))
        if end
        else _refusal(turn, execution, address)
    )


def _refusal(turn: Turn, execution: str, address: str) -> Message | None:
    """The news that a wait for `execution` would never end, because it cannot begin before we end."""
    meta = turn.executions.get(turn.project, execution)
    held = held_by(turn.info)
    if meta is None or meta.info.state_name is None or meta.info.state_name not in held:
        return None
    text = (
        f"execution {execution} of {meta.info.workflow!r} shares the state key {meta.info.state_key!r} with this one "
        "or one that waits for it, and can begin only when that has ended: to wait for it would never end"
    )
    error = {"type": "NotAllowedHere", "code": "not_allowed_here", "message": text, "final": True}
    return turn.message(MessageKind.CHILD, address, error=error)


def news_of(turn: Turn, child: str, address: str) -> Message | None:
    """The news that a child of ours, called at `address`, has ended; None if it has not."""
    end = _end_of(turn, child)
    if end is not None and _status(end) is Outcome.CONTINUED:
        return news_of(turn, cancelling.successor(turn.project, child), address)
    return None if end is None else turn.message(MessageKind.CHILD, address, **outcome_fields(end))


def _end_of(turn: Turn, execution: str) -> Entry | None:
    log = names.journal(turn.project, execution)
    tail = turn.ports.log.tail(log)
    last = [Entry.decode(text) for text in turn.ports.log.read(log, tail - 1)] if tail else []
    return last[0] if last and last[0].kind is Kind.END else None


def _status(end: Entry) -> Outcome:
    return Outcome((end.extra or {})["status"])


def waiting(turn: Turn, execution: str) -> list[dict[str, Any]]:
    """Those registered for the end of `execution`."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = turn.ports.records.query(names.waiters(turn.project, execution), cursor=cursor)
        found += [json.loads(record.value) for record in page.records]
        cursor = page.cursor
        if cursor is None:
            return found


def forget(turn: Turn, execution: str, address: str) -> None:
    """Remove a registration that is of no use any more."""
    key = Key(names.waiters(turn.project, execution), names.waiter(turn.execution, address))
    turn.ports.records.write(Delete(key))
