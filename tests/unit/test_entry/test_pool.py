"""A worker goes on working, whatever goes wrong in one of its threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from polos.adapters.clock import SystemClock
from polos.adapters.memory import MemoryStore
from polos.core.definitions import Definition, Registry
from polos.entry.pool import WorkerPool
from polos.runtime.engine import Engine
from polos.runtime.host import Host
from polos.runtime.service import Service
from polos.runtime.steps import LocalRunner, WorkerLoop


class Unsteady:
    """A queue of which each method named fails a few times, with what no port should raise."""

    def __init__(self, queue: Any, **failures: int) -> None:
        self._queue = queue
        self.left = failures

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._queue, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            if self.left.get(name, 0) > 0:
                self.left[name] -= 1
                raise RuntimeError(f"{name} is out of order")
            return method(*args, **kwargs)

        return call


async def body(ctx: Any) -> str:
    return str(await ctx.step.run("work", lambda: "done"))


@pytest.mark.parametrize("threads", [1, 4])
def test_what_fails_in_a_thread_or_a_chore_ends_neither(threads: int) -> None:
    store = MemoryStore(SystemClock())
    queue = Unsteady(store.ports.queue, receive=3, delete=2)
    registry, loop = Registry(), WorkerLoop()
    registry.add(Definition(id="unsteady", function=body))
    numbers = iter(range(10_000))
    host = Host(
        replace(store.ports, queue=queue),  # type: ignore[arg-type]
        registry,
        token=lambda: f"t{next(numbers)}",
        runner=lambda: LocalRunner(loop, ThreadPoolExecutor(1), lambda: 0),
    )
    service = Service(host, "p", new_id=lambda _: f"x{next(numbers)}")
    chores, often = [0], threading.Event()

    def chore() -> None:
        chores[0] += 1
        if chores[0] > 2:
            often.set()
        raise RuntimeError("the chore is out of order")

    pool = WorkerPool(Engine(host), threads=threads, chores=[chore], poll=0.02)
    started = [service.start("unsteady", None) for _ in range(5)]
    pool.start()
    try:
        for info in started:
            while not service.meta(info.execution).ended:
                time.sleep(0.01)
        assert often.wait(10)
        assert queue.left == {"receive": 0, "delete": 0}
    finally:
        assert pool.stop(drain_seconds=10)
        loop.close()
    assert pool.busy == 0
