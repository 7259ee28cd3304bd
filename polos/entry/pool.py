"""A worker on one machine: one thread receives, many handle; heartbeat, timers and the sweeper run beside them."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from polos.errors import PolosError
from polos.ports import Ports
from polos.runtime import names
from polos.runtime.delivery import Batch, Intake
from polos.runtime.engine import Engine
from polos.runtime.lease import VISIBILITY, Heartbeat, MessageLease

RECEIVE: Final = 10
POLL_SECONDS: Final = 1.0

log = logging.getLogger("polos.worker")


class WorkerPool:
    """Handles the messages of `queues` on up to `threads` threads until it is stopped.

    `chores` are called about once a second from one thread: recovering claims of dead workers, firing timers,
    sweeping. What a chore raises is logged, and it is called again.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        threads: int = 32,
        chores: Sequence[Callable[[], object]] = (),
        poll: float = POLL_SECONDS,
    ) -> None:
        self._engine = engine
        self._intake = Intake(engine)
        self._ports: Ports = engine.host.ports
        self._heartbeat = Heartbeat()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="polos-worker")
        self._free = threading.Semaphore(threads)
        self._chores = chores
        self._poll = poll
        self._stopping = threading.Event()
        self._busy = 0
        self._idle = threading.Condition()
        self._runners = [
            threading.Thread(target=self._receive, name="polos-receive", daemon=True),
            threading.Thread(target=self._do_chores, name="polos-chores", daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for runner in self._runners:
            runner.start()

    def stop(self, *, drain_seconds: float = 10.0) -> bool:
        """Take nothing more, and wait for what is being handled. False: something still was when time was over."""
        self._stopping.set()
        deadline = time.monotonic() + drain_seconds
        for runner in self._runners:
            runner.join(max(0.0, deadline - time.monotonic()))
        with self._idle:
            drained = self._idle.wait_for(lambda: self._busy == 0, max(0.0, deadline - time.monotonic()))
        self._heartbeat.close()
        self._threads.shutdown(wait=False, cancel_futures=True)
        return drained

    def _queues(self) -> list[str]:
        return [
            names.NEWS_QUEUE,
            names.DEAD_QUEUE,
            "default",
            *sorted(set(self._engine.host.registry.queues) - {"default"}),
        ]

    def _receive(self) -> None:
        while not self._stopping.is_set():
            self._free.acquire()
            self._free.release()
            try:
                since = self._ports.clock.monotonic()
                deliveries = self._ports.queue.receive(
                    self._queues(), limit=RECEIVE, wait=self._poll, visibility=VISIBILITY
                )
                batches = self._intake.batches([d for d in deliveries if d.queue != names.DEAD_QUEUE])
                batches += self._intake.batches(
                    [d for d in deliveries if d.queue == names.DEAD_QUEUE], dead=True
                )
            except PolosError:
                log.exception("the queue could not be read; trying again")
                self._stopping.wait(self._poll)
                continue
            for batch in batches:
                self._hand_over(batch, since)

    def _hand_over(self, batch: Batch, since: float) -> None:
        lease = MessageLease(self._ports.queue, self._ports.clock, batch.deliveries, since=since)
        self._heartbeat.add(lease)
        self._free.acquire()
        with self._idle:
            self._busy += 1
        self._threads.submit(self._handle, batch, lease)

    def _handle(self, batch: Batch, lease: MessageLease) -> None:
        try:
            done = self._intake.handle(batch, lease)
            self._heartbeat.remove(lease)
            if done:
                self._ports.queue.delete(batch.deliveries)
            else:
                self._back_off(batch)
        except PolosError:
            log.exception("a message could not be acknowledged; it will come again")
        finally:
            self._heartbeat.remove(lease)
            self._free.release()
            with self._idle:
                self._busy -= 1
                self._idle.notify_all()

    def _back_off(self, batch: Batch) -> None:
        for delivery in batch.deliveries:
            self._ports.queue.extend(delivery, min(2.0 ** min(delivery.receives, 6), VISIBILITY))

    def _do_chores(self) -> None:
        while True:
            for chore in self._chores:
                try:
                    chore()
                except PolosError:
                    log.exception("a chore of the worker failed; it is tried again")
            if self._stopping.wait(self._poll):
                return
