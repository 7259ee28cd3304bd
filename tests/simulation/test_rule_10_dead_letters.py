"""Rule 10: dead letters are deliveries: what they owe is done, but no step is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from polos.core.messages import Message
from polos.runtime.engine import Engine
from polos.runtime.invocation import Invocation
from polos.runtime.turn import Turn
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import fatal, row


def a_step_kills_every_process_that_runs_it() -> Stage:
    stage = Stage(registry_of(fatal))
    stage.start("fatal")
    stage.finish(stage.take("$start", hurried=True))
    stage.rest()
    return stage


def test_a_step_whose_message_is_dead_has_failed_and_its_workflow_goes_on() -> None:
    stage = a_step_kills_every_process_that_runs_it()
    stage.check()
    assert stage.ended() == ("completed", "ProcessDied")
    assert stage.begun("boom") == stage.world.patience
    assert stage.begun("after") == 1


def test_dead_letters_that_are_only_put_away_leave_the_workflow_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handle = Engine.handle

    def put_away(self: Engine, messages: Sequence[Message], *, lease: Any = None, dead: bool = False) -> None:
        if not dead:
            handle(self, messages, lease=lease, dead=dead)

    monkeypatch.setattr(Engine, "handle", put_away)
    stage = a_step_kills_every_process_that_runs_it()
    with pytest.raises(Failed, match="LOST"):
        stage.check()


def the_last_worker_of_a_message_dies_between_its_entry_and_what_it_owes() -> Stage:
    stage = Stage(registry_of(row))
    stage.start("row")
    stage.finish(stage.take("$start", hurried=True))
    worker = stage.take("a")
    stage.until(worker, "queue.send")
    stage.crash(worker)
    stage.to_dead_letters(worker)
    stage.rest()
    return stage


def test_a_dead_letter_whose_step_is_recorded_sends_what_follows() -> None:
    stage = the_last_worker_of_a_message_dies_between_its_entry_and_what_it_owes()
    stage.check()
    assert stage.ended() == ("completed", [1, 2, 3])


def test_a_dead_letter_that_only_records_failures_loses_what_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    run = Invocation.run

    def only_failures(self: Invocation) -> None:
        turn = self._turn
        turn.open()
        answered = [turn.journal.answer(m.key, m.attempt) is not None for m in turn.messages]
        if not (turn.dead and all(answered)):
            run(self)

    monkeypatch.setattr(Invocation, "run", only_failures)
    stage = the_last_worker_of_a_message_dies_between_its_entry_and_what_it_owes()
    with pytest.raises(Failed, match="LOST"):
        stage.check()


def a_start_kills_every_process_that_runs_its_first_step() -> Stage:
    stage = Stage(registry_of(fatal))
    stage.start("fatal")
    stage.rest()
    return stage


def test_a_start_that_killed_its_process_sends_its_first_step_and_does_not_run_it_again() -> None:
    stage = a_start_kills_every_process_that_runs_its_first_step()
    stage.check()
    assert stage.ended() == ("completed", "ProcessDied")
    assert stage.begun("boom") == 1 + stage.world.patience  # with the start, then as a message of its own


def test_running_steps_on_behalf_of_the_dead_kills_their_handler_too(monkeypatch: pytest.MonkeyPatch) -> None:
    may_run = Turn.may_run

    def also_for_the_dead(self: Turn) -> bool:
        before = self.dead, self.again
        self.dead = self.again = False
        try:
            return may_run(self)
        finally:
            self.dead, self.again = before

    monkeypatch.setattr(Turn, "may_run", also_for_the_dead)
    with pytest.raises(Failed, match="there are still messages"):
        a_start_kills_every_process_that_runs_its_first_step()
