"""The adapters over MiniStack with a fault proxy between: throttles, breaks, and answers lost after the write.

What the harness injects into moto is our idea of these faults; here they come over a socket, in AWS's wire format, from
somebody else's program.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from polos.ports import ABSENT, Delete, Key, Outgoing, Ports, Put
from support import emulators

pytestmark = pytest.mark.emulator

LOST: dict[str, Any] = {"response": {"abort_frac": 0.0}}
BREAKS: dict[str, Any] = {"reset": True}
THROTTLED: dict[str, Any] = {"error": {"code": "ProvisionedThroughputExceededException"}}
FAILED: dict[str, Any] = {"error": {"code": "InternalServerError", "status": 500}}


@pytest.fixture
def proxy() -> Iterator[emulators.Microburst]:
    proxy = emulators.microburst()
    proxy.rules()
    yield proxy
    proxy.rules()


@pytest.fixture
def ports(proxy: emulators.Microburst) -> Ports:
    return proxy.stack.ports()


@pytest.fixture
def name() -> str:
    return f"p{uuid.uuid4().hex[:12]}/x"


def on(operation: str, fault: dict[str, Any], *, times: int = 1, service: str = "dynamodb") -> dict[str, Any]:
    return {"service": service, "operation": operation, "times": times, **fault}


@pytest.mark.parametrize(
    "fault", [LOST, BREAKS, THROTTLED, FAILED], ids=["lost", "breaks", "throttled", "failed"]
)
def test_every_kind_of_write_is_made_once(
    proxy: emulators.Microburst, ports: Ports, name: str, fault: dict[str, Any]
) -> None:
    operations = ("PutItem", "UpdateItem", "TransactWriteItems", "Query", "GetItem")
    proxy.rules(*(on(operation, fault, times=2) for operation in operations))
    assert ports.log.append(name, 0, ["a"])
    assert ports.log.append(name, 1, ["b", "c"])
    assert ports.log.publish(name, ["d"]) == 3
    assert ports.log.publish(name, ["e"], once="id") == 4
    assert ports.log.publish(name, ["e"], once="id") == 4
    assert ports.log.read(name) == ["a", "b", "c", "d", "e"]
    key = Key(name, "r")
    assert ports.records.write(Put(key, "1", expect=ABSENT))
    assert ports.records.write(Put(key, "2", expect=1))
    assert ports.records.write(Put(key, "3"), Put(Key(name, "s"), "1", expect=ABSENT))
    record = ports.records.get(key)
    assert record is not None
    assert (record.value, record.version) == ("3", 3)
    assert {fired["operation"] for fired in proxy.fired()} == set(operations)


@pytest.mark.parametrize("fault", [LOST, BREAKS], ids=["lost", "breaks"])
def test_each_write_alone_survives(
    proxy: emulators.Microburst, ports: Ports, name: str, fault: dict[str, Any]
) -> None:
    key = Key(name, "r")
    writes = [
        ("PutItem", lambda: ports.records.write(Put(key, "1", expect=ABSENT))),
        ("UpdateItem", lambda: ports.records.write(Put(key, "2", expect=1))),
        ("UpdateItem", lambda: ports.records.write(Put(key, "3"))),
        ("TransactWriteItems", lambda: ports.records.write(Delete(key, expect=3))),
        ("PutItem", lambda: ports.log.append(name, 0, ["a"])),
        ("TransactWriteItems", lambda: ports.log.append(name, 1, ["b", "c"])),
        ("PutItem", lambda: ports.log.publish(name, ["d"]) == 3),
        ("TransactWriteItems", lambda: ports.log.publish(name, ["e", "f"]) == 4),
    ]
    for operation, write in writes:
        proxy.rules(on(operation, fault))
        assert write(), operation
        assert len(proxy.fired()) == 1, operation
    assert ports.log.read(name) == ["a", "b", "c", "d", "e", "f"]
    assert ports.records.get(key) is None


def test_messages_come_at_least_once(proxy: emulators.Microburst, ports: Ports, name: str) -> None:
    for fault in (LOST, BREAKS):
        proxy.rules(
            *(on(operation, fault, service="sqs") for operation in ("SendMessageBatch", "DeleteMessageBatch"))
        )
        ports.queue.send(name, [Outgoing(str(number)) for number in range(5)])
        found = ports.queue.receive([name], limit=100, wait=2)
        assert {delivery.body for delivery in found} == {"0", "1", "2", "3", "4"}
        ports.queue.delete(found)
        assert ports.queue.receive([name], visibility=0) == []


def test_blobs_and_timers_survive(proxy: emulators.Microburst, ports: Ports, name: str) -> None:
    broken = {"response": {"abort_frac": 0.5}}
    proxy.rules(
        on("PutObject", LOST, service="s3"),
        on("GetObject", broken, service="s3"),
        on("CreateSchedule", LOST, service="scheduler"),
        on("DeleteSchedule", LOST, service="scheduler"),
    )
    data = bytes(range(256)) * 4_000
    ports.blobs.put(name, data)
    assert ports.blobs.get(name) == data
    ports.timers.at(name, ports.clock.now() + 7200, name, "x")
    ports.timers.cancel(name)
    assert len(proxy.fired()) == 4
