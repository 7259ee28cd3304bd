"""Records and messages of any size: large ones lie in blobs, and nobody above notices."""

from __future__ import annotations

import json

import pytest

from polos.adapters.memory import MemoryStore
from polos.core.messages import Message, MessageKind
from polos.errors import NotFound
from polos.ports import ABSENT, Delete, Key, Outgoing, Ports, Put
from polos.runtime.spilling import MESSAGE_BYTES, RECORD_BYTES, restored, spilling

LARGE = json.dumps("ü" * RECORD_BYTES)
SMALL = json.dumps("u" * 100)


@pytest.fixture
def store() -> MemoryStore:  # type: ignore[type-arg]
    return MemoryStore.virtual()


@pytest.fixture
def ports(store: MemoryStore) -> Ports:  # type: ignore[type-arg]
    return spilling(store.ports)


def key(name: str) -> Key:
    return Key("shop|things", name)


def test_a_large_record_comes_back_from_every_kind_of_read(store: MemoryStore, ports: Ports) -> None:  # type: ignore[type-arg]
    records = ports.records
    put = Put(key("a"), LARGE, expect=ABSENT, index={"status": ("shop|status", "1")})
    assert records.write(put, Put(key("b"), SMALL))
    assert [record.value for record in records.query("shop|things").records] == [LARGE, SMALL]
    assert [record.value for record in records.find("status", "shop|status").records] == [LARGE]
    assert {k.sort: r.value for k, r in records.get_many([key("a"), key("b")]).items()} == {
        "a": LARGE,
        "b": SMALL,
    }
    record = records.get(key("a"))
    assert record is not None
    assert (record.value, record.version) == (LARGE, 1)
    kept = store.ports.records.get(key("a"))
    assert kept is not None
    assert len(kept.value) < 200
    assert "|value|" in kept.value


def test_expectations_and_deletes_go_through(ports: Ports) -> None:
    records = ports.records
    assert records.write(Put(key("a"), LARGE, expect=ABSENT))
    assert not records.write(Put(key("a"), LARGE, expect=ABSENT))
    assert records.write(Put(key("a"), SMALL, expect=1))
    assert records.write(Delete(key("a"), expect=2))
    assert records.get(key("a")) is None


def test_what_is_small_stays_where_it_is(store: MemoryStore, ports: Ports) -> None:  # type: ignore[type-arg]
    border = "x" * RECORD_BYTES
    ports.records.write(Put(key("a"), border))
    kept = store.ports.records.get(key("a"))
    assert kept is not None
    assert kept.value == border


@pytest.mark.parametrize("letter", ["x", "ü", "🗝"])
def test_bytes_count_and_not_characters(store: MemoryStore, ports: Ports, letter: str) -> None:  # type: ignore[type-arg]
    size = len(letter.encode())
    for number, spilled in ((RECORD_BYTES // size, False), (RECORD_BYTES // size + 1, True)):
        ports.records.write(Put(key("a"), letter * number))
        kept = store.ports.records.get(key("a"))
        assert kept is not None
        assert (kept.value != letter * number) == spilled


def test_a_large_message_travels_by_name_and_is_restored(ports: Ports) -> None:
    body = Message(MessageKind.CHILD, "shop", "t", "e", value=json.dumps("y" * MESSAGE_BYTES)).encode()
    ports.queue.send("$news", [Outgoing(body, group="e"), Outgoing("small")])
    large, small = ports.queue.receive(["$news"], limit=2)
    assert len(large.body) < 200
    assert large.body.startswith("polos-blob:1:shop|value|")
    assert restored(large.body, ports.blobs) == body
    assert restored(small.body, ports.blobs) == "small"


def test_a_blob_that_is_gone_is_an_error(ports: Ports) -> None:
    with pytest.raises(NotFound):
        restored("polos-blob:1:shop|value|none", ports.blobs)


def test_the_other_methods_of_a_port_are_as_they_were(ports: Ports) -> None:
    assert ports.queue.max_delay == float("inf")
    assert ports.queue.depth("$news").ready == 0
