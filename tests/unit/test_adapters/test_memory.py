"""What the store in memory gives a simulation beyond the contract."""

import random

import pytest

from polos.adapters.clock import VirtualClock
from polos.adapters.memory import MemoryStore
from polos.errors import StoreError
from polos.ports import TICK, Outgoing


@pytest.fixture
def store() -> MemoryStore[VirtualClock]:
    return MemoryStore.virtual()


def test_an_append_that_would_leave_a_gap_is_reported(store: MemoryStore[VirtualClock]) -> None:
    store.log.append("log", 0, ["a"])
    with pytest.raises(StoreError, match="gap"):
        store.log.append("log", 2, ["c"])
    assert store.log.tail("log") == 1


def test_messages_come_in_the_order_they_became_ready(store: MemoryStore[VirtualClock]) -> None:
    store.queue.send("queue", [Outgoing("c", 3), Outgoing("a"), Outgoing("b", 1), Outgoing("a2")])
    store.clock.advance(5)
    found = store.queue.receive(["queue"], limit=9)
    assert [delivery.body for delivery in found] == ["a", "a2", "b", "c"]


def test_a_simulation_may_choose_the_order() -> None:
    def order(seed: int) -> list[str]:
        store = MemoryStore.virtual(choose=random.Random(seed).randrange)
        store.queue.send("queue", [Outgoing(str(number)) for number in range(8)])
        return [delivery.body for delivery in store.queue.receive(["queue"], limit=8)]

    assert order(1) == order(1)
    assert sorted(order(1)) == [str(number) for number in range(8)]
    assert len({tuple(order(seed)) for seed in range(10)}) == 10


def test_a_wait_lets_just_enough_time_pass(store: MemoryStore[VirtualClock]) -> None:
    store.queue.send("queue", [Outgoing("a", 7.5)])
    begun = store.clock.now()
    assert store.queue.receive(["queue"], wait=5) == []
    assert store.clock.now() == pytest.approx(begun + 5)
    assert [delivery.body for delivery in store.queue.receive(["queue"], wait=100)] == ["a"]
    assert store.clock.now() == pytest.approx(begun + 7.5, abs=0.001)


def test_an_outdated_handle_deletes_nothing(store: MemoryStore[VirtualClock]) -> None:
    store.queue.send("queue", [Outgoing("a")])
    (first,) = store.queue.receive(["queue"], visibility=1)
    store.clock.advance(1)
    store.queue.receive(["queue"], visibility=60)
    store.queue.delete([first])
    assert store.queue.depth("queue").in_flight == 1


def test_the_next_event_is_where_time_may_jump_to(store: MemoryStore[VirtualClock]) -> None:
    assert store.next_event() is None
    now = store.clock.now()
    store.timers.repeat("r", cron="0 0 1 1 *", timezone="UTC", queue="queue", body="b")
    store.timers.at("t", now + 500, "queue", "b")
    assert store.next_event() == now + 500
    store.queue.send("queue", [Outgoing("a", 30)])
    assert store.next_event() == now + 30
    store.clock.advance_to(now + 30)
    store.queue.receive(["queue"], visibility=60)
    assert store.next_event() == now + 90


def test_one_shots_may_fire_early_and_ticks_never(store: MemoryStore[VirtualClock]) -> None:
    store.clock.advance_to(1_800_000_030.0)
    store.timers.at("t", store.clock.now() + 100, "queue", "once")
    store.timers.repeat("r", cron="* * * * *", timezone="UTC", queue="queue", body=TICK)
    assert store.timers.fire_due() == 0
    assert store.timers.fire_due(early=120) == 1
    assert [delivery.body for delivery in store.queue.receive(["queue"], limit=5)] == ["once"]


def test_what_is_due_is_sent_in_order_of_due_times(store: MemoryStore[VirtualClock]) -> None:
    now = store.clock.now()
    store.timers.at("late", now + 600, "queue", "3")
    store.timers.repeat("tick", cron="*/5 * * * *", timezone="UTC", queue="queue", body="2")
    store.timers.at("soon", now + 10, "queue", "1")
    store.clock.advance(700)
    assert store.timers.fire_due() == 4
    found = store.queue.receive(["queue"], limit=9)
    assert [delivery.body for delivery in found] == ["1", "2", "2", "3"]
