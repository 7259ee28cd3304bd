"""What SQLite's error codes mean to somebody who has to do something about it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from polos.errors import StoreError, TryAgain

_BUSY: Final = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CORRUPT: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_FORBIDDEN: Final = {
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
}


def store_error(error: sqlite3.Error, path: Path) -> StoreError:
    """The error of this package that says what `error` means for the file at `path`."""
    code = (
        getattr(error, "sqlite_errorcode", 0) & 0xFF
    )  # extended codes keep the primary one in the lower byte
    if code in _BUSY:
        return TryAgain(
            f"{path} stayed locked by another process ({error}); the same call may succeed later. "
            "If it does not, see which process holds it: lsof on the file and on its -wal"
        )
    if code in _CORRUPT:
        return StoreError(
            f"{path} is damaged or is no SQLite database ({error}). Stop what uses it and keep the file together with "
            f"its -wal and -shm; then put a backup in its place, or save what can be saved: "
            f"sqlite3 {path} .recover | sqlite3 saved.db"
        )
    if code in _FORBIDDEN:
        return cannot_write(path, str(error))
    if code == sqlite3.SQLITE_FULL:
        return StoreError(
            f"the disk of {path} is full ({error}); nothing of this call was written: free some space"
        )
    return StoreError(f"{path} cannot be used: {error} ({getattr(error, 'sqlite_errorname', 'no code')})")


def cannot_write(path: Path, reason: str) -> StoreError:
    """The file or its directory refuses to be written."""
    return StoreError(
        f"{path} cannot be opened for writing ({reason}). SQLite writes beside the file as well, so the directory "
        f"{path.parent} must be writable for this user: mend its permissions, or choose another path"
    )
