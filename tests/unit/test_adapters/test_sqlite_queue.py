"""What the SQLite queue and timers promise beyond the contract: order, exact times, no help from a stale handle."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from polos.adapters.clock import VirtualClock
from polos.adapters.sqlite import SqliteStore
from polos.adapters.sqlite.waiting import Waiters
from polos.ports import TICK, Delete, Key, Outgoing, Put


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def store(tmp_path: Path, clock: VirtualClock) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "s.db", clock=clock) as opened:
        yield opened


def received(store: SqliteStore, *, limit: int = 50) -> list[str]:
    return [delivery.body for delivery in store.queue.receive(["queue"], limit=limit)]


# --- order --------------------------------------------------------------------------------------------------------


def test_messages_come_by_readiness_and_then_in_the_order_they_were_sent(
    store: SqliteStore, clock: VirtualClock
) -> None:
    store.queue.send("queue", [Outgoing("d", 4), Outgoing("b", 2), Outgoing("c", 2)])
    clock.advance(1)
    store.queue.send("queue", [Outgoing("a"), Outgoing("a2")])
    clock.advance(10)
    store.queue.send("queue", [Outgoing("e")])
    assert received(store) == ["a", "a2", "b", "c", "d", "e"]


def test_a_limit_leaves_the_later_ones(store: SqliteStore) -> None:
    store.queue.send("queue", [Outgoing(str(number)) for number in range(7)])
    assert received(store, limit=3) == ["0", "1", "2"]
    assert received(store, limit=3) == ["3", "4", "5"]


def test_a_limit_is_filled_from_several_queues_in_their_order(store: SqliteStore) -> None:
    for queue in ("c", "a", "b"):
        store.queue.send(queue, [Outgoing(queue + "1"), Outgoing(queue + "2")])
    found = store.queue.receive(["a", "none", "b", "c"], limit=5)
    assert [delivery.body for delivery in found] == ["a1", "a2", "b1", "b2", "c1"]


# --- handles ------------------------------------------------------------------------------------------------------


def test_an_outdated_handle_deletes_nothing(store: SqliteStore, clock: VirtualClock) -> None:
    store.queue.send("queue", [Outgoing("a")])
    (first,) = store.queue.receive(["queue"], visibility=1)
    clock.advance(1)
    (second,) = store.queue.receive(["queue"], visibility=60)
    store.queue.delete([first])
    assert store.queue.extend(second, 60)
    assert store.queue.depth("queue").in_flight == 1


def test_a_lease_ends_at_its_very_second(store: SqliteStore, clock: VirtualClock) -> None:
    store.queue.send("queue", [Outgoing("a")])
    (delivery,) = store.queue.receive(["queue"], visibility=5)
    clock.advance(4.999)
    assert received(store) == []
    assert store.queue.extend(delivery, 5)
    clock.advance(5)
    assert not store.queue.extend(delivery, 5)
    assert received(store) == ["a"]


def test_a_wait_on_a_virtual_clock_lets_just_enough_time_pass(
    store: SqliteStore, clock: VirtualClock
) -> None:
    store.queue.send("queue", [Outgoing("a", 7.5)])
    begun = clock.now()
    assert store.queue.receive(["queue"], wait=5) == []
    assert clock.now() == pytest.approx(begun + 5)
    assert [delivery.body for delivery in store.queue.receive(["queue"], wait=100)] == ["a"]
    assert clock.now() == pytest.approx(begun + 7.5, abs=0.001)


def test_oldest_is_how_long_the_first_has_been_ready(store: SqliteStore, clock: VirtualClock) -> None:
    store.queue.send("queue", [Outgoing("a", 100)])
    clock.advance(130)
    assert store.queue.depth("queue").oldest == pytest.approx(30)


# --- timers -------------------------------------------------------------------------------------------------------


def test_a_one_shot_is_on_the_second_and_needs_no_pump(store: SqliteStore, clock: VirtualClock) -> None:
    store.timers.at("timer", clock.now() + 90, "queue", "body")
    clock.advance(89.5)
    assert received(store) == []
    clock.advance(0.5)
    assert received(store) == ["body"]


def test_a_rest_is_caught_up_in_portions_with_each_tick_once(store: SqliteStore, clock: VirtualClock) -> None:
    store.timers.repeat("t", cron="* * * * *", timezone="UTC", queue="queue", body=TICK)
    clock.advance(250 * 60)
    portions = [store.timers.fire_due() for _ in range(4)]
    assert portions == [100, 100, 50, 0]
    ticks = received(store, limit=1_000)
    assert len(set(ticks)) == len(ticks) == 250
    assert ticks == sorted(ticks)


def test_two_workers_that_fire_send_each_tick_once(
    store: SqliteStore, clock: VirtualClock, tmp_path: Path
) -> None:
    store.timers.repeat("t", cron="* * * * *", timezone="UTC", queue="queue", body=TICK)
    with SqliteStore(tmp_path / "s.db", clock=clock) as other:
        for _ in range(20):
            clock.advance(60)
            assert store.timers.fire_due() + other.timers.fire_due() == 1
    assert len(received(store)) == 20


def test_one_bad_row_does_not_stop_the_others(
    store: SqliteStore, clock: VirtualClock, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("a", "bad", "c"):
        store.timers.repeat(name, cron="* * * * *", timezone="UTC", queue="queue", body=name)
    store.database.run("UPDATE repeating SET timezone = 'Gone/Away' WHERE name = 'bad'")
    clock.advance(60)
    with caplog.at_level(logging.ERROR):
        assert store.timers.fire_due() == 2
    assert "'bad'" in caplog.text
    assert "Gone/Away" in caplog.text
    assert sorted(received(store)) == ["a", "c"]
    clock.advance(60)
    assert store.timers.fire_due() == 2
    store.database.run("UPDATE repeating SET timezone = 'UTC' WHERE name = 'bad'")
    clock.advance(3_600)
    assert store.timers.fire_due() > 2
    assert "bad" in received(store, limit=1_000), "it is tried again after an hour"


def test_firing_with_nothing_due_writes_nothing(store: SqliteStore, tmp_path: Path) -> None:
    store.timers.repeat("t", cron="0 0 1 1 *", timezone="UTC", queue="queue", body=TICK)
    with SqliteStore(tmp_path / "s.db") as other:
        before = other.database.data_version()
        assert store.timers.fire_due() == 0
        assert store.recover() == 0
        assert other.database.data_version() == before


# --- plans --------------------------------------------------------------------------------------------------------


def test_no_statement_of_the_daily_work_reads_a_whole_table(store: SqliteStore, clock: VirtualClock) -> None:
    """Every statement an ordinary life uses, as SQLite would carry it out."""
    asked: set[str] = set()
    connection = store.database._connection
    connection.set_trace_callback(asked.add)
    store.log.append("log", 0, ["a"])
    store.log.append("log", 1, ["b", "c"])
    store.log.append("log", 3, ["d"])
    store.log.publish("log", ["e"], once="id", expires_at=clock.now() + 1)
    store.log.read("log", 1)
    store.log.tail("log")
    index = {"created": ("c", "1")}
    for version in (0, 1):
        store.records.write(Put(Key("p", "s"), "v", version, index=index, expires_at=clock.now() + 9))
    store.records.get(Key("p", "s"))
    for reverse in (False, True):
        store.records.query("p", prefix="s", reverse=reverse)
        store.records.find("created", "c", reverse=reverse, cursor='["1","p","a"]')
    store.records.write(Delete(Key("p", "s")))
    store.queue.send("queue", [Outgoing("a"), Outgoing("b")])
    found = store.queue.receive(["queue", "other"], limit=2)
    store.queue.receive(["queue"], wait=0.1)
    store.queue.extend(found[0], 5)
    store.queue.delete(found)
    store.timers.at("timer", clock.now() + 60, "queue", "body")
    store.timers.cancel("timer")
    store.log.purge()
    store.records.purge()
    store.log.delete("log")
    connection.set_trace_callback(None)
    plans = {
        statement: detail
        for statement in asked
        if statement.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
        for *_, detail in connection.execute("EXPLAIN QUERY PLAN " + statement)
    }
    assert len(asked) > 25
    assert {statement: plan for statement, plan in plans.items() if "SCAN" in plan or "B-TREE" in plan} == {}


# --- who is woken -------------------------------------------------------------------------------------------------


def test_as_many_are_woken_as_there_are_messages_and_only_who_waits_for_them() -> None:
    waiters = Waiters()
    with (
        waiters.waiting(["a"]) as first,
        waiters.waiting(["b"]) as other,
        waiters.waiting(["b", "a"]) as second,
        waiters.waiting(["a"]) as third,
    ):
        waiters.notify("a", 2)
        assert [one.wait(0) for one in (first, other, second, third)] == [True, False, True, False]
        waiters.notify("a", 1)
        waiters.notify("a", 1)
        assert [one.wait(0) for one in (first, other, second, third)] == [True, False, True, False]


def test_a_change_that_wakes_nobody_is_still_counted() -> None:
    waiters = Waiters()
    before = waiters.generation
    with waiters.waiting(["a"]) as waiter:
        waiters.notify("a", 0)
        assert not waiter.wait(0)
    assert waiters.generation == before + 1
