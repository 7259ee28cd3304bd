"""A worker on one machine: its threads take turns at receiving; heartbeat, timers and the sweeper run beside them.

One thread at a time receives. When it gets something it hands the receiving on and handles what it got itself, so that
a message costs one wake-up and not two. A thread is added when all are busy, up to the limit.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from polos.entry.foreign import Foreign
from polos.entry.gathering import Gathering, Work
from polos.errors import PolosError, StoreError, TryAgain
from polos.ports import Ports
from polos.runtime import names
from polos.runtime.delivery import Batch, Intake
from polos.runtime.engine import Engine
from polos.runtime.lease import VISIBILITY, Heartbeat, MessageLease

RECEIVE: Final = 10
POLL_SECONDS: Final = 1.0
GATHER_SECONDS: Final = 0.25
"""The longest that news gather behind a turn. Shorter turns take half of the time at most, however many come."""

log = logging.getLogger("polos.worker")


class WorkerPool:
    """Handles the messages of `queues` on up to `threads` threads until it is stopped.

    `chores` are called about once a second from one thread: recovering claims of dead workers, firing timers,
    sweeping. What a chore raises is logged, and it is called again. `dismiss` makes a waiting `receive` return.
    `gives_up`: see `Intake`.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        threads: int = 32,
        chores: Sequence[Callable[[], object]] = (),
        poll: float = POLL_SECONDS,
        dismiss: Callable[[], object] = lambda: None,
        gives_up: bool = False,
    ) -> None:
        self._engine = engine
        self._intake = Intake(engine, gives_up=gives_up)
        self._ports: Ports = engine.host.ports
        self._foreign = Foreign(engine.host.ports.queue, engine.host.registry)
        self._heartbeat = Heartbeat()
        self._most = threads
        self._chores = chores
        self._poll = poll
        self._dismiss = dismiss
        self._stopping = threading.Event()
        self._receiving = threading.Lock()
        self._backlog: deque[Work] = deque()
        self._gathering = Gathering()
        self._changed = threading.Condition()
        self._threads = self._busy = 0
        self.broken: StoreError | None = None
        """Why it has stopped by itself: the store cannot be used any more."""

    @property
    def busy(self) -> int:
        """How many messages, or batches of them, are being handled now: steps that run are among them."""
        return self._busy

    def start(self) -> None:
        """Begin."""
        threading.Thread(target=self._do_chores, name="polos-chores", daemon=True).start()
        self._add_thread()

    def stop(self, *, drain_seconds: float = 10.0) -> bool:
        """Take nothing more, and wait for what is being handled. False: something still was when time was over."""
        self._stopping.set()
        self._dismiss()
        with self._changed:
            drained = self._changed.wait_for(lambda: not self._threads, drain_seconds)
        self._heartbeat.close()
        return drained

    # --- threads ----------------------------------------------------------------------------------------------------

    def _add_thread(self) -> None:
        """One more, if nobody is free to receive and there may be more."""
        with self._changed:
            if self._busy < self._threads or self._threads >= self._most or self._stopping.is_set():
                return
            self._threads += 1
            name = f"polos-worker-{self._threads}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def _run(self) -> None:
        try:
            while self._run_one():
                pass
        finally:
            with self._changed:
                self._threads -= 1
                self._changed.notify_all()

    def _run_one(self) -> bool:
        """Take some work and handle it; False when the worker stops. What goes wrong is no reason to stop working."""
        try:
            work = self._next()
        except Exception:
            log.exception("the queue could not be read, trying again")
            self._stopping.wait(self._poll)
            return True
        if work is None:
            return False
        try:
            self._handle_all(work)
        except Exception:
            log.exception("a message could not be handled; it will come again")
        finally:
            with self._changed:
                self._busy -= 1
        return True

    def _next(self) -> Work | None:
        """Work for this thread, which counts as busy from here on; None when the worker stops."""
        with self._receiving:
            while True:
                while not self._backlog:
                    if self._stopping.is_set():
                        return None
                    self._backlog.extend(self._receive())
                work = self._backlog.popleft()
                if self._gathering.begin(work):
                    break
            with self._changed:
                self._busy += 1
        self._add_thread()
        return work

    # --- messages ---------------------------------------------------------------------------------------------------

    def _queues(self) -> list[str]:
        own = sorted(set(self._engine.host.registry.queues) - {"default"})
        return [names.NEWS_QUEUE, names.DEAD_QUEUE, "default", *own]

    def _receive(self) -> list[Work]:
        # What waits for a thread of this process could have been taken by another: no more than there are threads.
        limit = max(1, min(RECEIVE, self._most - self._busy))
        since = self._ports.clock.monotonic()
        try:
            deliveries = self._ports.queue.receive(
                self._queues(), limit=limit, wait=self._poll, visibility=VISIBILITY
            )
            batches = self._intake.batches([d for d in deliveries if d.queue != names.DEAD_QUEUE])
            batches += self._intake.batches([d for d in deliveries if d.queue == names.DEAD_QUEUE], dead=True)
        except PolosError as error:
            self._give_up_or_rest(error)
            return []
        return [Work(batch, (self._lease(batch, since),)) for batch in batches]

    def _lease(self, batch: Batch, since: float) -> MessageLease:
        lease = MessageLease(self._ports.queue, self._ports.clock, batch.deliveries, since=since)
        self._heartbeat.add(lease)
        return lease

    def _give_up_or_rest(self, error: PolosError) -> None:
        if isinstance(error, StoreError) and _is_broken(error) and not self._stopping.is_set():
            log.error("the store cannot be used, this worker stops: %s", error)
            self.broken = error
            self._stopping.set()
            return
        log.warning("the queue could not be read, trying again: %s", error)
        self._stopping.wait(self._poll)

    def _handle_all(self, work: Work | None) -> None:
        """Handle it, and the news that gather meanwhile: after a turn they may gather for as long as it took."""
        while work is not None:
            began = self._ports.clock.monotonic()
            try:
                self._handle(work)
            except BaseException:
                for held in self._gathering.abandon(work):
                    self._let_go(held)
                raise
            if self._gathering.waits(work):
                self._stopping.wait(min(self._ports.clock.monotonic() - began, GATHER_SECONDS))
            work = self._gathering.next(work)

    def _handle(self, work: Work) -> None:
        batch = work.batch
        try:
            if self._foreign.is_foreign(batch):
                self._foreign.pass_on(batch)
                return
            done = self._intake.handle(batch, work)
            self._let_go(work)
            if done:
                self._ports.queue.delete(batch.deliveries)
            else:
                self._back_off(batch)
        except PolosError as error:
            if _is_broken(error):
                self._give_up_or_rest(error)
            else:
                log.exception("a message could not be acknowledged; it will come again")
        finally:
            self._let_go(work)

    def _let_go(self, work: Work) -> None:
        for lease in work.leases:
            self._heartbeat.remove(lease)

    def _back_off(self, batch: Batch) -> None:
        for delivery in batch.deliveries:
            self._ports.queue.extend(delivery, min(2.0 ** min(delivery.receives, 6), VISIBILITY))

    # --- beside them ------------------------------------------------------------------------------------------------

    def _do_chores(self) -> None:
        while True:
            for chore in self._chores:
                try:
                    chore()
                except Exception:
                    log.exception("a chore of the worker failed; it is tried again")
            if self._stopping.wait(self._poll):
                return


def _is_broken(error: PolosError) -> bool:
    """Whether the store cannot be used any more."""
    return isinstance(error, StoreError) and not isinstance(error, TryAgain)
