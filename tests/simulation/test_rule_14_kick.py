"""Rule 14: a kick dispatches whatever is pending. The sweeper is required: a lease is a local clock."""

from __future__ import annotations

import pytest

from polos.runtime import afterwards
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import child, parent, row


def a_worker_stands_between_the_look_at_its_clock_and_the_write() -> Stage:
    stage = Stage(registry_of(row))
    stage.start("row")
    slow = stage.take("$start")
    stage.until(slow, "end run:a")
    stage.until(slow, "log.append")  # it has looked: its lease is good
    stage.expire(slow)
    stage.finish(stage.again(slow, hurried=True))
    stage.finish(slow)  # the write goes through; before the next one it looks again, and stops
    stage.rest()
    return stage


def test_what_was_lost_between_two_looks_at_the_clock_is_found_by_the_sweeper() -> None:
    stage = a_worker_stands_between_the_look_at_its_clock_and_the_write()
    stage.sweep()
    stage.rest()
    stage.check()
    assert stage.ended() == ("completed", [1, 2, 3])


def test_without_the_sweeper_it_is_lost_for_good() -> None:
    stage = a_worker_stands_between_the_look_at_its_clock_and_the_write()
    with pytest.raises(Failed, match="LOST"):
        stage.check()


def a_child_has_ended_and_been_shown_and_its_parent_was_never_told() -> Stage:
    stage = Stage(registry_of(parent, child, steps=2))
    stage.start("parent")
    stage.finish(stage.take("$start"))
    stage.finish(stage.take("$start", of="child", hurried=True))
    slow = stage.take("p", blind=True)
    stage.until(slow, "end run:q")
    stage.expire(slow)
    stage.finish(stage.again(slow, hurried=True))  # p is recorded: it sends q's message, and is done
    stage.until(slow, "queue.send")  # q and the end are recorded and shown; the parent is to be told
    stage.crash(slow)
    stage.rest()
    assert stage.ended("child") == ("completed", 56)
    assert stage.ended("parent") == ("waiting", None)
    stage.sweep()
    stage.rest()
    return stage


def test_a_kicked_parent_asks_for_the_end_of_a_child_that_could_not_tell() -> None:
    stage = a_child_has_ended_and_been_shown_and_its_parent_was_never_told()
    stage.check()
    assert stage.ended("parent") == ("completed", 56)


def test_starting_the_child_once_more_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(afterwards, "news_of", lambda *_: None)
    stage = a_child_has_ended_and_been_shown_and_its_parent_was_never_told()
    with pytest.raises(Failed, match="LOST"):
        stage.check()
