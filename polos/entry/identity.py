"""Where chance comes from in a running process."""

from __future__ import annotations

import secrets

from polos.core.ids import time_ordered_id


def new_token() -> str:
    """A message token: 72 bits of chance."""
    return secrets.token_urlsafe(9)


def new_execution_id(now_ms: int) -> str:
    """An execution id: sorts by time, 80 bits of chance."""
    return time_ordered_id(now_ms, secrets.token_bytes(10))
