"""Rule 1: the token is minted by a message's sender and stays with it, through a redrive too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from polos.ports import Delivery
from polos.runtime.delivery import Batch, Intake
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import row


def a_worker_dies_between_its_entry_and_what_it_owes_and_the_message_is_redriven() -> Stage:
    stage = Stage(registry_of(row))
    stage.start("row")
    stage.finish(stage.take("$start", hurried=True))
    worker = stage.take("a")
    stage.until(worker, "queue.send")
    stage.crash(worker)
    stage.to_dead_letters(worker)
    stage.rest()
    return stage


def test_a_redriven_message_is_known_by_its_token() -> None:
    stage = a_worker_dies_between_its_entry_and_what_it_owes_and_the_message_is_redriven()
    stage.check()
    assert stage.ended() == ("completed", [1, 2, 3])
    assert stage.begun("a") == 1


def test_known_by_the_number_its_queue_gave_it_a_redriven_message_leaves_the_rest_undone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches = Intake.batches

    def numbered(self: Intake, deliveries: Sequence[Delivery], *, dead: bool = False) -> list[Batch]:
        return [
            replace(batch, messages=tuple(replace(m, token=number(batch)) for m in batch.messages))
            for batch in batches(self, deliveries, dead=dead)
        ]

    def number(batch: Batch) -> str:
        return batch.deliveries[0].handle.partition(":")[0]

    monkeypatch.setattr(Intake, "batches", numbered)
    stage = a_worker_dies_between_its_entry_and_what_it_owes_and_the_message_is_redriven()
    with pytest.raises(Failed, match="LOST"):
        stage.check()
