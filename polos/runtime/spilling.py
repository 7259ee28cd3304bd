"""Records and messages of any size: what is too large for a record or a message lies in a blob, and its name instead.

Journals spill by themselves, in their adapters, where the border is one of cost. Here it is one of what is possible:
a record takes 350 KB and a message 1 MiB, while a payload or a result may be as large as an entry of a journal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from polos.core.messages import Message
from polos.ports import Blobs, Key, Outgoing, Page, Ports, Put, Queue, Record, Records, Write

RECORD_BYTES: Final = 200_000
MESSAGE_BYTES: Final = 200_000

_MARK: Final = "polos-blob:1:"
"""What a name instead of a text begins with. No record and no message of ours does: they are JSON, ids and numbers."""


def spilling(ports: Ports) -> Ports:
    """The same ports, with records and messages of any size. What is received is restored by `restored`."""
    return replace(
        ports, records=_Records(ports.records, ports.blobs), queue=_Queue(ports.queue, ports.blobs)
    )


def restored(text: str, blobs: Blobs) -> str:
    """The text that was written. `NotFound` if its blob is gone."""
    return blobs.get(text.removeprefix(_MARK)).decode() if text.startswith(_MARK) else text


def _spilled(text: str, limit: int, blobs: Blobs, project: Callable[[], str]) -> str:
    if len(text) * 4 <= limit or len(raw := text.encode()) <= limit:
        return text
    name = f"{project()}|value|{hashlib.sha256(raw).hexdigest()}"
    blobs.put(name, raw)
    return _MARK + name


class _Port:
    """A port of which some methods are replaced."""

    def __init__(self, port: Any, blobs: Blobs) -> None:
        self._port = port
        self._blobs = blobs

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class _Records(_Port):
    """Records whose values may be large."""

    _port: Records

    def write(self, *writes: Write) -> bool:
        return self._port.write(*(self._put(write) if isinstance(write, Put) else write for write in writes))

    def get(self, key: Key) -> Record | None:
        record = self._port.get(key)
        return None if record is None else self._record(record)

    def get_many(self, keys: Sequence[Key]) -> dict[Key, Record]:
        return {key: self._record(record) for key, record in self._port.get_many(keys).items()}

    def query(self, partition: str, **wanted: Any) -> Page:
        return self._page(self._port.query(partition, **wanted))

    def find(self, index: str, partition: str, **wanted: Any) -> Page:
        return self._page(self._port.find(index, partition, **wanted))

    def _put(self, put: Put) -> Put:
        value = _spilled(put.value, RECORD_BYTES, self._blobs, lambda: put.key.partition.partition("|")[0])
        return put if value is put.value else replace(put, value=value)

    def _record(self, record: Record) -> Record:
        value = restored(record.value, self._blobs)
        return record if value is record.value else replace(record, value=value)

    def _page(self, page: Page) -> Page:
        return Page(tuple(self._record(record) for record in page.records), page.cursor)


class _Queue(_Port):
    """A queue that takes large messages."""

    _port: Queue

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        self._port.send(queue, [self._small(message) for message in messages])

    def _small(self, message: Outgoing) -> Outgoing:
        body = _spilled(
            message.body, MESSAGE_BYTES, self._blobs, lambda: Message.decode(message.body).project
        )
        return message if body is message.body else replace(message, body=body)
