"""Rule 2: a delivery dispatches again for every entry that has its token, not only for its own operation's."""

from __future__ import annotations

import pytest

from polos.runtime.dispatch import Dispatch
from polos.runtime.turn import Turn
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import row


def a_worker_dies_after_it_has_recorded_two_steps_and_before_it_has_sent_the_third() -> Stage:
    stage = Stage(registry_of(row, steps=2))
    stage.start("row")
    stage.finish(stage.take("$start", hurried=True))
    worker = stage.take("a")
    stage.until(worker, "queue.send")
    assert (stage.begun("a"), stage.begun("b")) == (1, 1)
    stage.crash(worker)
    stage.rest()
    return stage


def test_the_message_that_comes_again_sends_what_its_last_entry_made_runnable() -> None:
    stage = a_worker_dies_after_it_has_recorded_two_steps_and_before_it_has_sent_the_third()
    stage.check()
    assert stage.ended() == ("completed", [1, 2, 3])
    assert [stage.begun(key) for key in "abc"] == [1, 1, 1]


def test_looking_only_for_the_entry_of_its_own_operation_it_loses_the_third_step(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_turn, known = Turn.open, {}

    def remember(self: Turn) -> None:
        open_turn(self)
        known[self] = len(self.journal)

    def of_its_own_operation(self: Dispatch, position: int) -> bool:
        """What this very delivery has appended, and else the entry that answers its message."""
        entry = self._turn.journal.entries[position - 1]
        asked = position > known[self._turn] or entry.address == self._turn.messages[0].key
        return asked and entry.by in self._turn.tokens

    monkeypatch.setattr(Turn, "open", remember)
    monkeypatch.setattr(Dispatch, "mine", of_its_own_operation)
    stage = a_worker_dies_after_it_has_recorded_two_steps_and_before_it_has_sent_the_third()
    with pytest.raises(Failed, match="LOST"):
        stage.check()
