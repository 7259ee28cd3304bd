"""Rule 6: signals may come at any time and wait until asked for; a step that nobody wants any more is not run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from polos.core.decide import NOTHING, Decision, Execute, decide
from polos.core.journal import Journal
from polos.core.messages import Message, MessageKind
from polos.core.replay import Replay
from polos.runtime import invocation
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import asking, racing


def an_answer_comes_before_the_execution_has_begun() -> Stage:
    stage = Stage(registry_of(asking))
    execution = stage.start("asking")
    stage.world.service.resume(execution, "question", "yes")
    stage.finish(stage.take("question"))
    stage.rest()
    return stage


def test_an_answer_that_comes_early_waits_in_the_journal() -> None:
    stage = an_answer_comes_before_the_execution_has_begun()
    stage.check()
    assert stage.ended() == ("completed", "yes")
    assert stage.identities(stage.start("asking")) == ["suspend:question", "$start", "$end"]


def test_dropping_what_was_not_asked_for_yet_loses_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_when_begun(journal: Journal, replay: Replay | None, message: Message, **others: Any) -> Decision:
        if message.kind is MessageKind.SIGNAL and not journal.started:
            return NOTHING
        return decide(journal, replay, message, **others)

    monkeypatch.setattr(invocation, "decide", only_when_begun)
    stage = an_answer_comes_before_the_execution_has_begun()
    with pytest.raises(Failed, match="LOST"):
        stage.check()


def a_steps_message_comes_after_the_code_has_given_the_step_up() -> Stage:
    stage = Stage(registry_of(racing))
    stage.start("racing")
    stage.finish(stage.take("$start", hurried=True))
    stage.world.store.clock.advance(5)
    stage.finish(stage.take("deadline"))
    stage.rest()
    return stage


def test_a_step_that_nobody_waits_for_is_not_run() -> None:
    stage = a_steps_message_comes_after_the_code_has_given_the_step_up()
    stage.check()
    assert stage.ended() == ("completed", "too late")
    assert (stage.begun("slow"), stage.begun("instead")) == (0, 1)


def test_not_asking_the_tail_it_runs_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invocation, "decide", unless_answered(decide))
    stage = a_steps_message_comes_after_the_code_has_given_the_step_up()
    assert stage.ended() == ("completed", "too late")
    assert stage.begun("slow") == 1


def unless_answered(real: Callable[..., Decision]) -> Callable[..., Decision]:
    """Runs whatever step a message names, as long as the journal holds no outcome of it."""

    def variant(journal: Journal, replay: Replay | None, message: Message, **others: Any) -> Decision:
        issued = replay.find(message.key) if replay is not None and message.kind is MessageKind.RUN else None
        answered = journal.answer(message.key, message.attempt) is not None or journal.end is not None
        return Execute(issued) if issued and not answered else real(journal, replay, message, **others)

    return variant
