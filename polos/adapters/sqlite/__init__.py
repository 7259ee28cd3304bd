"""One file on one machine, in SQLite's WAL mode: survives `kill -9` of any process that uses it.

with SqliteStore(".polos/store.db") as store:
    ... store.ports ...                    # for whatever takes Ports
    store.recover(thorough=True)           # a worker: when it starts, then `recover()` every second,
    store.timers.fire_due()                # with this
    store.purge()                          # and this once in a while
"""

from polos.adapters.sqlite.blobs import SqliteBlobs
from polos.adapters.sqlite.database import Database, Durability
from polos.adapters.sqlite.log import SqliteLog
from polos.adapters.sqlite.queue import SqliteQueue
from polos.adapters.sqlite.records import SqliteRecords
from polos.adapters.sqlite.store import SqliteStore
from polos.adapters.sqlite.timers import SqliteTimers
from polos.adapters.sqlite.workers import Workers

__all__ = [
    "Database",
    "Durability",
    "SqliteBlobs",
    "SqliteLog",
    "SqliteQueue",
    "SqliteRecords",
    "SqliteStore",
    "SqliteTimers",
    "Workers",
]
