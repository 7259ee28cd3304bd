"""Publishing: append first, then tell who waits (rule 7): operations that wait for an event, and triggers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from polos.core.messages import Message, MessageKind
from polos.ports import Outgoing
from polos.runtime import names
from polos.runtime.host import Host
from polos.runtime.topics import Event, Topics

GUARD_SECONDS: Final = 60.0
"""Longer than an API call may take: then the guard tells the waiters that the caller may not have reached."""


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event to publish: `data` is JSON text; `id` makes it once."""

    id: str
    type: str
    data: str


class Publisher:
    """Publishes to the topics of one project, and notifies."""

    def __init__(
        self, host: Host, project: str, topics: Topics, *, token: Callable[[], str] | None = None
    ) -> None:
        self._host = host
        self._project = project
        self._topics = topics
        self._token = token or host.token

    def notices(self, topic: str) -> list[tuple[str, Message]]:
        """A hint for each operation that waits for this topic, and a look for each trigger on it."""
        hints = []
        for waiter in self._topics.waiting(topic):
            hint = Message(MessageKind.EVENT, self._project, self._token(), key=waiter["address"])
            hints.append(replace(hint, execution=waiter["execution"], workflow=waiter["workflow"]))
        looks = [
            Message(MessageKind.NOTIFY, self._project, self._token(), workflow=definition.id, key=topic)
            for definition in self._host.registry
            if definition.trigger is not None and definition.trigger.topic == topic
        ]
        return [(names.NEWS_QUEUE, message) for message in hints + looks]

    def publish(self, topic: str, events: Sequence[NewEvent]) -> list[Event]:
        """Publish in order, for a caller that nobody calls again: a guard is sent first (rule 9)."""
        guard = Message(MessageKind.NOTIFY, self._project, self._token(), key=topic)
        queue = self._host.ports.queue
        queue.send(names.NEWS_QUEUE, [Outgoing(guard.encode(), GUARD_SECONDS)])
        published = self._topics.publish_all(topic, [(e.id, e.type, e.data) for e in events])
        self.notify(topic)
        return published

    def notify(self, topic: str) -> None:
        """Tell everybody who waits. A repeat is harmless: what is told are hints."""
        messages = [
            Outgoing(message.encode(), group=message.execution or None) for _, message in self.notices(topic)
        ]
        if messages:
            self._host.ports.queue.send(names.NEWS_QUEUE, messages)
