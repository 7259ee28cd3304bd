"""Blobs in the table `blobs`: in the one file, so that they stand or fall with what refers to them."""

from __future__ import annotations

from polos.adapters.limits import check_name
from polos.adapters.sqlite.database import Database
from polos.errors import NotFound


class SqliteBlobs:
    """`polos.ports.Blobs` in a `Database`: up to 1 GB each."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, name: str, data: bytes) -> None:
        """See `polos.ports.Blobs.put`."""
        check_name(name, "blob")
        self._database.run("INSERT OR IGNORE INTO blobs (name, data) VALUES (?, ?)", (name, data))

    def get(self, name: str) -> bytes:
        """See `polos.ports.Blobs.get`."""
        check_name(name, "blob")
        row = self._database.row("SELECT data FROM blobs WHERE name = ?", (name,))
        if row is None:
            raise NotFound(
                f"there is no blob {name!r} in {self._database.path}; it was never put, or was deleted"
            )
        return bytes(row[0])

    def delete(self, name: str) -> None:
        """See `polos.ports.Blobs.delete`."""
        check_name(name, "blob")
        self._database.run("DELETE FROM blobs WHERE name = ?", (name,))
