"""Polos on one machine: everything that is registered in this process runs here, durably, in one local file.

Programs use it as `polos.Polos`, with a client around it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from polos.adapters.sqlite import SqliteStore
from polos.core.definitions import Registry
from polos.core.definitions import registry as process_registry
from polos.entry.ends import Ends
from polos.entry.identity import new_execution_id, new_token
from polos.entry.locks import Deciding
from polos.entry.pool import WorkerPool
from polos.errors import StoreError
from polos.runtime.engine import Engine
from polos.runtime.executions import Meta
from polos.runtime.host import Host, Settings
from polos.runtime.schedules import apply_code
from polos.runtime.service import Service
from polos.runtime.steps import LocalRunner, WorkerLoop
from polos.runtime.sweeper import sweep

DEFAULT_STORE: Final = Path(".polos") / "polos.db"
SWEEP_SECONDS: Final = 60.0
PURGE_SECONDS: Final = 3600.0


class Embedded:
    """The runtime over one SQLite file: store, engine, worker threads, and the requests of one project.

    `path`: the file; ":temporary:" is not supported, give a path in a temporary directory instead. `durability`:
    "normal" survives the death of the process, "full" that of the machine. `work=False`: only ask, run nothing.
    `on_end(execution)` is told of each end in this process, on the thread that worked on it. `app` names the app, if
    all of its code is registered: schedules that it described before, and does not any more, are deleted.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        project: str = "default",
        registry: Registry | None = None,
        durability: str = "normal",
        threads: int = 32,
        settings: Settings | None = None,
        work: bool = True,
        on_end: Callable[[str], object] | None = None,
        app: str = "",
    ) -> None:
        file = Path(path or os.environ.get("POLOS_STORE") or DEFAULT_STORE)
        self.store = SqliteStore(file, durability=durability)  # type: ignore[arg-type]
        self._also_told = on_end
        self.stuck: list[str] = []
        """Sync steps that went on after their timeout: only the end of this process stops them."""
        self._loop = WorkerLoop()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="polos-step")
        self.host = Host(
            self.store.ports,
            registry or process_registry,
            token=new_token,
            runner=lambda: LocalRunner(
                self._loop, self._pool, lambda: int(time.time() * 1000), on_stuck=self.stuck.append
            ),
            settings=settings or Settings(),
            on_end=self._on_end,
            exclusive=Deciding(),
        )
        self.service = Service(self.host, project, new_id=new_execution_id)
        self._ends = Ends(self.service, version=self.store.database.data_version, check=self._check)
        self._swept, self._purged = time.monotonic(), -PURGE_SECONDS
        self._worker = self._new_pool(threads) if work else None
        if self._worker is not None:
            self.store.announce()
            self.store.recover(thorough=True)
            apply_code(self.host, project, app=app)
            self._worker.start()

    def _new_pool(self, threads: int) -> WorkerPool:
        chores = (self.store.recover, self.store.timers.fire_due, self._sweep, self._purge)
        return WorkerPool(
            Engine(self.host), threads=threads, chores=chores, dismiss=self.store.queue.dismiss, gives_up=True
        )

    def _sweep(self) -> None:
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            sweep(self.service)

    def _purge(self) -> None:
        if time.monotonic() - self._purged > PURGE_SECONDS:
            self._purged = time.monotonic()
            self.store.purge()

    @property
    def place(self) -> str:
        """What it works on, for people."""
        return str(self.store.database.path)

    @property
    def broken(self) -> StoreError | None:
        """Why the worker has stopped by itself, if it has: the store cannot be used any more."""
        return self._worker.broken if self._worker is not None else None

    @property
    def busy(self) -> int:
        """How many messages are being handled in this process now: steps that run are among them."""
        return self._worker.busy if self._worker is not None else 0

    def _check(self) -> None:
        if self.broken is not None:
            raise self.broken

    def close(self, *, drain_seconds: float = 10.0) -> None:
        """Stop working and close the file. What is not finished goes on when somebody opens it again."""
        if self._worker is not None:
            self._worker.stop(drain_seconds=drain_seconds)
        self._loop.close()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self.store.close()

    def _on_end(self, project: str, execution: str) -> None:
        del project  # one store may hold several; ids of executions are not shared among them
        self._ends.tell(execution)
        if self._also_told is not None:
            self._also_told(execution)

    def wait(self, execution: str, timeout: float | None = None) -> Meta:
        """Block until it ends or stalls. `ResultTimeout` after `timeout` seconds."""
        return self._ends.wait(execution, timeout)

    async def wait_async(self, execution: str, timeout: float | None = None) -> Meta:
        """The same, without blocking the event loop."""
        return await self._ends.wait_async(execution, timeout)
