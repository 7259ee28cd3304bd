"""Rule 8: before each write, send and step a worker looks whether its lease is still good, and stops if it is not."""

from __future__ import annotations

import pytest

from polos.runtime import engine
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import row


def a_worker_is_overtaken_while_its_step_runs_and_dies_after_recording_it() -> Stage:
    stage = Stage(registry_of(row))
    stage.start("row")
    slow = stage.take("$start")
    stage.until(slow, "end run:a")
    stage.expire(slow)
    other = stage.again(
        slow, hurried=True
    )  # it has no time to run a itself: it sends a's message, and is done
    stage.finish(other)
    assert other.acknowledged
    if stage.reaches(slow, "queue.send"):
        stage.crash(slow)
    stage.rest()
    return stage


def test_a_worker_whose_lease_has_run_out_writes_nothing_more() -> None:
    stage = a_worker_is_overtaken_while_its_step_runs_and_dies_after_recording_it()
    stage.check()
    assert stage.ended() == ("completed", [1, 2, 3])
    assert [stage.begun(key) for key in "abc"] == [2, 1, 1]


def test_writing_on_without_a_lease_it_takes_the_rest_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "guarded", lambda ports, check: ports)
    stage = a_worker_is_overtaken_while_its_step_runs_and_dies_after_recording_it()
    with pytest.raises(Failed, match="LOST"):
        stage.check()
