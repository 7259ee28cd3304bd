"""Sequence ids of a topic are 1, 2, 3 ... with no gap and no double, however many publish at the same time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polos.adapters.clock import SystemClock
from polos.adapters.memory import MemoryStore
from polos.adapters.sqlite import SqliteStore
from polos.ports import Ports
from polos.runtime.topics import Topics
from polos.testing.moto import MotoHarness

PUBLISHERS = 6
EACH = 15


@pytest.fixture(params=["memory", "local", "aws"])
def ports(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Ports]]:
    """Gives each publisher its ports, as if each were a process of its own."""
    if request.param == "memory":
        store = MemoryStore.virtual()
        yield lambda: store.ports
    elif request.param == "local":
        stores: list[SqliteStore] = []

        def opened() -> Ports:
            stores.append(SqliteStore(tmp_path / "polos.db"))
            return stores[-1].ports

        yield opened
        for one in stores:
            one.close()
    else:
        # Threads race here, and one that has lost pauses: on a virtual clock that would give the others no time.
        with MotoHarness(queues=["default"], clock=SystemClock()) as account:
            yield account.ports


def publish(ports: Ports, who: int, given: list[tuple[int, str]]) -> None:
    topics = Topics(ports, "test")
    for number in range(EACH):
        name = f"{who}-{number}"
        if number % 3:
            given.append((topics.publish("busy", name, "", f'"{name}"').sequence, name))
        else:
            pair = [(f"{name}{half}", "", f'"{name}{half}"') for half in "ab"]
            given.extend((event.sequence, event.id) for event in topics.publish_all("busy", pair))


def test_every_event_has_the_next_number(ports: Callable[[], Ports]) -> None:
    given: list[list[tuple[int, str]]] = [[] for _ in range(PUBLISHERS)]
    threads = [threading.Thread(target=publish, args=(ports(), who, given[who])) for who in range(PUBLISHERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = Topics(ports(), "test").read("busy")
    assert [event.sequence for event in events] == list(range(1, PUBLISHERS * 20 + 1))
    told = {sequence: name for publisher in given for sequence, name in publisher}
    assert told == {event.sequence: event.id for event in events}
    for publisher in given:
        assert [sequence for sequence, _ in publisher] == sorted(sequence for sequence, _ in publisher)


def test_an_event_with_the_same_id_is_published_once(ports: Callable[[], Ports]) -> None:
    found: list[int] = []

    def same(ports: Ports) -> None:
        found.append(Topics(ports, "test").publish("once", "the-id", "", "1").sequence)

    threads = [threading.Thread(target=same, args=(ports(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1] * 4
    assert len(Topics(ports(), "test").read("once")) == 1
