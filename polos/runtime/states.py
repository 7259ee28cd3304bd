"""State that lives across executions: one record per workflow and state key, saved over the version that was loaded."""

from __future__ import annotations

import hashlib
import json
import logging
from typing import Final

from polos.core.journal import STATE, Entry, Kind
from polos.core.start import StartInfo
from polos.ports import ABSENT, Key, Ports, Put
from polos.runtime import names

FORMAT: Final = 1
INLINE_BYTES: Final = 200_000
"""Larger states go to the blobs: a record is a small document."""

log = logging.getLogger("polos.state")


class States:
    """The stored states of workflows."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def load(self, info: StartInfo) -> tuple[str | None, int]:
        """The state as JSON text (None: nothing saved yet) and its version."""
        record = self._ports.records.get(self._key(info))
        if record is None:
            return None, ABSENT
        data = json.loads(record.value)
        text = self._ports.blobs.get(data["blob"]).decode() if "blob" in data else data["state"]
        return text, record.version

    def last_saver(self, info: StartInfo) -> tuple[str | None, int]:
        """Which execution saved the state last (None: none has), and its version."""
        record = self._ports.records.get(self._key(info))
        return (
            (None, ABSENT) if record is None else (str(json.loads(record.value)["execution"]), record.version)
        )

    def save(self, info: StartInfo, text: str, version: int) -> None:
        """Write over the version that was loaded; a repeat by the same execution does nothing."""
        data: dict[str, object] = {"v": FORMAT, "execution": info.execution}
        raw = text.encode()
        if len(raw) > INLINE_BYTES:
            data["blob"] = f"state/{hashlib.sha256(raw).hexdigest()}"
            self._ports.blobs.put(str(data["blob"]), raw)
        else:
            data["state"] = text
        if self._ports.records.write(
            Put(self._key(info), json.dumps(data, ensure_ascii=False), expect=version)
        ):
            return
        record = self._ports.records.get(self._key(info))
        if record is not None and json.loads(record.value)["execution"] != info.execution:
            log.info("execution %s: its state was saved by a later one already", info.execution)

    def entry(self, info: StartInfo, token: str, now_ms: int) -> Entry:
        """The entry that records what was loaded."""
        text, version = self.load(info)
        return Entry(Kind.STATE, STATE, token, now_ms, text, extra={"version": version})

    def _key(self, info: StartInfo) -> Key:
        return names.state(info.project, info.workflow, info.state_key or "")
