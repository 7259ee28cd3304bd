"""Rule 7: a waiter registers, then reads; a publisher appends, then reads the registrations; an event is taken once."""

from __future__ import annotations

from typing import Any

import pytest

from polos.core.definitions import Definition, Registry, Trigger
from polos.core.journal import Journal
from polos.core.operations import AwaitEvent
from polos.core.replay import Issued
from polos.runtime.eventing import Eventing
from polos.runtime.publishing import GUARD_SECONDS
from polos.runtime.topics import Event, Topics
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import announcing, collected, hearing_two, listening

MOMENTS = range(1, 12)


def publish(stage: Stage, *data: Any) -> None:
    """Events from outside, one after the other."""
    for one in data:
        stage.world.service.publish("topic", [(None, one)])


def an_event_is_published_while_its_waiter_stands_at(moment: int) -> Stage:
    stage = Stage(registry_of(listening))
    stage.start("listening")
    waiter = stage.take("$start")
    for _ in range(moment):
        if not waiter.over:
            stage.world.run(waiter)
    publish(stage, "extra!")
    stage.world.store.clock.advance(GUARD_SECONDS + 1)
    stage.finish(
        stage.take("notify")
    )  # the publisher's guard, which would repair a miss, comes now, not later
    stage.finish(waiter)
    stage.rest()
    return stage


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_event_is_not_missed_whenever_it_comes(moment: int) -> None:
    stage = an_event_is_published_while_its_waiter_stands_at(moment)
    stage.check()
    assert stage.ended() == ("completed", "extra!")


def test_reading_before_registering_misses_it_at_some_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    register = Topics.register
    late: list[tuple[Any, ...]] = []

    def after_the_look(self: Eventing, issued: Issued, wait: AwaitEvent) -> None:
        looked_and_registered(self, issued, wait)
        for arguments in late:
            register(*arguments)
        late.clear()

    looked_and_registered = Eventing.register
    monkeypatch.setattr(Topics, "register", lambda *arguments: late.append(arguments))
    monkeypatch.setattr(Eventing, "register", after_the_look)
    missed = []
    for moment in MOMENTS:
        stage = an_event_is_published_while_its_waiter_stands_at(moment)
        if stage.ended()[0] != "completed":
            missed.append(moment)
    assert missed


def two_waits_hear_of_two_events() -> Stage:
    stage = Stage(registry_of(hearing_two))
    stage.start("hearing_two")
    stage.finish(stage.take("$start"))
    publish(stage, "one", "two")
    stage.rest()
    return stage


def test_each_event_is_taken_by_one_wait_in_order() -> None:
    stage = two_waits_hear_of_two_events()
    stage.check()
    assert stage.ended() == ("completed", ["one", "two"])


def test_not_asking_the_journal_what_was_taken_it_takes_one_event_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def forgetful(self: Eventing, topics: Topics, issued: Issued, wait: AwaitEvent) -> Event | None:
        turn = self._turn
        turn.journal, whole = Journal(turn.journal.entries[:1]), turn.journal
        try:
            return next_event(self, topics, issued, wait)
        finally:
            turn.journal = whole

    next_event = Eventing._next_event
    monkeypatch.setattr(Eventing, "_next_event", forgetful)
    assert two_waits_hear_of_two_events().ended() == ("completed", ["one", "one"])


def a_worker_dies_after_it_has_published() -> Stage:
    stage = Stage(registry_of(announcing))
    stage.start("announcing")
    worker = stage.take("$start", hurried=True)
    stage.until(worker, "log.publish")
    stage.until(worker, "queue.send")
    stage.crash(worker)
    stage.rest()
    return stage


def test_what_a_workflow_publishes_is_published_once() -> None:
    stage = a_worker_dies_after_it_has_published()
    stage.check()
    assert [event.data for event in stage.world.service.topics.read("topic")] == ['"told"']


def test_published_without_its_id_it_stands_there_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    publish_once = Topics.publish
    monkeypatch.setattr(Topics, "publish", lambda self, *event, **_: publish_once(self, *event, once=False))
    stage = a_worker_dies_after_it_has_published()
    assert len(stage.world.service.topics.read("topic")) == 2


def test_a_trigger_whose_own_append_is_reported_as_refused_starts_what_it_says() -> None:
    registry = Registry()
    registry.add(Definition("collected", collected, trigger=Trigger("topic")))
    stage = Stage(registry)
    publish(stage, "news")
    looking = stage.take("notify", of="collected")
    stage.until(looking, "log.append")
    stage.mislead(looking)
    stage.finish(looking)
    stage.rest()
    stage.check()
    assert stage.ended("collected") == ("completed", "news")


def test_a_look_starts_what_a_worker_that_lost_its_lease_has_left_behind() -> None:
    registry = Registry()
    registry.add(Definition("collected", collected, trigger=Trigger("topic")))
    stage = Stage(registry)
    publish(stage, "first")
    slow = stage.take("notify", of="collected")
    stage.until(slow, "log.append")
    stage.expire(slow)
    stage.finish(slow)  # it has recorded which events start an execution, and may not start it any more
    stage.world.store.queue.delete(slow.batch.deliveries)
    stage.drop(slow)
    assert stage.world.metas() == []
    publish(stage, "second")
    stage.rest()
    stage.check()
    assert sorted(meta.result or "" for meta in stage.world.metas()) == ['"first"', '"second"']


def test_the_sweeper_lets_triggers_look_again() -> None:
    registry = Registry()
    registry.add(Definition("collected", collected, trigger=Trigger("topic")))
    stage = Stage(registry)
    stage.world.service.topics.publish("topic", "an-id", "", '"untold"')
    stage.rest()
    assert stage.world.metas() == []
    stage.sweep()
    stage.rest()
    stage.check()
    with pytest.raises(Failed, match="no execution"):
        stage.ended("unknown")
    assert stage.ended("collected") == ("completed", "untold")
