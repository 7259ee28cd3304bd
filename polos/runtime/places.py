"""Places in limited queues (rule 13): never more holders than the limit, first come first served, none leaked.

Three kinds of records share a partition, one per queue and concurrency key:

    head                  how many places are taken, and the number of the next arrival
    wish|execution|what   one wish: waiting -> held -> done; done is kept a while, so that a late try finds it
    wait|rank|arrival     the line, in order; its value is whom to wake

Whoever takes or joins writes the head in the same transaction, conditional on the version it read: so a place given
back between the look and the write makes the write fail, and nobody joins a line that has just become free. A place is
never handed to another: `pump` only wakes the first in line, whose own handler takes it and pumps on.

A worker that loses its lease between the end of an execution and giving its place back would leak it: whoever is first
in line and looks again while all places are taken (the sweeper wakes it) gives back what ended executions hold.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from polos.core.ids import fraction
from polos.errors import PolosError
from polos.ports import ABSENT, Delete, Key, Ports, Put, Record
from polos.runtime import names

DONE_SECONDS: Final = 30 * 86_400.0
ROUNDS: Final = 200
TOP_RANK: Final = 500_000


@dataclass(frozen=True, slots=True)
class Wish:
    """A place that an operation of an execution wants. `what` tells its wishes apart; `wake` is a message to send.

    `wake` are the fields of the message that tells it to try: kind, execution, workflow, key, attempt, queue. `by`: the
    token of the only message that may use the place; None: whoever comes, the journal decides between them.
    """

    partition: str
    limit: int
    execution: str
    what: str
    wake: Mapping[str, Any]
    priority: int = 0
    by: str | None = None

    @property
    def key(self) -> Key:
        """Where its record is."""
        return Key(self.partition, f"wish|{self.execution}|{self.what}")


def occupation(ports: Ports, project: str, queue: str, concurrency_key: str | None) -> tuple[int, int]:
    """How many hold a place of a limited queue, and how many stand in line, for people; up to 100 are counted."""
    partition = names.places(project, queue, concurrency_key)
    head = ports.records.get(Key(partition, "head"))
    line = ports.records.query(partition, prefix="wait|", limit=100)
    return (0 if head is None else int(json.loads(head.value)["taken"])), len(line.records)


class Places:
    """Taking places and giving them back.

    `wake(fields)` sends the message that lets somebody try; `gone(execution)`: whether it has ended or was deleted.
    """

    def __init__(
        self, ports: Ports, wake: Callable[[Mapping[str, Any]], None], gone: Callable[[str], bool]
    ) -> None:
        self._ports = ports
        self._wake = wake
        self._gone = gone

    def acquire(self, wish: Wish) -> bool:
        """Take a place, or join the line. True: the place is held by this wish. A repeat gives the same answer."""
        for attempt in range(ROUNDS):
            record = self._ports.records.get(wish.key)
            state = json.loads(record.value) if record else {"state": "new"}
            if state["state"] == "held":
                self.pump(wish)
                return wish.by is None or state["by"] == wish.by
            if state["state"] == "done":
                return False
            held = self._try(wish, record, state.get("line"))
            if held is not None:
                self.pump(wish)
                return held
            self._pause(wish, attempt)
        raise PolosError(f"places of {wish.partition!r} are contended beyond reason")

    def release(self, wish: Wish) -> None:
        """Give the place back, or leave the line; the wish can never be granted again. A repeat only pumps."""
        for attempt in range(ROUNDS):
            record = self._ports.records.get(wish.key)
            state = json.loads(record.value) if record else {"state": "new"}
            if state["state"] == "done" or self._give_back(wish, record, state):
                self.pump(wish)
                return
            self._pause(wish, attempt)
        raise PolosError(f"places of {wish.partition!r} are contended beyond reason")

    def pump(self, wish: Wish) -> None:
        """If there is a place and somebody waits, wake the first in line."""
        head = self._head(wish)[1]
        if head["taken"] >= wish.limit:
            return
        first = self._first(wish)
        if first is not None:
            self._wake(json.loads(first.value))

    # --- one try --------------------------------------------------------------------------------------------------

    def _try(self, wish: Wish, record: Record | None, line: str | None) -> bool | None:
        """True: taken. False: in line. None: somebody else was faster, look again."""
        version, head = self._head(wish)
        first = self._first(wish)
        turn = first is None if line is None else first is not None and first.key.sort == line
        if head["taken"] < wish.limit and turn:
            held = Put(
                wish.key,
                json.dumps({"state": "held", "by": wish.by}),
                expect=record.version if record else ABSENT,
                index={"status": self._held_by(wish)},
            )
            writes: list[Put | Delete] = [
                Put(self._head_key(wish), json.dumps({**head, "taken": head["taken"] + 1}), expect=version),
                held,
            ]
            if first is not None:
                writes.append(Delete(first.key, expect=first.version))
            return True if self._ports.records.write(*writes) else None
        if line is not None:
            return None if turn and self._give_back_for_the_gone(wish) else False
        line = f"wait|{TOP_RANK - wish.priority:06d}|{head['arrivals']:012d}"
        joined = self._ports.records.write(
            Put(self._head_key(wish), json.dumps({**head, "arrivals": head["arrivals"] + 1}), expect=version),
            Put(wish.key, json.dumps({"state": "waiting", "line": line}), expect=ABSENT),
            Put(Key(wish.partition, line), json.dumps(dict(wish.wake)), expect=ABSENT),
        )
        return False if joined else None

    def _give_back(self, wish: Wish, record: Record | None, state: Mapping[str, Any]) -> bool:
        version, head = self._head(wish)
        taken = head["taken"] - 1 if state["state"] == "held" else head["taken"]
        expires = self._ports.clock.now() + DONE_SECONDS
        done = Put(
            wish.key,
            json.dumps({"state": "done"}),
            expect=record.version if record else ABSENT,
            expires_at=expires,
        )
        writes: list[Put | Delete] = [
            done,
            Put(self._head_key(wish), json.dumps({**head, "taken": taken}), expect=version),
        ]
        if state["state"] == "waiting":
            writes.append(Delete(Key(wish.partition, state["line"])))
        return self._ports.records.write(*writes)

    def _held_by(self, wish: Wish) -> tuple[str, str]:
        """Where the wishes that hold a place are listed, however many are kept that are done."""
        return f"{wish.partition}|held", f"{wish.execution}|{wish.what}"

    def _give_back_for_the_gone(self, wish: Wish) -> bool:
        """Release what executions hold that have ended. True if there was something."""
        found, cursor = False, None
        while True:
            page = self._ports.records.find("status", self._held_by(wish)[0], cursor=cursor)
            for record in page.records:
                _, execution, what = record.key.sort.split("|", 2)
                if json.loads(record.value)["state"] == "held" and self._gone(execution):
                    self.release(replace(wish, execution=execution, what=what))
                    found = True
            cursor = page.cursor
            if cursor is None:
                return found

    # --- reading --------------------------------------------------------------------------------------------------

    def _head_key(self, wish: Wish) -> Key:
        return Key(wish.partition, "head")

    def _head(self, wish: Wish) -> tuple[int, dict[str, Any]]:
        record = self._ports.records.get(self._head_key(wish))
        if record is None:
            return ABSENT, {"taken": 0, "arrivals": 0}
        return record.version, json.loads(record.value)

    def _first(self, wish: Wish) -> Record | None:
        page = self._ports.records.query(wish.partition, prefix="wait|", limit=1)
        return page.records[0] if page.records else None

    def _pause(self, wish: Wish, attempt: int) -> None:
        if attempt > 1:
            spread = fraction(wish.execution, wish.what, str(attempt))
            self._ports.clock.sleep(spread * min(1.0, 0.005 * 2 ** min(attempt, 20)))
