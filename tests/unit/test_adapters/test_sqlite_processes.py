"""Several processes on one file, and what is left of one that was killed."""

import os
import signal
import threading
from pathlib import Path

import pytest

from polos.adapters.sqlite import SqliteStore
from polos.ports import Delivery, Key, Outgoing, Put
from support.processes import Process

WORKER = """
import time
from polos.adapters.sqlite import SqliteStore
store = SqliteStore(sys.argv[1])
found = store.queue.receive(["queue"], limit=int(sys.argv[2]), visibility=3600, wait=30)
say(*sorted(delivery.body for delivery in found))
while (told := listen()):
    say(*(store.queue.extend(delivery, 3600) for delivery in found))
"""


def bodies(deliveries: list[Delivery]) -> list[str]:
    return sorted(delivery.body for delivery in deliveries)


# --- killed -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", ["normal", "full"])
@pytest.mark.parametrize("heard", [1, 137, 600])
def test_what_was_acknowledged_before_a_kill_stands(tmp_path: Path, durability: str, heard: int) -> None:
    program = """
    from polos.adapters.sqlite import SqliteStore
    store = SqliteStore(sys.argv[1], durability=sys.argv[2])
    for position in range(1_000):
        assert store.log.append("log", position, [f"{position} " + "x" * 300])
        say(position)
    say("done")
    listen()
    """
    with Process(program, tmp_path / "s.db", durability) as process:
        for _ in range(heard):
            last = process.hear()
        rest = process.kill()
    acknowledged = int(next((line for line in reversed(rest) if line != "done"), last)) + 1
    with SqliteStore(tmp_path / "s.db") as store:
        entries = store.log.read("log")
        assert acknowledged <= len(entries) <= acknowledged + 1
        assert entries == [f"{position} " + "x" * 300 for position in range(len(entries))]
        assert store.log.append("log", len(entries), ["it goes on"])
        assert store.database.rows("PRAGMA integrity_check") == [("ok",)]


def test_a_killed_transaction_stands_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    program = """
    from polos.adapters.sqlite import SqliteStore
    from polos.ports import Key, Outgoing, Put
    store = SqliteStore(sys.argv[1])
    for number in range(100_000):
        with store.database.transaction():
            store.log.append("left", number, [str(number)])
            store.queue.send("queue", [Outgoing(str(number))])
            store.records.write(Put(Key("p", "count"), str(number)))
            store.log.append("right", number, [str(number)])
        say(number)
    """
    with Process(program, tmp_path / "s.db") as process:
        for _ in range(300):
            process.hear()
        rest = process.kill()
    with SqliteStore(tmp_path / "s.db") as store:
        left = store.log.read("left")
        assert len(left) >= 300 + len(rest)
        assert store.log.read("right") == left
        assert store.queue.depth("queue").ready == len(left)
        count = store.records.get(Key("p", "count"))
        assert count is not None
        assert count.version == len(left)


