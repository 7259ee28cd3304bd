"""Rule 11: the end is an entry; its effects are repeated until done, and what is shown never goes back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from polos.core.replay import Replay
from polos.runtime.dispatch import Dispatch
from polos.runtime.executions import Executions
from polos.runtime.turn import Turn
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import child, parent, row


def a_worker_dies_between_the_end_and_telling_the_parent() -> Stage:
    stage = Stage(registry_of(parent, child, steps=None))
    stage.start("parent")
    stage.finish(stage.take("$start"))
    worker = stage.take("$start", of="child")
    stage.until(worker, "queue.send")
    assert stage.identities(worker.batch.messages[0].execution)[-1] == "$end"
    stage.crash(worker)
    stage.rest()
    return stage


def test_the_message_that_comes_again_tells_the_parent() -> None:
    stage = a_worker_dies_between_the_end_and_telling_the_parent()
    stage.check()
    assert stage.ended() == ("completed", 56)


def test_told_only_by_the_delivery_that_ended_it_the_parent_waits_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_turn, end = Turn.open, Dispatch._end
    ended_before: set[Turn] = set()

    def remember(self: Turn) -> None:
        open_turn(self)
        if self.journal.end is not None:
            ended_before.add(self)

    def only_once(self: Dispatch, replay: Replay) -> bool:
        return self._turn not in ended_before and end(self, replay)

    monkeypatch.setattr(Turn, "open", remember)
    monkeypatch.setattr(Dispatch, "_end", only_once)
    stage = a_worker_dies_between_the_end_and_telling_the_parent()
    with pytest.raises(Failed, match="LOST"):
        stage.check()


def a_worker_wants_to_show_that_it_runs_when_all_is_over() -> Stage:
    stage = Stage(registry_of(row))
    stage.start("row")
    slow = stage.take("$start", blind=True, hurried=True)
    stage.until(slow, "records.write")
    stage.expire(slow)
    stage.finish(stage.again(slow))
    stage.rest()
    assert stage.ended() == ("completed", [1, 2, 3])
    stage.finish(slow)
    stage.rest()
    return stage


def test_a_late_worker_does_not_turn_back_what_is_shown() -> None:
    stage = a_worker_wants_to_show_that_it_runs_when_all_is_over()
    stage.check()
    assert stage.ended() == ("completed", [1, 2, 3])


def test_shown_whatever_stands_there_it_runs_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    def whatever(
        self: Executions, project: str, execution: str, position: int, change: Mapping[str, Any]
    ) -> None:
        meta = self.get(project, execution)
        assert meta is not None
        self.replace(meta, position=position, change=change)

    monkeypatch.setattr(Executions, "project", whatever)
    stage = a_worker_wants_to_show_that_it_runs_when_all_is_over()
    with pytest.raises(Failed, match="in its record"):
        stage.check()
