"""Rule 3: a refused append is no loss yet: decide anew; and what counts is the value in the journal, not one's own."""

from __future__ import annotations

import pytest

from polos.core.journal import Entry
from polos.runtime.turn import Turn
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import row, tossed

append = Turn.append


def a_workers_own_append_is_reported_as_refused() -> Stage:
    stage = Stage(registry_of(row))
    stage.start("row")
    stage.finish(stage.take("$start", hurried=True))
    worker = stage.take("a")
    stage.until(worker, "log.append")
    stage.mislead(worker)
    stage.finish(worker)
    stage.rest()
    return stage


def test_a_worker_finds_its_own_entry_behind_the_refusal_and_goes_on() -> None:
    stage = a_workers_own_append_is_reported_as_refused()
    stage.check()
    assert stage.ended() == ("completed", [1, 2, 3])
    assert [stage.begun(key) for key in "abc"] == [1, 1, 1]


def test_taking_the_refusal_for_a_loss_it_leaves_the_rest_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    def give_up_when_refused(self: Turn, entries: list[Entry]) -> bool:
        stands = append(self, entries)
        if not stands:
            self.tokens.clear()
        return stands

    monkeypatch.setattr(Turn, "append", give_up_when_refused)
    stage = a_workers_own_append_is_reported_as_refused()
    with pytest.raises(Failed, match="LOST"):
        stage.check()


def twins_throw_a_coin_and_disagree() -> Stage:
    stage = Stage(registry_of(tossed, steps=2))
    stage.start("tossed")
    stage.finish(stage.take("$start", hurried=True))
    stage.twin("coin")
    first, second = stage.take("coin"), stage.take("coin")
    stage.until(first, "log.append")
    while True:  # each throws its own coin: go on until the second has thrown the other side
        stage.until(second, "log.append")
        if thrown(stage, first) != thrown(stage, second):
            break
        stage.crash(second)
        second = stage.again(second)
    stage.until(first, "end run")  # its coin stands, and it runs what the coin says
    stage.finish(second)
    stage.finish(first)
    stage.rest()
    return stage


def thrown(stage: Stage, worker: object) -> str:
    """What this worker is about to record."""
    return str(stage.world.about_to[worker].args[2][0]).rpartition("\n")[2]


def test_a_twin_that_lost_goes_on_with_the_value_that_stands() -> None:
    stage = twins_throw_a_coin_and_disagree()
    stage.check()
    status, side = stage.ended()
    assert status == "completed"
    assert (stage.begun("left") > 0, stage.begun("right") > 0) == (side == "left", side == "right")


def test_going_on_with_its_own_value_it_runs_the_other_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    def believe_oneself(self: Turn, entries: list[Entry]) -> bool:
        stands = append(self, entries)
        for entry in entries if not stands else []:
            position = self.journal.find(entry.identity)
            if position is not None:
                self.journal.entries[position] = entry
        return stands

    monkeypatch.setattr(Turn, "append", believe_oneself)
    stage = twins_throw_a_coin_and_disagree()
    assert stage.begun("left") > 0
    assert stage.begun("right") > 0
