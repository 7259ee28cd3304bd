"""What one call of a port costs on this machine: python -m tests.bench.ports [memory] [normal] [full]

`normal` and `full` are the durabilities of the SQLite store. Entries have 600 bytes, messages 250. The file lies in the
directory for temporary files: for honest figures of `full` that must be a real disk (set TMPDIR).
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from polos.adapters.memory import MemoryStore
from polos.adapters.sqlite import SqliteStore
from polos.ports import Delivery, Key, Outgoing, Ports, Put

ENTRY = '{"k":"' + "x" * 592 + '"}'
VALUE = '{"v":"' + "y" * 492 + '"}'
BODY = '{"m":"' + "z" * 242 + '"}'
QUEUES = [f"proj/q{number}" for number in range(10)]

Operation = tuple[str, Callable[[int], object]]


def logs(ports: Ports) -> Iterator[Operation]:
    """Logs of 50 entries."""

    def name(number: int) -> str:
        return f"proj-1234/exec/0123456789abcdef{number // 50}"

    yield "log.append of 1", lambda i: ports.log.append(name(i), i % 50, [ENTRY])
    yield "log.publish of 1, once", lambda i: ports.log.publish("proj/topic", [ENTRY], once=str(i))
    yield "log.tail", lambda i: ports.log.tail(name(i))
    yield "log.read of 50", lambda i: ports.log.read(name(i))
    yield "log.read of 1", lambda i: ports.log.read(name(i), 49)


def records(ports: Ports) -> Iterator[Operation]:
    """One record for each execution, in three orders."""

    def put(number: int, expect: int, status: str) -> bool:
        sort = f"{number:09}"
        index = {"created": ("proj", sort), "status": (f"proj/{status}", sort), "workflow": ("proj/wf", sort)}
        return ports.records.write(Put(Key(f"proj/{number}", "META"), VALUE, expect, index=index))

    yield "records.write, new, 3 indexes", lambda i: put(i, 0, "queued")
    yield "records.write, same indexes", lambda i: put(i, 1, "queued")
    yield "records.write, one index moves", lambda i: put(i, 2, "done")
    yield "records.get", lambda i: ports.records.get(Key(f"proj/{i}", "META"))
    yield "records.query of 1", lambda i: ports.records.query(f"proj/{i}")
    yield "records.find, page of 20", lambda _: ports.records.find("created", "proj", limit=20, reverse=True)


def queues(ports: Ports) -> Iterator[Operation]:
    """One queue, filled and emptied."""
    held: list[Delivery] = []
    yield "queue.send of 1", lambda _: ports.queue.send("proj/q", [Outgoing(BODY)])
    yield "queue.receive of 1", lambda _: held.extend(ports.queue.receive(["proj/q"]))
    yield "queue.extend", lambda i: ports.queue.extend(held[i], 60)
    yield "queue.delete of 1", lambda i: ports.queue.delete([held[i]])
    yield "queue.receive, empty", lambda _: ports.queue.receive(["proj/q"])
    yield "queue.receive, 10 empty", lambda _: ports.queue.receive(QUEUES)
    yield "queue.send of 10", lambda _: ports.queue.send("proj/ten", [Outgoing(BODY)] * 10)
    yield "queue.receive of 10", lambda _: ports.queue.receive(["proj/ten"], limit=10)


def others(ports: Ports) -> Iterator[Operation]:
    """Timers and blobs."""
    due = ports.clock.now() + 10_000
    yield "timers.at", lambda i: ports.timers.at(f"proj/t{i}", due + i, "proj/q", BODY)
    yield "timers.cancel", lambda i: ports.timers.cancel(f"proj/t{i}")
    yield "blobs.put of 20 KB", lambda i: ports.blobs.put(f"proj/b{i}", b"b" * 20_000)
    yield "blobs.get of 20 KB", lambda i: ports.blobs.get(f"proj/b{i}")


def steps(ports: Ports, store: SqliteStore | None) -> Iterator[Operation]:
    """All that one sequential step costs the store: append, send, receive, delete."""

    def step(number: int) -> None:
        ports.log.append(f"proj/step/{number // 50}", number % 50, [ENTRY])
        ports.queue.send("proj/w", [Outgoing(BODY)])
        ports.queue.delete(ports.queue.receive(["proj/w"]))

    def joined(number: int) -> None:
        assert store is not None
        with store.database.transaction():
            step(number + 1_000_000)

    yield "a step: four calls", step
    if store is not None:
        yield "a step: one transaction", joined
        yield "fire_due, nothing due", lambda _: store.timers.fire_due()
        yield "recover, nobody dead", lambda _: store.recover()


def measure(ports: Ports, store: SqliteStore | None, count: int) -> Iterator[tuple[str, list[float]]]:
    """(operation, microseconds of each call in ascending order)."""
    for group in (logs(ports), records(ports), queues(ports), others(ports), steps(ports, store)):
        for name, operation in group:
            taken = []
            for number in range(count):
                begun = time.perf_counter()
                operation(number)
                taken.append((time.perf_counter() - begun) * 1e6)
            yield name, sorted(taken)


def show(title: str, ports: Ports, store: SqliteStore | None, count: int) -> None:
    """Print the table of one store."""
    print(f"\n{title}, microseconds a call, {count} calls{'median':>12}{'mean':>10}{'p99':>10}")
    for name, taken in measure(ports, store, count):
        p99 = taken[int(len(taken) * 0.99)]
        print(f"  {name:<44}{statistics.median(taken):>10.1f}{statistics.mean(taken):>10.1f}{p99:>10.1f}")


def main(wanted: list[str]) -> None:
    """Measure the stores named, or all."""
    if not wanted or "memory" in wanted:
        show("memory", MemoryStore.virtual().ports, None, 4_000)
    for durability, count in (("normal", 2_000), ("full", 500)):
        if not wanted or durability in wanted:
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / "bench.db"
                with SqliteStore(path, durability=durability) as store:  # type: ignore[arg-type]
                    show(f"sqlite, {durability}", store.ports, store, count)


if __name__ == "__main__":
    main(sys.argv[1:])
