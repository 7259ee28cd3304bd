"""Rule 9: who writes and then must send, and whom nobody calls again, first sends a guard."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from polos.runtime.publishing import NewEvent, Publisher
from polos.runtime.topics import Event
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import listening


def a_publisher_dies_between_the_event_and_telling_of_it() -> Stage:
    stage = Stage(registry_of(listening))
    stage.start("listening")
    stage.rest()
    caller = stage.client(lambda: stage.world.service.publish("topic", [(None, "extra!")]))
    stage.until(caller, "log.publish")
    stage.until(caller, "records.query")
    stage.crash(caller)
    stage.rest()
    return stage


def test_a_guard_tells_those_whom_the_publisher_could_not() -> None:
    stage = a_publisher_dies_between_the_event_and_telling_of_it()
    stage.check()
    assert stage.ended() == ("completed", "extra!")


def test_without_a_guard_the_event_is_there_and_nobody_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def unguarded(self: Publisher, topic: str, events: Sequence[NewEvent]) -> list[Event]:
        published = self._topics.publish_all(topic, [(e.id, e.type, e.data) for e in events])
        self.notify(topic)
        return published

    monkeypatch.setattr(Publisher, "publish", unguarded)
    stage = a_publisher_dies_between_the_event_and_telling_of_it()
    with pytest.raises(Failed, match="LOST"):
        stage.check()
