"""Triggers: workflows that start on events of a topic, each event exactly once.

A trigger is a log. Its entries fix which events start which execution: (from, to], and the id of the execution is
derived from the trigger and the position of the entry. Whoever appended an entry starts its execution, and does so
again when its message comes again; so an event is never missed and never starts two (rule 7). Should a worker lose its
lease in between, the next look finds it: nobody appends behind an entry whose execution has no record, so only the last
one can lack it (rule 14).
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from polos.core.definitions import Definition, Trigger
from polos.core.ids import derived_id
from polos.core.journal import START
from polos.core.messages import Message, MessageKind
from polos.ports import Outgoing
from polos.runtime import names
from polos.runtime.host import Host
from polos.runtime.starts import root_info
from polos.runtime.topics import Event, Topics

FORMAT: Final = 1
ROUNDS: Final = 1000
RECENT: Final = 200
"""Entries among which a look searches for those of its own message; what is before them has its record."""
LATE_MS: Final = 86_400_000
"""An execution without a record is started late if its event is younger than this; an older record was deleted."""


class TriggerRun:
    """Handles one look at one trigger."""

    def __init__(self, host: Host, definition: Definition, trigger: Trigger, message: Message) -> None:
        self._host = host
        self._ports = host.ports
        self._definition = definition
        self._trigger = trigger
        self._message = message
        self._log = names.trigger(message.project, definition.id, trigger.topic)
        self._topics = Topics(host.ports, message.project)

    def run(self) -> None:
        """Append what has come since the last entry, in extents, and start what entries with my token say."""
        last: dict[str, Any] = {"to": 0}
        tail = max(0, self._ports.log.tail(self._log) - RECENT)
        for _ in range(ROUNDS):
            for entry in self._read(tail):
                if (
                    entry["by"] == self._message.token
                ):  # mine, of this delivery or an earlier one (rules 2 and 3)
                    self._start(tail, entry)
                last, tail = entry, tail + 1
            if tail and last["by"] != self._message.token:
                self._start_late(tail - 1, last)
            extent = self._next(last["to"])
            if extent is None:
                return
            entry = {"v": FORMAT, "from": last["to"], "to": extent, "by": self._message.token}
            if self._ports.log.append(self._log, tail, [json.dumps(entry)]):
                self._start(tail, entry)
                last, tail = entry, tail + 1

    def _read(self, start: int) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self._ports.log.read(self._log, start)]

    def _start_late(self, position: int, entry: dict[str, Any]) -> None:
        """Start the execution of somebody else's entry if its record is missing."""
        if self._host.executions.get(self._message.project, self._execution(position)) is not None:
            return
        events = self._topics.read(self._trigger.topic, entry["to"] - 1, 1)
        if events and events[0].at > self._ports.clock.now() * 1000 - LATE_MS:
            self._start(position, entry)

    def _execution(self, position: int) -> str:
        return derived_id(self._log, str(position))

    def _next(self, last: int) -> int | None:
        """Where the next extent ends; None: nothing to start yet (then a look is sent for when there is)."""
        size = self._trigger.batch_size
        events = self._topics.read(self._trigger.topic, last, size)
        if len(events) >= size:
            return last + size
        if not events or self._trigger.batch_timeout is None:
            return None
        due = events[0].at / 1000 + self._trigger.batch_timeout
        if due <= self._ports.clock.now():
            return last + len(events)
        self._look_again(due)
        return None

    def _look_again(self, due: float) -> None:
        message = replace(self._message, token=self._host.token(), due=due)
        delay = due - self._ports.clock.now()
        if delay <= self._ports.queue.max_delay:
            self._ports.queue.send(names.NEWS_QUEUE, [Outgoing(message.encode(), delay)])
        else:
            self._ports.timers.at(
                f"{message.project}|{message.token}", due, names.NEWS_QUEUE, message.encode()
            )

    def _start(self, position: int, entry: dict[str, Any]) -> None:
        events = self._topics.read(self._trigger.topic, entry["from"], entry["to"] - entry["from"])
        execution = self._execution(position)
        info = root_info(
            self._definition,
            project=self._message.project,
            execution=execution,
            payload=self._payload(events),
            now_ms=int(self._ports.clock.now() * 1000),
            retention=self._host.settings.retention_seconds,
        )
        self._host.executions.create(info)
        start = Message(MessageKind.START, info.project, self._host.token(), execution, info.workflow, START)
        queue = self._host.steps_queue(info.queue)
        self._ports.queue.send(queue, [Outgoing(start.encode(), group=execution)])

    def _payload(self, events: list[Event]) -> str:
        if self._trigger.batch_size == 1 and self._trigger.batch_timeout is None:
            return events[0].to_json()
        return f'{{"events": [{", ".join(event.to_json() for event in events)}]}}'


def look(host: Host, message: Message) -> None:
    """Handle a NOTIFY: of one trigger if it names a workflow, else of all triggers of its topic."""
    definition = host.registry.find(message.workflow)
    if definition is not None and definition.trigger is not None:
        TriggerRun(host, definition, definition.trigger, message).run()
