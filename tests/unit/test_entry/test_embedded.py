"""The runtime of one machine: what it does when its disk is full, and that it forgets what has expired."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from polos import StoreError, WorkflowContext
from polos.core.definitions import Definition, Registry, Schedule
from polos.entry.embedded import Embedded
from polos.ports import Key, Put
from polos.runtime.schedules import ScheduleRecord, Schedules

PATIENCE_SECONDS = 20.0


async def fills(ctx: WorkflowContext) -> int:
    """Each step gives as much as there is room for, and more."""
    sizes = [len(await ctx.step.run(f"step {number}", _large, number)) for number in range(5)]
    return sum(sizes)


ran: list[int] = []


def _large(number: int) -> str:
    ran.append(number)
    return "x" * 50_000


def until(holds: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.01)


@pytest.fixture
def registry() -> Registry:
    ran.clear()
    found = Registry()
    found.add(Definition("fills", fills))
    return found


def pages(embedded: Embedded, most: int) -> None:
    embedded.store.database.rows(f"PRAGMA max_page_count = {most}")


def test_a_full_disk_stops_the_worker_and_nothing_is_run_over_and_over(
    tmp_path: Path, registry: Registry
) -> None:
    embedded = Embedded(tmp_path / "polos.db", registry=registry)
    pages(embedded, 30 + embedded.store.database.rows("PRAGMA page_count")[0][0])
    started = embedded.service.start("fills")
    with pytest.raises(StoreError, match=r"is full.*free some space"):
        embedded.wait(started.execution, PATIENCE_SECONDS)
    assert len(ran) == len(set(ran))
    embedded.close()

    with_room = Embedded(tmp_path / "polos.db", registry=registry)
    try:
        assert with_room.service.result(with_room.wait(started.execution, PATIENCE_SECONDS)) == 250_000
    finally:
        with_room.close()
    assert sorted(set(ran)) == [0, 1, 2, 3, 4]
    assert len(ran) <= 6, "only what could not be recorded ran again"


def test_what_has_expired_goes_when_a_worker_starts(tmp_path: Path, registry: Registry) -> None:
    asking = Embedded(tmp_path / "polos.db", registry=registry, work=False)
    asking.store.ports.records.write(Put(Key("p", "old"), "{}", expires_at=asking.store.clock.now() - 1))
    asking.close()
    worker = Embedded(tmp_path / "polos.db", registry=registry)
    try:
        until(lambda: not worker.store.database.rows("SELECT 1 FROM records WHERE partition = 'p'"))
    finally:
        worker.close()


def opened_with(file: Path, *scheduled: str, app: str = "") -> list[str]:
    """Open a store with workflows of these ids, each with a schedule of the code; give what is scheduled then."""
    registry = Registry()
    registry.add(Definition("embedded-unscheduled", fills))
    for name in scheduled:
        registry.add(Definition(name, fills, schedule=Schedule("0 9 * * *")))
    with closing(Embedded(file, registry=registry, app=app)) as embedded:
        return [schedule.id for schedule in Schedules(embedded.host.ports, "default").list()]


def test_a_schedule_whose_workflow_an_app_has_no_more_is_gone_and_those_of_others_stay(
    tmp_path: Path,
) -> None:
    file = tmp_path / "polos.db"
    opened_with(file, "embedded-old", "embedded-kept", app="shop.py")
    opened_with(file, "embedded-other", app="other.py")
    opened_with(file, "embedded-unknown")
    with closing(Embedded(file, work=False)) as embedded:
        made = ScheduleRecord("embedded-old", "made", "0 9 * * *")
        Schedules(embedded.host.ports, "default").put(made)
    everything = [f"embedded-{name}:global" for name in ("kept", "old", "other", "unknown")]
    everything.insert(2, "embedded-old:made")
    assert sorted(opened_with(file, "embedded-kept")) == sorted(everything), (
        "who names no app deletes nothing"
    )
    left = opened_with(file, "embedded-kept", app="shop.py")
    assert sorted(left) == sorted({*everything} - {"embedded-old:global"})
