"""Crashes at chosen port calls."""

from typing import Any

import pytest

from polos.adapters.memory import MemoryStore
from polos.ports import Key, Outgoing, Ports, Put
from polos.testing.faults import WRITES, Call, Crash, CrashAt, with_faults


def work(ports: Ports) -> None:
    """Six writes, and reads between them."""
    ports.log.append("log", ports.log.tail("log"), ["a"])
    ports.records.write(Put(Key("p", "s"), "v"))
    ports.queue.send("queue", [Outgoing("m")])
    ports.records.get(Key("p", "s"))
    deliveries = ports.queue.receive(["queue"])
    ports.timers.at("t", ports.clock.now() + 60, "queue", "b")
    ports.blobs.put("b", b"")
    ports.queue.delete(deliveries)


def standing(ports: Ports) -> int:
    """How many of the six writes stand."""
    depth = ports.queue.depth("queue")
    sent = bool(depth.ready or depth.in_flight)
    blob = "b" in str(getattr(ports.blobs, "_blobs", {}))
    timer = bool(getattr(ports.timers, "_once", {}))
    record = ports.records.get(Key("p", "s")) is not None
    return [ports.log.tail("log") == 1, record, sent, timer, blob].count(True)


@pytest.mark.parametrize("number", range(1, 6))
def test_a_crash_before_a_write_leaves_it_undone_and_one_after_leaves_it_done(number: int) -> None:
    for when, done in (("before", number - 1), ("after", number)):
        ports = MemoryStore.virtual().ports
        with pytest.raises(Crash, match=when):
            work(with_faults(ports, CrashAt(number, when)))  # type: ignore[arg-type]
        assert standing(ports) == done


def test_without_a_number_it_counts_the_writes() -> None:
    hook = CrashAt()
    work(with_faults(MemoryStore.virtual().ports, hook))
    assert hook.seen == 6


def test_it_dies_once() -> None:
    ports = MemoryStore.virtual().ports
    hook = CrashAt(2, "after")
    faulty = with_faults(ports, hook)
    with pytest.raises(Crash):
        work(faulty)
    work(faulty)
    assert hook.seen == 8


def test_it_may_count_other_calls() -> None:
    hook = CrashAt(1, "after", calls=frozenset({"queue.receive"}))
    ports = MemoryStore.virtual().ports
    with pytest.raises(Crash, match=r"queue\.receive"):
        work(with_faults(ports, hook))
    assert ports.queue.depth("queue").in_flight == 1


def test_no_except_exception_catches_a_crash() -> None:
    assert not issubclass(Crash, Exception)


def test_a_hook_sees_every_call_with_its_arguments_and_result() -> None:
    seen: list[tuple[str, Call, Any]] = []

    class Watch:
        def before(self, call: Call) -> None:
            seen.append(("before", call, None))

        def after(self, call: Call, result: Any) -> None:
            seen.append(("after", call, result))

    ports = with_faults(MemoryStore.virtual().ports, Watch())
    assert ports.log.append("log", 0, ["a"], expires_at=None)
    call = Call("log.append", ("log", 0, ["a"]), {"expires_at": None})
    assert seen == [("before", call, None), ("after", call, True)]


def test_a_call_that_raises_is_not_reported_as_done() -> None:
    hook = CrashAt(1, "after")
    ports = with_faults(MemoryStore.virtual().ports, hook)
    with pytest.raises(ValueError, match="position"):
        ports.log.append("log", -1, ["a"])


def test_attributes_and_the_clock_are_passed_through() -> None:
    store = MemoryStore.virtual()
    ports = with_faults(store.ports, CrashAt(1))
    assert ports.queue.max_delay == store.queue.max_delay
    assert ports.clock is store.clock


def test_every_write_that_is_named_exists() -> None:
    ports = MemoryStore.virtual().ports
    for name in WRITES:
        port, _, method = name.partition(".")
        assert callable(getattr(getattr(ports, port), method))
