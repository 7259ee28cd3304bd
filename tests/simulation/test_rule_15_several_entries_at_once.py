"""Rule 15: several news become several entries in one conditional write, each with its own message's token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from polos.adapters.memory import MemoryLog
from support.simulation.directed import Stage
from support.simulation.scenarios import registry_of
from support.simulation.schedule import Failed
from support.simulation.stories import child, many


def two_batches_of_news_meet_at_one_tail() -> Stage:
    stage = Stage(registry_of(many, child, steps=None))
    stage.start("many")
    stage.finish(stage.take("$start"))
    for _ in range(3):
        stage.finish(stage.take("$start", of="child"))
    together = stage.take("c0", "c1")
    stage.until(together, "log.append")
    stage.finish(stage.take("c2"))
    stage.finish(together)
    stage.rest()
    return stage


def test_a_batch_that_was_overtaken_is_written_behind_what_overtook_it() -> None:
    stage = two_batches_of_news_meet_at_one_tail()
    stage.check()
    assert stage.ended() == ("completed", [56, 56, 56])


def test_each_entry_of_a_batch_has_the_token_of_its_own_message() -> None:
    stage = two_batches_of_news_meet_at_one_tail()
    journal = stage.world.journal(stage.start("many"))
    tokens = {entry.address: entry.by for entry in journal if entry.address.startswith("invoke_and_wait")}
    assert {address: stage.world.sent[token].key for address, token in tokens.items()} == {
        address: address for address in tokens
    }
    assert len(set(tokens.values())) == 3


def test_a_batch_without_a_condition_writes_over_what_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    append = MemoryLog.append

    def unconditional(
        self: MemoryLog, log: str, position: int, entries: Sequence[str], **others: Any
    ) -> bool:
        if len(entries) == 1:
            return append(self, log, position, entries, **others)
        self._logs[log].entries[position : position + len(entries)] = entries
        return True

    monkeypatch.setattr(MemoryLog, "append", unconditional)
    stage = two_batches_of_news_meet_at_one_tail()
    with pytest.raises(Failed, match="LOST"):
        stage.check()
