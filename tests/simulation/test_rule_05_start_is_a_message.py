"""Rule 5: a start is a message like any other: always sent, and appended by whoever handles it."""

from __future__ import annotations

from typing import Any

import pytest

from polos.core.messages import Message, MessageKind
from polos.core.start import StartInfo
from polos.runtime.dispatch import Dispatch
from polos.runtime.executions import Executions
from polos.runtime.service import Service
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import row

mine = Dispatch.mine


def two_starts_with_one_key() -> Stage:
    stage = Stage(registry_of(row))
    stage.start("row")
    first = stage.take("$start")
    stage.until(first, "end run:a")
    stage.start("row")
    stage.finish(stage.take("$start", number=2))
    stage.finish(first)
    stage.rest()
    return stage


def test_the_start_that_came_second_has_nothing_to_do() -> None:
    stage = two_starts_with_one_key()
    stage.check()
    assert stage.ended() == ("completed", [1, 2, 3])
    assert [stage.begun(key) for key in "abc"] == [1, 1, 1]


def test_a_start_entry_that_any_start_dispatches_runs_the_first_step_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def any_start(self: Dispatch, position: int) -> bool:
        started = self._turn.messages[0].kind is MessageKind.START and position == 1
        return started or mine(self, position)

    monkeypatch.setattr(Dispatch, "mine", any_start)
    stage = two_starts_with_one_key()
    with pytest.raises(Failed, match="explains 1"):
        stage.check()


def a_caller_dies_between_the_record_and_the_message_and_calls_again() -> Stage:
    stage = Stage(registry_of(row))
    caller = stage.client(lambda: stage.start("row"))
    stage.until(caller, "queue.send")
    stage.crash(caller)
    stage.start("row")
    stage.rest()
    return stage


def test_a_start_that_is_asked_for_again_is_sent_again() -> None:
    stage = a_caller_dies_between_the_record_and_the_message_and_calls_again()
    stage.check()
    assert stage.ended() == ("completed", [1, 2, 3])


def test_sent_only_by_whoever_made_the_record_the_start_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    create, send, made = Executions.create, Service.send, [True]

    def remember(self: Executions, info: StartInfo) -> bool:
        made.append(create(self, info))
        return made[-1]

    def send_what_was_made(self: Service, queue: str, message: Message, *delay: Any) -> None:
        if message.kind is not MessageKind.START or made[-1]:
            send(self, queue, message, *delay)

    monkeypatch.setattr(Executions, "create", remember)
    monkeypatch.setattr(Service, "send", send_what_was_made)
    stage = a_caller_dies_between_the_record_and_the_message_and_calls_again()
    with pytest.raises(Failed, match="LOST"):
        stage.check()