def test_what_a_killed_worker_had_claimed_is_given_back_at_once(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as store:
        store.queue.send("queue", [Outgoing(str(number)) for number in range(4)])
        with Process(WORKER, tmp_path / "s.db", 3) as worker:
            assert worker.hear() == "0 1 2"
            assert store.recover(thorough=True) == 0, "it lives"
            assert bodies(store.queue.receive(["queue"], limit=5)) == ["3"]
            worker.kill()
        assert store.recover() == 3
        again = store.queue.receive(["queue"], limit=5)
        assert [(delivery.body, delivery.receives) for delivery in again] == [("0", 2), ("1", 2), ("2", 2)]
        assert store.recover(thorough=True) == 0, "and its own claims are not given back"


def test_a_living_worker_is_not_robbed_when_another_dies(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as store:
        store.queue.send("queue", [Outgoing("a")])
        with Process(WORKER, tmp_path / "s.db", 1) as living:
            assert living.hear() == "a"
            store.queue.send("queue", [Outgoing("b")])
            with Process(WORKER, tmp_path / "s.db", 1) as dying:
                assert dying.hear() == "b"
                dying.kill()
            for _ in range(3):
                store.recover(thorough=True)
            assert bodies(store.queue.receive(["queue"], limit=5)) == ["b"]
            living.tell("extend")
            assert living.hear() == "True", "it still owns its message"


def test_a_killed_worker_is_noticed_by_a_process_that_starts_later(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as store:
        store.queue.send("queue", [Outgoing("a")])
    with Process(WORKER, tmp_path / "s.db", 1) as worker:
        worker.hear()
        worker.kill()
    with SqliteStore(tmp_path / "s.db") as store:
        assert store.queue.receive(["queue"]) == []
        assert store.recover(thorough=True) == 1
        assert bodies(store.queue.receive(["queue"])) == ["a"]
    assert list((tmp_path / "s.db-workers").iterdir()) == [], "the dead are buried, and who leaves cleans up"


def test_a_waiting_receiver_gets_what_is_given_back(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as store:
        store.queue.send("queue", [Outgoing("a")])
        with Process(WORKER, tmp_path / "s.db", 1) as worker:
            worker.hear()
            got: list[Delivery] = []
            waiting = threading.Thread(
                target=lambda: got.extend(store.queue.receive(["queue"], wait=25)), daemon=True
            )
            waiting.start()
            worker.kill()
            assert store.recover() == 1
            waiting.join(timeout=15)
            assert bodies(got) == ["a"]


def test_a_worker_whose_lock_file_was_removed_is_found_by_the_thorough_look(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as store:
        store.queue.send("queue", [Outgoing("a")])
        with Process(WORKER, tmp_path / "s.db", 1) as worker:
            worker.hear()
            worker.kill()
        for path in (tmp_path / "s.db-workers").iterdir():
            path.unlink()
        assert store.recover() == 0
        assert store.recover(thorough=True) == 1


def test_a_worker_that_closes_gives_back_what_it_holds(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as other:
        other.queue.send("queue", [Outgoing("a"), Outgoing("done")])
        with SqliteStore(tmp_path / "s.db") as closing:
            deliveries = closing.queue.receive(["queue"], limit=2, visibility=3600)
            closing.queue.delete(deliveries[1:])
            assert other.queue.receive(["queue"]) == []
        assert bodies(other.queue.receive(["queue"], limit=5)) == ["a"]


def test_two_stores_of_one_process_are_two_workers(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as one, SqliteStore(tmp_path / "s.db") as two:
        one.queue.send("queue", [Outgoing("a"), Outgoing("b")])
        held = [*one.queue.receive(["queue"]), *two.queue.receive(["queue"])]
        assert bodies(held) == ["a", "b"]
        assert one.recover(thorough=True) == two.recover(thorough=True) == 0
        assert one.queue.receive(["queue"]) == two.queue.receive(["queue"]) == []


# --- forked -------------------------------------------------------------------------------------------------------

FORKER = """
import time
from polos.adapters.sqlite import SqliteStore
from polos.errors import StoreError
store = SqliteStore(sys.argv[1])
assert store.queue.receive(["queue"], visibility=3600)
child = os.fork()
if child == 0:
    try:
        store.log.append("log", 0, ["from the child"])
    except StoreError as error:
        say("child", "forked" in str(error))
    time.sleep(60)
    os._exit(0)
say("parent", child)
store.log.append("log", 0, ["from the parent"])
say("parent", store.log.tail("log"))
listen()
"""


def test_a_forked_child_neither_writes_nor_keeps_its_dead_parent_alive(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as store:
        store.queue.send("queue", [Outgoing("a")])
        with Process(FORKER, tmp_path / "s.db") as parent:
            said = [parent.hear() for _ in range(3)]
            child = next(
                int(line.split()[1]) for line in said if line.startswith("parent ") and line != "parent 1"
            )
            try:
                assert "child True" in said
                assert store.recover() == 0, "the parent lives"
                os.kill(parent.pid, signal.SIGKILL)
                parent.wait()
                assert store.recover() == 1, "though its child lives"
            finally:
                os.kill(child, signal.SIGKILL)
        assert store.log.read("log") == ["from the parent"]


# --- side by side -------------------------------------------------------------------------------------------------


def test_processes_publish_without_a_gap_and_count_without_a_loss(tmp_path: Path) -> None:
    program = """
    from polos.adapters.sqlite import SqliteStore
    from polos.ports import Key, Put
    store = SqliteStore(sys.argv[1])
    listen()
    for number in range(150):
        store.log.publish("topic", [f"{sys.argv[2]}.{number}"], once=f"{sys.argv[2]}.{number}")
        made = False
        while not made:
            record = store.records.get(Key("p", "count"))
            made = store.records.write(Put(Key("p", "count"), str(int(record.value) + 1), record.version))
    """
    with SqliteStore(tmp_path / "s.db") as store:
        store.records.write(Put(Key("p", "count"), "0"))
        with Process(program, tmp_path / "s.db", "a") as one, Process(program, tmp_path / "s.db", "b") as two:
            one.tell()
            two.tell()
            one.finish()
            two.finish()
        entries = store.log.read("topic")
        assert sorted(entries) == sorted(f"{name}.{number}" for name in "ab" for number in range(150))
        count = store.records.get(Key("p", "count"))
        assert count is not None
        assert (count.value, count.version) == ("300", 301)


def test_processes_receive_each_message_once(tmp_path: Path) -> None:
    program = """
    from polos.adapters.sqlite import SqliteStore
    store = SqliteStore(sys.argv[1])
    listen()
    while (found := store.queue.receive(["queue"], limit=3)):
        for delivery in found:
            say(delivery.body)
        store.queue.delete(found)
    """
    with SqliteStore(tmp_path / "s.db") as store:
        store.queue.send("queue", [Outgoing(str(number)) for number in range(300)])
        with Process(program, tmp_path / "s.db") as one, Process(program, tmp_path / "s.db") as two:
            one.tell()
            two.tell()
            heard = one.finish() + two.finish()
    assert sorted(heard, key=int) == [str(number) for number in range(300)]


def test_a_waiting_receiver_notices_what_another_process_sends(tmp_path: Path) -> None:
    program = """
    from polos.adapters.sqlite import SqliteStore
    from polos.ports import Outgoing
    store = SqliteStore(sys.argv[1])
    say("ready")
    listen()
    store.queue.send("queue", [Outgoing("from elsewhere")])
    """
    with SqliteStore(tmp_path / "s.db") as store, Process(program, tmp_path / "s.db") as sender:
        sender.hear()
        got: list[Delivery] = []
        waiting = threading.Thread(
            target=lambda: got.extend(store.queue.receive(["queue"], wait=600)), daemon=True
        )
        waiting.start()
        waiting.join(timeout=0.2)
        assert waiting.is_alive()
        sender.tell()
        waiting.join(timeout=30)
        assert bodies(got) == ["from elsewhere"]


def test_processes_that_open_a_new_file_at_once_all_succeed(tmp_path: Path) -> None:
    program = """
    from polos.adapters.sqlite import SqliteStore
    say("ready")
    listen()
    with SqliteStore(sys.argv[1]) as store:
        store.log.publish("log", [sys.argv[2]])
    """
    processes = [Process(program, tmp_path / "s.db", number) for number in range(4)]
    for process in processes:
        process.hear()
    for process in processes:
        process.tell()
    for process in processes:
        process.finish()
    with SqliteStore(tmp_path / "s.db") as store:
        assert sorted(store.log.read("log")) == ["0", "1", "2", "3"]
