"""Rule 13: who finds a queue full joins the line in the transaction that sees it full: nobody misses a place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from polos.core.definitions import Definition, Queue, Registry
from polos.ports import Key, Ports, Put, Write
from polos.runtime import places
from support.simulation.directed import Stage
from support.simulation.schedule import Failed
from support.simulation.stories import single

MOMENTS = range(1, 16)


def narrow(steps: int = 1) -> Registry:
    """A workflow in a queue with one place."""
    registry = Registry()
    registry.add(Definition("single", single, queue=Queue("narrow", 1), steps_per_invocation=steps))
    return registry


def a_place_is_given_back_while_another_execution_looks_for_one(moment: int) -> Stage:
    stage = Stage(narrow())
    stage.start("single", key="first")
    holder = stage.take("$start")
    stage.until(holder, "end run:a")
    stage.start("single", key="second")
    other = stage.take("$start", number=2)
    for _ in range(moment):
        if not other.over:
            stage.world.run(other)
    stage.finish(holder)
    stage.finish(other)
    stage.rest()
    return stage


@pytest.mark.parametrize("moment", MOMENTS)
def test_whenever_a_place_is_given_back_the_next_one_gets_it(moment: int) -> None:
    stage = a_place_is_given_back_while_another_execution_looks_for_one(moment)
    stage.check()
    assert [meta.status for meta in stage.world.metas()] == ["completed", "completed"]
    assert stage.world.most_at_once == 1


def test_joining_the_line_without_a_second_look_waits_for_ever_at_some_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Blind:
        """Records in which nobody who joins a line looks whether it is still one."""

        def __init__(self, ports: Ports) -> None:
            self._records = ports.records

        def __getattr__(self, name: str) -> object:
            return getattr(self._records, name)

        def write(self, *writes: Write) -> bool:
            if any(write.key.sort.startswith("wait|") and isinstance(write, Put) for write in writes):
                writes = tuple(self._unconditional(write) for write in writes)
            return self._records.write(*writes)

        def _unconditional(self, write: Write) -> Write:
            if isinstance(write, Put) and write.key.sort == "head":
                stored = self._records.get(Key(*write.key))
                return replace(write, value=stored.value if stored else write.value, expect=None)
            return write

    init = places.Places.__init__

    def blind(self: places.Places, ports: Ports, *others: object) -> None:
        init(self, replace(ports, records=Blind(ports)), *others)  # type: ignore[arg-type]

    monkeypatch.setattr(places.Places, "__init__", blind)
    lost = 0
    for moment in MOMENTS:
        stage = a_place_is_given_back_while_another_execution_looks_for_one(moment)
        try:
            stage.check()
        except Failed:
            lost += 1
    assert lost


def an_execution_has_ended_and_its_worker_could_not_give_its_place_back() -> Stage:
    stage = Stage(narrow(steps=2))
    stage.start("single", key="first")
    slow = stage.take("$start", blind=True)
    stage.until(slow, "end run:a")
    stage.start("single", key="second")
    stage.finish(stage.take("$start", number=2))  # it joins the line
    stage.expire(slow)
    stage.drop(slow)
    stage.until(slow, "records.query")  # it has shown the end, and asks who waits for it
    stage.crash(slow)
    stage.world.store.queue.delete(
        slow.batch.deliveries
    )  # another worker had acknowledged its message before
    stage.rest()
    assert [meta.status for meta in stage.world.metas()] == ["completed", "queued"]
    stage.sweep()
    stage.rest()
    return stage


def test_the_first_in_line_gives_back_what_an_ended_execution_holds() -> None:
    stage = an_execution_has_ended_and_its_worker_could_not_give_its_place_back()
    stage.check()
    assert [meta.status for meta in stage.world.metas()] == ["completed", "completed"]


def test_not_looking_at_the_holders_it_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places.Places, "_give_back_for_the_gone", lambda self, wish: False)
    stage = an_execution_has_ended_and_its_worker_could_not_give_its_place_back()
    with pytest.raises(Failed, match="LOST"):
        stage.check()
