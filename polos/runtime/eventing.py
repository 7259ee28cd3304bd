"""What an execution has to do with topics: publish, announce, wait for an event, answer another's suspension."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from polos.core.ids import derived_id
from polos.core.journal import Entry, Kind
from polos.core.messages import Message, MessageKind
from polos.core.models import EventPayload, accepts
from polos.core.operations import AwaitEvent, ResumeOther, Suspend
from polos.core.replay import Issued
from polos.core.step import run_topic
from polos.runtime import names
from polos.runtime.inbox import Inbox, Note
from polos.runtime.publishing import Publisher
from polos.runtime.topics import Event, Topics
from polos.runtime.turn import Turn


class Eventing:
    """The topics side of one turn. `send(queue, message)` puts a message into the turn's outbox."""

    def __init__(self, turn: Turn, send: Callable[[str, Message], None]) -> None:
        self._turn = turn
        self._send = send

    def _topics(self) -> Topics:
        return Topics(self._turn.ports, self._turn.project, self._turn.host.settings.keep_seconds)

    def publish(self, topic: str, event_id: str, event_type: str, data: str) -> Event:
        """Append first, then tell those who wait (rule 7)."""
        topics = self._topics()
        event = topics.publish(topic, event_id, event_type, data)
        for queue, message in Publisher(self._turn.host, self._turn.project, topics).notices(topic):
            self._send(queue, replace(message, hops=self._turn.hops + 1))
        return event

    def resume_other(self, effect: ResumeOther) -> None:
        """Publish the answer on the other run's topic, and send it to the operation that waits there."""
        meta = self._turn.executions.get(self._turn.project, effect.execution)
        if meta is None:
            return  # there is nobody to resume
        topic = run_topic(
            meta.info.root_workflow or meta.info.workflow, meta.info.root_execution or meta.info.execution
        )
        event = self.publish(topic, effect.event_id, f"resume_{effect.key}", effect.data)
        message = self._turn.message(MessageKind.SIGNAL, f"suspend:{effect.key}", value=event.to_json())
        self._send(names.NEWS_QUEUE, replace(message, execution=effect.execution, workflow=effect.workflow))

    def announce(self, issued: Issued, suspend: Suspend) -> None:
        """Tell the run's readers that an answer is wanted."""
        key = issued.address.partition(":")[2]
        event_id = derived_id(self._turn.project, self._turn.execution, issued.address)
        self.publish(self._turn.run_topic, event_id, f"suspend_{key}", self._turn.with_metadata(suspend.data))
        asked_at = self._turn.journal.entries[issued.position - 1].at
        note = Note(self._turn.execution, self._turn.workflow, key, asked_at)
        Inbox(self._turn.ports, self._turn.project).add(note)

    def register(self, issued: Issued, wait: AwaitEvent) -> None:
        """Wait for an event: register first, then look (rule 7)."""
        topics = self._topics()
        topics.register(wait.topic, self._turn.execution, self._turn.workflow, issued.address)
        if self._next_event(topics, issued, wait) is not None:
            self._send(names.NEWS_QUEUE, self._turn.message(MessageKind.EVENT, issued.address))

    def _next_event(self, topics: Topics, issued: Issued, wait: AwaitEvent) -> Event | None:
        journal = self._turn.journal
        begun = journal.start.at if wait.since == "start" else journal.entries[issued.position - 1].at
        if wait.since == "start":
            begun = min(begun, int((journal.start.extra or {}).get("created_at", begun)))
        consumed = {
            entry.extra["sequence"]
            for entry in journal.entries
            if entry.extra and entry.extra.get("topic") == wait.topic and "sequence" in entry.extra
        }
        for event in topics.since(wait.topic, begun):
            if event.sequence not in consumed and accepts(
                wait.match, EventPayload.model_validate_json(event.to_json())
            ):
                return event
        return None

    def take_event(self, message: Message, issued: Issued, wait: AwaitEvent) -> Entry | None:
        """The entry that gives this wait its event; None: nothing has come that it takes."""
        event = self._next_event(self._topics(), issued, wait)
        if event is None:
            return None
        extra = {"topic": wait.topic, "sequence": event.sequence}
        return Entry(
            Kind.DONE, issued.address, message.token, self._turn.now_ms(), event.to_json(), extra=extra
        )
