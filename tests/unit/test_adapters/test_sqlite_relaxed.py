"""With durability "full" every commit waits for the disk, but for those of claims: they may be lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from polos.adapters.sqlite import SqliteStore
from polos.errors import StoreError
from polos.ports import Outgoing

FULL, NORMAL = 2, 1


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    with SqliteStore(tmp_path / "s.db", durability="full") as store:
        yield store


def level(store: SqliteStore) -> int:
    return int(store.database.rows("PRAGMA synchronous")[0][0])


class Levels:
    """The level at which each writing statement ran."""

    def __init__(self, store: SqliteStore) -> None:
        self.seen: dict[str, int] = {}
        self._level = level(store)
        store.database._connection.set_trace_callback(self._note)

    def _note(self, statement: str) -> None:
        words = statement.split()
        if words[:2] == ["PRAGMA", "synchronous"]:
            self._level = {"NORMAL": NORMAL, "FULL": FULL}[words[-1]]
        elif words[0] in {"INSERT", "UPDATE", "DELETE"}:
            self.seen[words[0]] = self._level


def test_claims_and_their_ends_do_not_wait_and_everything_else_does(store: SqliteStore) -> None:
    levels = Levels(store)
    store.queue.send("q", [Outgoing("message")])
    (delivery,) = store.queue.receive(["q"])
    store.queue.delete([delivery])
    assert levels.seen == {"INSERT": FULL, "UPDATE": NORMAL, "DELETE": NORMAL}
    store.log.append("log", 0, ["entry"])
    assert level(store) == FULL


def test_a_statement_that_fails_leaves_the_level_as_it_was(store: SqliteStore) -> None:
    with pytest.raises(StoreError), store.database.relaxed():
        store.database.run("DELETE FROM nothing")
    assert level(store) == FULL


def test_inside_of_a_transaction_nothing_is_relaxed(store: SqliteStore) -> None:
    store.queue.send("q", [Outgoing("message")])
    levels = Levels(store)
    with store.database.transaction():
        (delivery,) = store.queue.receive(["q"])
        store.queue.delete([delivery])
    assert levels.seen == {"UPDATE": FULL, "DELETE": FULL}


def test_with_normal_durability_there_is_nothing_to_relax(tmp_path: Path) -> None:
    with SqliteStore(tmp_path / "n.db") as store, store.database.relaxed():
        assert level(store) == NORMAL
    with SqliteStore(tmp_path / "n.db") as store:
        assert level(store) == NORMAL
