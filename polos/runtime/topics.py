"""Topics: logs of events, and who waits for one.

A waiter first registers, then reads the topic; a publisher first appends, then reads the registrations (rule 7). So
whichever comes second sees the other. What travels to the waiter is a hint; it reads the topic itself.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from polos.ports import Delete, Key, Ports, Put
from polos.runtime import names

FORMAT: Final = 1
PAGE: Final = 100
BATCH: Final = 50
NOTED_EVERY: Final = 100
RUNS: Final = "workflow/"
"""How the topics of runs begin."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event as its topic holds it; `sequence` counts from 1. `data` is JSON text, `at` epoch milliseconds."""

    sequence: int
    topic: str
    id: str
    type: str
    data: str
    at: int

    def to_json(self) -> str:
        """The public form, as `EventPayload` reads it."""
        head = {
            "id": self.id,
            "sequence_id": self.sequence,
            "topic": self.topic,
            "event_type": self.type or None,
            "created_at": iso(self.at),
        }
        return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "data": {self.data}}}'


def iso(milliseconds: int) -> str:
    """Epoch milliseconds as RFC 3339 text in UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat().replace("+00:00", "Z")


class Topics:
    """The topics of one project. `keep`: seconds after which what runs have told may be forgotten, None never.

    What was published to other topics stands: their sequences would begin anew if all of it were gone.
    """

    def __init__(self, ports: Ports, project: str, keep: float | None = None) -> None:
        self._ports = ports
        self._project = project
        self._keep = keep

    def publish(self, topic: str, event_id: str, event_type: str, data: str, *, once: bool = True) -> Event:
        """Append an event; with `once`, an id that was published before is found instead. Gives it as it stands."""
        at = int(self._ports.clock.now() * 1000)
        head = json.dumps({"v": FORMAT, "id": event_id, "type": event_type, "t": at}, ensure_ascii=False)
        name = names.topic(self._project, topic)
        position = self._ports.log.publish(
            name, [f"{head}\n{data}"], once=event_id if once else None, expires_at=self._expires(topic)
        )
        self._note(topic, position, 1)
        return Event(position + 1, topic, event_id, event_type, data, at)

    def publish_all(self, topic: str, events: Sequence[tuple[str, str, str]]) -> list[Event]:
        """Append several (id, type, data) side by side, in order; they are not made once."""
        at = int(self._ports.clock.now() * 1000)
        texts = [
            json.dumps({"v": FORMAT, "id": id_, "type": type_, "t": at}, ensure_ascii=False) + f"\n{data}"
            for id_, type_, data in events
        ]
        name, published = names.topic(self._project, topic), []
        for start in range(0, len(texts), BATCH):
            expires = self._expires(topic)
            position = self._ports.log.publish(name, texts[start : start + BATCH], expires_at=expires)
            self._note(topic, position, BATCH)
            for i, (id_, type_, data) in enumerate(events[start : start + BATCH]):
                published.append(Event(position + i + 1, topic, id_, type_, data, at))
        return published

    def read(self, topic: str, after: int = 0, limit: int | None = None) -> list[Event]:
        """Events with a sequence above `after`, in order, those left out that the store has forgotten."""
        name, found = names.topic(self._project, topic), list[Event]()
        while True:
            wanted = None if limit is None else limit - len(found)
            texts = self._ports.log.read(name, after, wanted)
            found += [_decode(topic, after + i + 1, text) for i, text in enumerate(texts) if text]
            after += len(texts)
            if wanted is None or len(texts) < wanted or all(texts):
                return found

    def _expires(self, topic: str) -> float | None:
        if self._keep is None or not topic.startswith(RUNS):
            return None
        return self._ports.clock.now() + self._keep

    def since(self, topic: str, at_ms: int) -> Iterator[Event]:
        """Events published at or after a time: found by halving, then read page by page."""
        low, high = 0, self._ports.log.tail(names.topic(self._project, topic))
        while low < high:
            middle = (low + high) // 2
            found = self.read(topic, middle, 1)
            if found and found[0].at < at_ms:
                low = middle + 1
            else:
                high = middle
        while events := self.read(topic, low, PAGE):
            yield from events
            low = events[-1].sequence

    # --- which there are ----------------------------------------------------------------------------------------

    def _note(self, topic: str, position: int, count: int) -> None:
        """Note the topic's name with its first event, and again with every hundredth: one note may have been lost.

        Those of runs are not noted: there is one for each run, which is where it is looked for.
        """
        if position % NOTED_EVERY < count and not topic.startswith(RUNS):
            self._ports.records.write(Put(Key(names.topics(self._project), topic), "{}"))

    def names(self, prefix: str, limit: int, cursor: str | None) -> tuple[list[str], str | None]:
        """Names of topics, those of runs left out, in order, and where to go on."""
        page = self._ports.records.query(
            names.topics(self._project), prefix=prefix, limit=limit, cursor=cursor
        )
        return [record.key.sort for record in page.records], page.cursor

    def count(self, topic: str) -> int:
        """How many events it holds: the sequence of the last."""
        return self._ports.log.tail(names.topic(self._project, topic))

    # --- who waits ------------------------------------------------------------------------------------------------

    def _partition(self, topic: str) -> str:
        return f"{self._project}|topic-waiters|{topic}"

    def register(self, topic: str, execution: str, workflow: str, address: str) -> None:
        """Note that an operation waits for an event of this topic. A repeat does nothing."""
        value = json.dumps({"execution": execution, "workflow": workflow, "address": address})
        self._ports.records.write(Put(Key(self._partition(topic), names.waiter(execution, address)), value))

    def forget(self, topic: str, execution: str, address: str) -> None:
        """It does not wait any more."""
        self._ports.records.write(Delete(Key(self._partition(topic), names.waiter(execution, address))))

    def waiting(self, topic: str) -> Iterator[dict[str, Any]]:
        """Every registration: execution, workflow and address."""
        cursor = None
        while True:
            page = self._ports.records.query(self._partition(topic), cursor=cursor)
            for record in page.records:
                yield json.loads(record.value)
            cursor = page.cursor
            if cursor is None:
                return


def _decode(topic: str, sequence: int, text: str) -> Event:
    head_text, _, data = text.partition("\n")
    head = json.loads(head_text)
    return Event(sequence, topic, head["id"], head["type"], data, head["t"])
