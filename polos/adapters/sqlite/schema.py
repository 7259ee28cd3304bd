"""The tables of the one file, and how a file comes to have them.

`PRAGMA user_version` is the number of migrations a file has been through; `PRAGMA application_id` says that it is
ours. A file with a higher number was written by a newer polos and is refused; nothing is written to it.

Entries of logs lie in one tree under a number: the log's own in the upper bits, the position in the lower 32. So an
append is a lookup of the name in a small tree and one insert, with no index to keep.

Messages lie under a number too, and are found by (queue, visible_at). A claim moves `visible_at` to the end of the
lease; `claim` is the token of the latest receive and `worker` who holds it (see `workers`). A one-shot timer is a
message that is not visible yet, with the timer's name in `timer` until it is claimed.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from polos.errors import StoreError, StoreTooNew

APPLICATION_ID: Final = 0x706F6C6F  # "polo"

POSITION_BITS: Final = 32

_FIRST: Final = """
CREATE TABLE logs (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    look_at REAL                    -- when the first standing entry expires; NULL: it does not
);
CREATE INDEX logs_look_at ON logs (look_at) WHERE look_at IS NOT NULL;
CREATE TABLE entries (
    id INTEGER PRIMARY KEY,         -- (logs.id << 32) | position
    body TEXT NOT NULL,
    expires_at REAL
);
CREATE TABLE published (            -- the `once` ids
    log_id INTEGER NOT NULL,
    once TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (log_id, once)
) WITHOUT ROWID;

CREATE TABLE records (
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    value TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at REAL,
    spots TEXT NOT NULL,            -- where `found` has it: JSON, {index: [partition, sort]}
    PRIMARY KEY (partition, sort)
) WITHOUT ROWID;
CREATE INDEX records_expires_at ON records (expires_at) WHERE expires_at IS NOT NULL;
CREATE TABLE found (                -- the secondary orders
    name TEXT NOT NULL,
    partition TEXT NOT NULL,
    sort TEXT NOT NULL,
    key_partition TEXT NOT NULL,
    key_sort TEXT NOT NULL,
    PRIMARY KEY (name, partition, sort, key_partition, key_sort)
) WITHOUT ROWID;

CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    queue TEXT NOT NULL,
    visible_at REAL NOT NULL,
    body TEXT NOT NULL,
    sent_at REAL NOT NULL,
    receives INTEGER NOT NULL DEFAULT 0,
    ready_at REAL,                  -- visible_at before the latest claim: the order in which to hand out
    claim INTEGER,
    worker TEXT,
    timer TEXT
);
CREATE INDEX messages_visible_at ON messages (queue, visible_at);
CREATE UNIQUE INDEX messages_timer ON messages (timer) WHERE timer IS NOT NULL;

CREATE TABLE repeating (
    name TEXT PRIMARY KEY,
    cron TEXT NOT NULL,
    timezone TEXT NOT NULL,
    queue TEXT NOT NULL,
    body TEXT NOT NULL,
    due REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE blobs (
    name TEXT PRIMARY KEY,
    data BLOB NOT NULL
);
"""

MIGRATIONS: Final = (_FIRST,)
"""Script n takes a file of version n to n + 1. A script that was released is never changed."""

VERSION: Final = len(MIGRATIONS)


def check_version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the file, 0 if it is empty. Writes nothing.

    Raises:
        StoreTooNew: A newer polos wrote it.
        StoreError: It is a database of something else.
    """
    version, owner, tables = _identity(connection)
    if owner not in {0, APPLICATION_ID} or (owner == 0 and (tables or version)):
        raise StoreError(
            f"{path} is an SQLite database, but not one of polos (application_id {owner}); "
            "give the store a path of its own"
        )
    if version > VERSION:
        raise StoreTooNew(
            f"{path} has version {version}, and this polos reads up to {VERSION}: a newer polos wrote it. "
            "Upgrade polos-worker, or give it another path to begin a new store"
        )
    return version


def _identity(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """(version, owner, number of tables) at one moment: in between, another process may be making the tables."""
    alone = not connection.in_transaction
    if alone:
        connection.execute("BEGIN")
    try:
        version: int = connection.execute("PRAGMA user_version").fetchone()[0]
        owner: int = connection.execute("PRAGMA application_id").fetchone()[0]
        tables: int = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    finally:
        if alone:
            connection.execute("ROLLBACK")
    return version, owner, tables


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to `VERSION` in one transaction. Of processes that open it at once, one does the work."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        for script in MIGRATIONS[check_version(connection, path) :]:
            for statement in _statements(script):
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> list[str]:
    """The statements of a script one by one: `executescript` would end the transaction."""
    return [statement for statement in script.split(";\n") if statement.strip()]
