"""What stands in the file, and what happens when it is not as it should be."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from polos.adapters.sqlite import Database, SqliteStore
from polos.adapters.sqlite.schema import APPLICATION_ID, VERSION
from polos.errors import StoreError, StoreTooNew, TryAgain
from polos.ports import Key, Outgoing, Put


def pragma(database: Database, name: str) -> object:
    return database.rows(f"PRAGMA {name}")[0][0]


def test_a_new_file_is_made_with_its_directory_and_says_whose_it_is(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "store.db"
    with SqliteStore(path) as store:
        store.log.append("log", 0, ["a"])
    with closing(sqlite3.connect(path)) as plain:
        assert plain.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert plain.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)


def test_everything_is_there_when_it_is_opened_again(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as store:
        store.log.publish("log", ["a", "b"], once="id")
        store.records.write(Put(Key("p", "s"), "value", index={"created": ("c", "1")}))
        store.queue.send("queue", [Outgoing("message"), Outgoing("later", delay=1e9)])
        store.timers.at("timer", store.clock.now() + 1e6, "queue", "body")
        store.timers.repeat("tick", cron="0 0 1 1 *", timezone="UTC", queue="queue", body="body")
        store.blobs.put("blob", b"data")
    with SqliteStore(tmp_path / "s.db") as store:
        assert store.log.read("log") == ["a", "b"]
        assert store.log.publish("log", ["a", "b"], once="id") == 0
        assert [record.value for record in store.records.find("created", "c").records] == ["value"]
        assert [message.body for message in store.queue.receive(["queue"])] == ["message"]
        assert store.queue.depth("queue").delayed == 2
        assert store.timers.next_due() is not None
        assert store.blobs.get("blob") == b"data"


@pytest.mark.parametrize(("durability", "level"), [("normal", 1), ("full", 2)])
def test_the_durability_asked_for_is_applied(tmp_path: Path, durability: str, level: int) -> None:
    with SqliteStore(tmp_path / "s.db", durability=durability) as store:  # type: ignore[arg-type]
        assert pragma(store.database, "synchronous") == level
        assert pragma(store.database, "journal_mode") == "wal"
    with SqliteStore(tmp_path / "s.db") as store:
        assert pragma(store.database, "synchronous") == 1, "it is a matter of who opens, not of the file"


def test_an_unknown_durability_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'normal' or 'full'"):
        SqliteStore(tmp_path / "s.db", durability="paranoid")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_empty_file_is_a_new_store(tmp_path: Path) -> None:
    (tmp_path / "s.db").touch()
    with SqliteStore(tmp_path / "s.db") as store:
        assert store.log.append("log", 0, ["a"])


# --- not ours, too new --------------------------------------------------------------------------------------------


def test_a_file_of_a_newer_version_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as plain:
        plain.execute(f"PRAGMA user_version = {VERSION + 1}")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match="Upgrade polos-worker") as caught:
        SqliteStore(path)
    assert str(path) in str(caught.value)
    assert str(VERSION + 1) in str(caught.value)
    assert path.read_bytes() == before


def test_a_database_of_somebody_else_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as plain:
        plain.execute("CREATE TABLE customers (name TEXT)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="not one of polos") as caught:
        SqliteStore(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["theirs.db"]


# --- damaged ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"{}", b"this is a text file, and a long one\n" * 500, b"\0" * 5_000])
def test_a_file_that_is_no_database_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="damaged or is no SQLite database") as caught:
        SqliteStore(path)
    assert str(path) in str(caught.value)
    assert ".recover" in str(caught.value)
    assert path.read_bytes() == content


def filled(path: Path) -> None:
    with SqliteStore(path) as store:
        for number in range(400):
            store.log.append(f"log {number % 20}", number // 20, [f"{number} " + "x" * 500])


def test_pages_that_were_overwritten_are_reported_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    filled(path)
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 3)
        file.write(b"\xa5" * (size // 2))

    def use() -> None:
        with SqliteStore(path) as store:
            for number in range(20):
                store.log.read(f"log {number}")

    with pytest.raises(StoreError, match="damaged") as caught:
        use()
    assert str(path) in str(caught.value)


def test_a_file_cut_short_is_reported_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    filled(path)
    os.truncate(path, path.stat().st_size // 2)

    def use() -> None:
        with SqliteStore(path) as store:
            for number in range(20):
                store.log.read(f"log {number}")

    with pytest.raises(StoreError, match="damaged") as caught:
        use()
    assert "backup" in str(caught.value)


# --- no place to write --------------------------------------------------------------------------------------------


def no_place(tmp_path: Path, kind: str) -> Path:
    if kind == "below a file":
        (tmp_path / "file").touch()
        return tmp_path / "file" / "s.db"
    if kind == "a directory":
        (tmp_path / "s.db").mkdir()
        return tmp_path / "s.db"
    if kind == "a file system that takes no files":
        if not Path("/proc/self").exists():
            pytest.skip("this system has no /proc")
        return Path("/proc/s.db")
    if os.geteuid() == 0:
        pytest.skip("permissions do not bind the superuser")
    (tmp_path / "closed").mkdir(mode=0o555)
    return tmp_path / "closed" / "s.db"


@pytest.mark.parametrize(
    "kind", ["below a file", "a directory", "a file system that takes no files", "a read-only directory"]
)
def test_a_path_that_cannot_be_written_is_refused_with_what_to_do(tmp_path: Path, kind: str) -> None:
    path = no_place(tmp_path, kind)
    with pytest.raises(StoreError, match="cannot be opened for writing") as caught:
        SqliteStore(path)
    assert str(path) in str(caught.value)
    assert "permissions" in str(caught.value)


def test_a_full_disk_is_named_and_the_store_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "s.db") as store:
        store.log.append("log", 0, ["before"])
        pages = pragma(store.database, "page_count")
        store.database.rows(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(StoreError, match="full"):
            store.log.append("log", 1, ["a", "x" * 1_000_000])
        assert store.log.read("log") == ["before"]
        store.database.rows("PRAGMA max_page_count = 1000000")
        assert store.log.append("log", 1, ["a", "x" * 1_000_000])


def test_a_file_that_stays_locked_is_try_again_and_nothing_is_written(tmp_path: Path) -> None:
    database = Database(tmp_path / "s.db", busy_seconds=0.05)
    with closing(database), closing(sqlite3.connect(tmp_path / "s.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(TryAgain, match="locked"):
            database.run("INSERT INTO logs (name) VALUES ('a')")
        with pytest.raises(TryAgain, match="locked"), database.transaction():
            raise AssertionError("the transaction did not begin")
        other.execute("ROLLBACK")
        with database.transaction():
            database.run("INSERT INTO logs (name) VALUES ('b')")
        assert database.rows("SELECT name FROM logs") == [("b",)]


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.close()
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.log.append("log", 0, ["a"])
    with pytest.raises(StoreError, match="closed"), store.database.transaction():
        raise AssertionError("the transaction did not begin")


def test_a_store_that_has_broken_is_closed_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    store = SqliteStore(tmp_path / "s.db")
    store.queue.send("queue", [Outgoing("message")])
    store.queue.receive(["queue"])
    store.database.run("DROP TABLE messages")
    store.close()
    assert "no such table: messages" in caplog.text
    with pytest.raises(StoreError, match="closed"):
        store.log.read("log")
