"""Polos on one machine: everything that is registered in this process runs here, durably, in one local file.

async with Polos() as polos:
    result = await my_workflow.run({"x": 1})
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, Self

from polos.adapters.sqlite import SqliteStore
from polos.core.definitions import Definition, Registry
from polos.core.definitions import registry as process_registry
from polos.core.models import EventPayload, ExecutionHandle
from polos.entry.ends import Ends
from polos.entry.identity import new_execution_id, new_token
from polos.entry.locks import Deciding
from polos.entry.pool import WorkerPool
from polos.errors import StoreError
from polos.features.streams import RunPage, read_run
from polos.runtime.client import activate, deactivate
from polos.runtime.engine import Engine
from polos.runtime.executions import Meta
from polos.runtime.host import Host, Settings
from polos.runtime.schedules import apply_code
from polos.runtime.service import Service, StartOptions
from polos.runtime.steps import LocalRunner, WorkerLoop
from polos.runtime.sweeper import sweep
from polos.runtime.topics import iso

DEFAULT_STORE: Final = Path(".polos") / "polos.db"
SWEEP_SECONDS: Final = 60.0
PURGE_SECONDS: Final = 3600.0
READ_PAUSE: Final = 0.1
"""Seconds between looks at a topic that is quiet: a reader sees an event within this time."""


class Embedded:
    """The runtime over one SQLite file: store, engine, worker threads, and the requests of one project.

    `path`: the file; ":temporary:" is not supported, give a path in a temporary directory instead. `durability`:
    "normal" survives the death of the process, "full" that of the machine. `work=False`: only ask, run nothing.
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
    ) -> None:
        file = Path(path or os.environ.get("POLOS_STORE") or DEFAULT_STORE)
        self.store = SqliteStore(file, durability=durability)  # type: ignore[arg-type]
        self._loop = WorkerLoop()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="polos-step")
        self.host = Host(
            self.store.ports,
            registry or process_registry,
            token=new_token,
            runner=lambda: LocalRunner(self._loop, self._pool, lambda: int(time.time() * 1000)),
            settings=settings or Settings(),
            on_end=self._on_end,
            exclusive=Deciding(),
        )
        self.service = Service(self.host, project, new_id=new_execution_id)
        self._ends = Ends(self.service, version=self.store.database.data_version, check=self._check)
        self._swept = self._purged = time.monotonic()
        self._worker = self._new_pool(threads) if work else None
        if self._worker is not None:
            self.store.recover(thorough=True)
            apply_code(self.host, project)
            self._worker.start()

    def _new_pool(self, threads: int) -> WorkerPool:
        chores = (self.store.recover, self.store.timers.fire_due, self._sweep, self._purge)
        return WorkerPool(Engine(self.host), threads=threads, chores=chores, dismiss=self.store.queue.dismiss)

    def _sweep(self) -> None:
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            sweep(self.service)

    def _purge(self) -> None:
        if time.monotonic() - self._purged > PURGE_SECONDS:
            self._purged = time.monotonic()
            self.store.purge()

    @property
    def broken(self) -> StoreError | None:
        """Why the worker has stopped by itself, if it has: the store cannot be used any more."""
        return self._worker.broken if self._worker is not None else None

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

    def wait(self, execution: str, timeout: float | None = None) -> Meta:
        """Block until it ends or stalls. `ResultTimeout` after `timeout` seconds."""
        return self._ends.wait(execution, timeout)

    async def wait_async(self, execution: str, timeout: float | None = None) -> Meta:
        """The same, without blocking the event loop."""
        return await self._ends.wait_async(execution, timeout)


class Polos:
    """Client and embedded runtime in one. `async with Polos():` runs everything registered in this process."""

    def __init__(
        self, path: str | os.PathLike[str] | None = None, *, project_id: str | None = None, **options: Any
    ) -> None:
        self._path = path
        self._project = project_id or os.environ.get("POLOS_PROJECT_ID") or "default"
        self._options = options
        self._embedded: Embedded | None = None

    @property
    def embedded(self) -> Embedded:
        """The runtime, once started."""
        if self._embedded is None:
            raise RuntimeError(
                "this Polos() is not running: use it under `async with`, or call `await polos.start()`"
            )
        return self._embedded

    async def __aenter__(self) -> Self:
        self._embedded = await asyncio.to_thread(self._open)
        activate(self)
        return self

    async def __aexit__(self, *exc: object) -> None:
        deactivate(self)
        embedded, self._embedded = self.embedded, None
        await asyncio.to_thread(embedded.close)

    def _open(self) -> Embedded:
        return Embedded(self._path, project=self._project, **self._options)

    async def start(self, workflow: Definition | str, payload: Any, options: StartOptions) -> ExecutionHandle:
        """Start an execution (the `Client` protocol)."""
        info = await asyncio.to_thread(self.embedded.service.start, workflow, payload, options)
        handle = ExecutionHandle(
            id=info.execution,
            workflow_id=info.workflow,
            created_at=iso(info.created_at),  # type: ignore[arg-type]
            root_workflow_id=info.root_workflow or info.workflow,
            root_execution_id=info.root_execution or info.execution,
            session_id=info.session,
            user_id=info.user,
        )
        return handle.bind(self)

    async def wait_result(self, execution_id: str, timeout: float | None) -> Any:
        """Wait for an execution's end."""
        meta = await self.embedded.wait_async(execution_id, timeout)
        return self.embedded.service.result(meta)

    async def get_execution(self, execution_id: str) -> dict[str, Any]:
        """An execution as a plain dict."""
        service = self.embedded.service
        return await asyncio.to_thread(lambda: service.describe(service.meta(execution_id)))

    async def publish_events(self, topic: str, events: Sequence[tuple[str | None, Any]]) -> list[int]:
        """Publish to a topic."""
        published = await asyncio.to_thread(self.embedded.service.publish, topic, events)
        return [event.sequence for event in published]

    async def read_events(self, topic: str, after: int, limit: int, wait: float) -> list[EventPayload]:
        """Read a topic; waits for the first event."""
        topics, deadline, pause = self.embedded.service.topics, time.monotonic() + wait, 0.01
        while True:
            events = await asyncio.to_thread(topics.read, topic, after, limit)
            if events or time.monotonic() >= deadline:
                return [EventPayload.model_validate_json(event.to_json()) for event in events]
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, READ_PAUSE)

    async def read_run(self, execution_id: str, cursor: str | None, wait: float) -> RunPage:
        """Read a run; waits for something new."""
        service, deadline, pause = self.embedded.service, time.monotonic() + wait, 0.01
        while True:
            page = await asyncio.to_thread(read_run, service, execution_id, cursor)
            if page.events or page.ended or time.monotonic() >= deadline:
                return page
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, READ_PAUSE)

    async def schedules(self, action: str, **fields: Any) -> Any:
        """Create, list, pause, resume or delete schedules."""
        return await asyncio.to_thread(self.embedded.service.schedule_action, action, **fields)

    async def cancel_execution(self, execution_id: str) -> bool:
        """Ask an execution to stop."""
        return await asyncio.to_thread(self.embedded.service.cancel, execution_id)
