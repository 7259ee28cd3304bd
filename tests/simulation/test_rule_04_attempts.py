"""Rule 4: an operation is a key and an attempt; the entry of a failed attempt answers its message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from polos.core.decide import Decision, decide
from polos.core.journal import Journal
from polos.core.messages import Message
from polos.core.replay import Replay
from polos.runtime import invocation
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import retried


def a_worker_dies_after_it_has_recorded_that_an_attempt_failed() -> Stage:
    stage = Stage(registry_of(retried))
    stage.start("retried")
    stage.finish(stage.take("$start", hurried=True))
    worker = stage.take("a")
    stage.until(worker, "queue.send")
    stage.crash(worker)
    stage.rest()
    return stage


def test_the_message_that_comes_again_sends_the_next_attempt_for_its_time() -> None:
    stage = a_worker_dies_after_it_has_recorded_that_an_attempt_failed()
    stage.check()
    assert stage.ended() == ("completed", "f1")
    assert stage.begun("a") == 2


def test_looking_only_for_the_keys_outcome_it_burns_the_next_attempt_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def whatever_attempt(
        journal: Journal, replay: Replay | None, message: Message, **others: Any
    ) -> Decision:
        issued = replay.find(message.key) if replay is not None else None
        if issued is not None and issued.pending:
            message = replace(message, attempt=issued.attempt)
        return decide(journal, replay, message, **others)

    monkeypatch.setattr(invocation, "decide", whatever_attempt)
    stage = a_worker_dies_after_it_has_recorded_that_an_attempt_failed()
    with pytest.raises(Failed, match="before its backoff was over"):
        stage.check()
