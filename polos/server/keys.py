"""API keys: `polos_<id>_<secret>`, each of one project and role, shown once and stored only as a keyed hash.

The secret is 256 bits of chance, so nobody guesses it from a hash, however fast that is: a slow one (scrypt, argon2) is
for what people think up, and here would only cost every request its time. Keyed (HMAC-SHA256, with a secret of the
server's), so that a hash seen elsewhere cannot be tried against a table that somebody has copied.
"""

from __future__ import annotations

import base64
import hmac
import json
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from polos.errors import InvalidRequest
from polos.ports import ABSENT, Clock, Delete, Key, Put, Record, Records
from polos.server.principals import Role
from polos.server.signing import SERVER, StoredSecrets

FORMAT: Final = 1
_PURPOSE: Final = "api-keys"
_SHAPE: Final = re.compile(r"polos_([a-z2-7]{16})_([a-z2-7]{52})", re.ASCII)
_PROJECT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)


def check_project(project: str) -> None:
    """Whether it can be a project's id: it begins every stored name, where it ends at the first "|".

    Raises:
        InvalidRequest: It can not.
    """
    if not _PROJECT.fullmatch(project):
        raise InvalidRequest(
            f"{project!r} cannot be a project: up to 64 letters, digits, '_', '-' and '.', a letter or digit first"
        )


def looks_like_key(text: str) -> bool:
    """Whether this may be a key that was made here once; what may not says nothing about who asks."""
    return _SHAPE.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key. Times are epoch seconds; the secret is not among it."""

    id: str
    project: str
    role: Role
    name: str
    created_at: float
    expires_at: float | None = None


class ApiKeys:
    """The keys of all projects of one store.

    A key is two records, written together: one found by its id, that requests are checked against, and one in its
    project's list.
    """

    def __init__(
        self,
        records: Records,
        clock: Clock,
        stored: StoredSecrets | None = None,
        *,
        chance: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._records = records
        self._clock = clock
        self._stored = stored or StoredSecrets(records)
        self._chance = chance

    def create(
        self, project: str, role: Role, *, name: str = "", expires_in: float | None = None
    ) -> tuple[ApiKey, str]:
        """A new key, and its text, which cannot be had again. `expires_in`: seconds; None: good until revoked.

        Raises:
            InvalidRequest: No project can be called that, or it would have expired already.
        """
        check_project(project)
        if expires_in is not None and expires_in <= 0:
            raise InvalidRequest(
                f"a key that expires in {expires_in} s is of no use; give a positive time, or None"
            )
        now = self._clock.now()
        key = ApiKey(
            id=_base32(self._chance(10)),
            project=project,
            role=role,
            name=name,
            created_at=now,
            expires_at=None if expires_in is None else now + expires_in,
        )
        secret = _base32(self._chance(32))
        data = _to_data(key)
        listed = Put(_listed(project, key.id), json.dumps(data), expect=ABSENT, expires_at=key.expires_at)
        checked = Put(
            _checked(key.id),
            json.dumps({**data, "hash": self._hash(key.id, secret)}),
            expect=ABSENT,
            expires_at=key.expires_at,
        )
        if not self._records.write(checked, listed):  # 80 bits of chance were drawn twice
            return self.create(project, role, name=name, expires_in=expires_in)
        return key, f"polos_{key.id}_{secret}"

    def list(self, project: str) -> Iterator[ApiKey]:
        """The keys of a project."""
        cursor = None
        while True:
            page = self._records.query(f"{project}|api-keys", cursor=cursor)
            yield from (_from_data(json.loads(record.value)) for record in page.records)
            cursor = page.cursor
            if cursor is None:
                return

    def revoke(self, project: str, key_id: str) -> bool:
        """Refuse the key from now on. False if the project has none of that id."""
        if self._records.get(_listed(project, key_id)) is None:
            return False
        self._records.write(Delete(_checked(key_id)), Delete(_listed(project, key_id)))
        return True

    def verify(self, text: str) -> ApiKey | None:
        """Whose key it is, or None. Takes the same time for a wrong secret and an unknown id."""
        shape = _SHAPE.fullmatch(text)
        if shape is None:
            return None
        key_id, secret = shape.groups()
        record = self._records.get(_checked(key_id))
        stored = _stored_hash(record)
        right = hmac.compare_digest(self._hash(key_id, secret), stored)
        if record is None or not right:
            return None
        return self._in_time(record)

    def standing(self, key_id: str, absent: Key) -> ApiKey | None:
        """The key of that id if it is still good, and there is no record `absent`, in one look at the store."""
        found = self._records.get_many([_checked(key_id), absent])
        record = found.get(_checked(key_id))
        if record is None or absent in found:
            return None
        return self._in_time(record)

    def _in_time(self, record: Record) -> ApiKey | None:
        key = _from_data(json.loads(record.value))
        return None if key.expires_at is not None and key.expires_at <= self._clock.now() else key

    def _hash(self, key_id: str, secret: str) -> str:
        return hmac.digest(self._stored.get(SERVER, _PURPOSE), f"{key_id}\n{secret}".encode(), "sha256").hex()


def _checked(key_id: str) -> Key:
    return Key(f"{SERVER}|api-key|{key_id}", "key")


def _listed(project: str, key_id: str) -> Key:
    return Key(f"{project}|api-keys", key_id)


def _stored_hash(record: Record | None) -> str:
    return "0" * 64 if record is None else str(json.loads(record.value)["hash"])


def _to_data(key: ApiKey) -> dict[str, Any]:
    return {
        "v": FORMAT,
        "id": key.id,
        "project": key.project,
        "role": key.role.value,
        "name": key.name,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
    }


def _from_data(data: dict[str, Any]) -> ApiKey:
    return ApiKey(
        id=data["id"],
        project=data["project"],
        role=Role(data["role"]),
        name=data["name"],
        created_at=data["created_at"],
        expires_at=data["expires_at"],
    )


def _base32(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()
