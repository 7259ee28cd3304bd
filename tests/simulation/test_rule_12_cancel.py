"""Rule 12: a cancel is a signal; who appends the entry at which the code gives a child up sends that child a cancel."""

from __future__ import annotations

from typing import Any

import pytest

from polos.core.decide import NOTHING, Decision, decide
from polos.core.journal import Journal
from polos.core.messages import Message, MessageKind
from polos.core.replay import Replay
from polos.runtime import invocation
from polos.runtime.dispatch import Dispatch
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import delegating, patient


def a_parent_gives_its_child_up(*, begun: bool) -> Stage:
    stage = Stage(registry_of(delegating, patient))
    stage.start("delegating")
    stage.finish(stage.take("$start"))
    if begun:
        stage.finish(stage.take("$start", of="patient"))
    stage.world.store.clock.advance(5)
    stage.finish(stage.take("deadline"))
    if not begun:
        stage.finish(stage.take("$cancel", of="patient"))
    stage.rest()
    return stage


def test_a_child_that_was_given_up_is_told_and_tidies_up() -> None:
    stage = a_parent_gives_its_child_up(begun=True)
    stage.check()
    assert stage.ended() == ("completed", "gave up")
    assert stage.ended("patient") == ("cancelled", None)
    assert stage.begun("tidy") == 1


def test_if_nobody_tells_it_it_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dispatch, "_abandoned", lambda self, replay: None)
    stage = a_parent_gives_its_child_up(begun=True)
    with pytest.raises(Failed, match="never told to stop"):
        stage.check()


def test_a_cancel_that_comes_before_the_child_has_begun_is_kept() -> None:
    stage = a_parent_gives_its_child_up(begun=False)
    stage.check()
    assert stage.ended("patient") == ("cancelled", None)
    assert stage.begun("tidy") == 0


def test_dropping_a_cancel_for_what_has_not_begun_leaves_the_child_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def only_when_begun(journal: Journal, replay: Replay | None, message: Message, **others: Any) -> Decision:
        if message.kind is MessageKind.SIGNAL and not journal.started:
            return NOTHING
        return decide(journal, replay, message, **others)

    monkeypatch.setattr(invocation, "decide", only_when_begun)
    stage = a_parent_gives_its_child_up(begun=False)
    with pytest.raises(Failed, match="never told to stop"):
        stage.check()


def test_a_second_cancel_is_ignored() -> None:
    stage = Stage(registry_of(patient))
    execution = stage.start("patient")
    stage.rest()
    for _ in range(2):
        stage.world.service.cancel(execution)
    stage.rest()
    stage.check()
    assert stage.ended() == ("cancelled", None)
    assert stage.identities(execution).count("$cancel") == 1
