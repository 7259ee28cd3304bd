"""Cursors as clients hold them: sealed, so that what comes back is what was given, for the same list or run.

Where one is too long for an address (that of a run with hundreds of children at work), it is kept here for a day, and
what the client holds is its name.
"""

from __future__ import annotations

import hashlib
from typing import Final

from polos.errors import InvalidRequest
from polos.ports import Clock, Key, Put, Records
from polos.server.signing import Signer

LONGEST: Final = 1500
"""Characters. A gateway takes about 10,000 of all headers, and as many of an address."""
KEPT_SECONDS: Final = 86_400.0


class Cursors:
    """Gives cursors out, and takes them back."""

    def __init__(self, records: Records, clock: Clock, signer: Signer) -> None:
        self._records = records
        self._clock = clock
        self._signer = signer

    def give(self, project: str, purpose: str, cursor: str) -> str:
        """What the client gets. `purpose`: what it continues; it continues nothing else."""
        if len(cursor) <= LONGEST:
            return self._signer.seal(project, f"cursor:{purpose}", {"c": cursor})
        name = hashlib.sha256(cursor.encode()).hexdigest()
        expires = self._clock.now() + KEPT_SECONDS
        self._records.write(Put(_key(project, name), cursor, expires_at=expires))
        return self._signer.seal(project, f"cursor:{purpose}", {"r": name})

    def take(self, project: str, purpose: str, given: str | None) -> str | None:
        """The cursor behind what the client has; None for none. `InvalidRequest` if it is not for this."""
        if not given:
            return None
        data = self._signer.open(project, f"cursor:{purpose}", given)
        if data is not None and "c" in data:
            return str(data["c"])
        record = None if data is None else self._records.get(_key(project, str(data["r"])))
        if record is None:
            raise InvalidRequest(
                "the cursor does not continue this (another list, other filters, or a day too old): begin without one"
            )
        return record.value


def _key(project: str, name: str) -> Key:
    return Key(f"{project}|cursor|{name}", "cursor")
