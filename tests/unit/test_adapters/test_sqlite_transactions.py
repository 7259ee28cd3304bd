"""`Database.transaction`: the calls of all adapters on one thread, together or not at all."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polos.adapters.clock import VirtualClock
from polos.adapters.sqlite import SqliteStore
from polos.errors import StoreError
from polos.ports import ABSENT, Key, Outgoing, Put


class Stop(Exception):
    """Leaves a transaction."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "s.db", clock=VirtualClock()) as opened:
        yield opened


def stop_after(store: SqliteStore, work: Callable[[], object]) -> None:
    """Do `work` in a transaction that does not come to its end."""
    with store.database.transaction():
        work()
        raise Stop


def write_everywhere(store: SqliteStore) -> None:
    assert store.log.append("log", 0, ["a"])
    assert store.log.append("log", 1, ["b", "c"])
    assert store.log.publish("topic", ["e"], once="id") == 0
    assert store.records.write(Put(Key("p", "s"), "v", ABSENT, index={"created": ("c", "1")}))
    store.queue.send("queue", [Outgoing("one")])
    store.queue.send("queue", [Outgoing("two"), Outgoing("three")])
    store.timers.at("timer", store.clock.now() + 60, "queue", "later")
    store.timers.repeat("tick", cron="* * * * *", timezone="UTC", queue="queue", body="tick")
    store.blobs.put("blob", b"data")


def rows(store: SqliteStore) -> int:
    tables = ("logs", "entries", "published", "records", "found", "messages", "repeating", "blobs")
    return sum(store.database.rows(f"SELECT count(*) FROM {table}")[0][0] for table in tables)


def test_calls_of_every_adapter_join_it(store: SqliteStore) -> None:
    with store.database.transaction():
        write_everywhere(store)
        assert store.log.read("log") == ["a", "b", "c"], "it sees its own writes"
    assert store.log.read("log") == ["a", "b", "c"]
    assert len(store.queue.receive(["queue"], limit=10)) == 3


def test_an_exception_undoes_all_of_it(store: SqliteStore) -> None:
    before = rows(store)
    with pytest.raises(Stop):
        stop_after(store, lambda: write_everywhere(store))
    assert rows(store) == before
    write_everywhere(store)


def test_a_claim_and_a_delete_are_undone_too(store: SqliteStore) -> None:
    store.queue.send("queue", [Outgoing("a")])
    with pytest.raises(Stop):
        stop_after(store, lambda: store.queue.delete(store.queue.receive(["queue"])))
    (delivery,) = store.queue.receive(["queue"])
    assert delivery.receives == 1


def test_a_refused_append_inside_does_not_end_it(store: SqliteStore) -> None:
    store.log.append("log", 0, ["a"])
    with store.database.transaction():
        assert not store.log.append("log", 0, ["x"])
        assert not store.log.append("log", 0, ["x", "y"])
        assert not store.records.write(Put(Key("p", "s"), "v", 3))
        store.queue.send("queue", [Outgoing("sent")])
    assert store.log.read("log") == ["a"]
    assert [message.body for message in store.queue.receive(["queue"])] == ["sent"]


def test_an_inner_one_is_part_of_the_outer(store: SqliteStore) -> None:
    def inner() -> None:
        with store.database.transaction():
            store.log.append("log", 0, ["a"])

    with pytest.raises(Stop):
        stop_after(store, inner)
    assert store.log.tail("log") == 0


def test_an_error_caught_inside_still_undoes_all_of_it(store: SqliteStore) -> None:
    def work() -> None:
        with store.database.transaction():
            store.log.append("log", 0, ["a"])
            with pytest.raises(Stop):
                stop_after(store, lambda: store.log.append("log", 1, ["half"]))

    with pytest.raises(StoreError, match="nothing of it was written"):
        work()
    assert store.log.tail("log") == 0
    with store.database.transaction():
        assert store.log.append("log", 0, ["b"]), "the next one is not spoiled"


def test_hooks_run_once_it_stands_and_not_if_it_does_not(store: SqliteStore) -> None:
    seen: list[object] = []
    store.database.on_commit(lambda: seen.append("at once"))
    with store.database.transaction():
        store.log.append("log", 0, ["a"])
        with store.database.transaction():
            store.database.on_commit(lambda: seen.append(store.log.tail("log")))
        assert seen == ["at once"]
    assert seen == ["at once", 1]
    with pytest.raises(Stop):
        stop_after(store, lambda: store.database.on_commit(lambda: seen.append("never")))
    with store.database.transaction():
        pass
    assert seen == ["at once", 1]


def test_other_threads_see_nothing_until_it_stands(store: SqliteStore) -> None:
    begun, seen = threading.Event(), []

    def look() -> None:
        begun.set()
        seen.append(store.log.tail("log"))

    with store.database.transaction():
        store.log.append("log", 0, ["a"])
        other = threading.Thread(target=look)
        other.start()
        assert begun.wait(10)
        other.join(timeout=0.1)
        assert seen == []
        store.log.append("log", 1, ["b"])
    other.join(timeout=10)
    assert seen == [2]


def test_many_rows_outside_of_one_are_refused(store: SqliteStore) -> None:
    with pytest.raises(RuntimeError, match="transaction"):
        store.database.run_many("INSERT INTO logs (name) VALUES (?)", [("a",), ("b",)])
    assert rows(store) == 0
