"""Secrets that the API makes for itself, and texts that it hands out and must know again: links, cursors.

A secret is made with 256 bits of chance when first needed, and lives in the records of whom it belongs to. There is no
default one, and none is shared between projects.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

from polos.ports import ABSENT, Key, Put, Records

SERVER: Final = "$server"
"""Whom secrets belong to that are of no project. No project is called that: see `keys.check_project`."""


class StoredSecrets:
    """The secrets of projects, and of the server itself, each with a purpose. Read once per process."""

    def __init__(self, records: Records, *, chance: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._records = records
        self._chance = chance
        self._known: dict[Key, bytes] = {}
        self._lock = threading.Lock()

    def get(self, owner: str, purpose: str) -> bytes:
        """The secret; made if there is none. Of several that are made at once, one stands."""
        key = Key(f"{owner}|secret", purpose)
        while (found := self.find(owner, purpose)) is None:
            self._records.write(Put(key, self._chance(32).hex(), expect=ABSENT))
        return found

    def find(self, owner: str, purpose: str) -> bytes | None:
        """The secret, or None: nothing is made for an owner that somebody outside has named."""
        key = Key(f"{owner}|secret", purpose)
        if key not in self._known:
            record = self._records.get(key)
            if record is None:
                return None
            with self._lock:
                self._known[key] = bytes.fromhex(record.value)
        return self._known[key]


class Signer:
    """Seals data into a text that anybody may read and nobody may change: HMAC-SHA256 under the project's secret."""

    def __init__(self, stored: StoredSecrets) -> None:
        self._stored = stored

    def seal(self, project: str, purpose: str, data: Mapping[str, Any]) -> str:
        """The text: URL-safe. What is sealed for one purpose or project opens for no other."""
        body = _encode(json.dumps(dict(data), separators=(",", ":"), ensure_ascii=False).encode())
        return f"{body}.{_encode(_tag(self._stored.get(project, 'signing'), purpose, body))}"

    def open(self, project: str, purpose: str, text: str) -> dict[str, Any] | None:
        """The data, or None if it was not sealed here for that."""
        secret = self._stored.find(project, "signing")
        body, _, given = text.partition(".")
        if secret is None or not given.isascii():
            return None
        if not hmac.compare_digest(_encode(_tag(secret, purpose, body)), given):
            return None
        return peek(text)


def peek(text: str) -> dict[str, Any] | None:
    """What a text says, sealed or not: to learn whose secret it must be checked with. Not to be believed."""
    body = text.partition(".")[0]
    try:
        data = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return data if isinstance(data, dict) else None


def _tag(secret: bytes, purpose: str, body: str) -> bytes:
    return hmac.digest(secret, f"{purpose}\n{body}".encode("utf-8", "surrogatepass"), "sha256")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
