"""`Polos`: client and runtime in one.

async with Polos() as polos:
    result = await my_workflow.run({"x": 1})
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final, Self, overload

from polos.core.definitions import Definition
from polos.core.models import EventPayload, ExecutionHandle
from polos.entry.embedded import Embedded
from polos.entry.embedded_client import EmbeddedClient
from polos.errors import InvalidDefinition
from polos.runtime.client import activate, deactivate
from polos.runtime.client_verbs import ClientVerbs
from polos.runtime.control import UNCHANGED
from polos.runtime.http_client import PolosClient
from polos.runtime.service import StartOptions

DEFAULT_PORT: Final = 8000


class Polos(ClientVerbs):
    """Client and embedded runtime in one. `async with Polos():` runs everything registered in this process, durably, in
    one local file, with no server; with `api_url` it talks to that deployment instead.

    Args:
        path: The file; else `POLOS_STORE`, else `.polos/polos.db`.
        project_id: The project; else `POLOS_PROJECT_ID`, else "default".
        api_url: A deployment to talk to. Then nothing runs here, and `path` and the options mean nothing.
        api_key: For that deployment; see `PolosClient`.
        deployment_id: Noted on what is started there; see `PolosClient`.
        port: Where `serve()` serves the API.
        max_concurrent_workflows: How many messages are handled at the same time.
        log_file: Where the engine's log goes, beside wherever logging sends it.
        options: Of `Embedded`: durability, settings ...
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        project_id: str | None = None,
        api_url: str | None = None,
        api_key: str | None = None,
        deployment_id: str | None = None,
        port: int = DEFAULT_PORT,
        max_concurrent_workflows: int | None = None,
        channels: Sequence[Any] | None = None,
        log_file: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        if channels:
            raise InvalidDefinition("channels are not supported by this version of polos; leave them out")
        self._path = path
        self._project = project_id
        self._remote = PolosClient(api_url, api_key, project_id, deployment_id) if api_url else None
        self._options = options
        if max_concurrent_workflows is not None:
            self._options["threads"] = max_concurrent_workflows
        self._port = port
        self._log = None if log_file is None else logging.FileHandler(log_file, delay=True)
        self._embedded: Embedded | None = None
        self._client: EmbeddedClient | PolosClient | None = None

    # --- its life ---------------------------------------------------------------------------------------------------

    @property
    def embedded(self) -> Embedded:
        """The runtime, once started."""
        if self._embedded is None:
            raise RuntimeError(
                "this Polos() talks to a deployment, and runs nothing here"
                if self._remote is not None
                else "this Polos() is not running: use it under `async with`, or call `await polos.start()`"
            )
        return self._embedded

    async def __aenter__(self) -> Self:
        if self._log is not None:
            logging.getLogger("polos").addHandler(self._log)
        if self._remote is None:
            self._embedded = await asyncio.to_thread(self._open)
            self._client = EmbeddedClient(self._embedded)
        else:
            self._client = self._remote
        activate(self)
        return self

    async def __aexit__(self, *exc: object) -> None:
        deactivate(self)
        embedded, self._embedded, self._client = self._embedded, None, None
        if embedded is not None:
            await asyncio.to_thread(embedded.close)
        if self._remote is not None:
            await self._remote.aclose()
        if self._log is not None:
            logging.getLogger("polos").removeHandler(self._log)
            self._log.close()

    def _open(self) -> Embedded:
        project = self._project or os.environ.get("POLOS_PROJECT_ID") or "default"
        return Embedded(self._path, project=project, **self._options)

    async def stop(self) -> None:
        """End what `start()` has begun. What is not finished goes on when the file is opened again."""
        if self._client is not None:
            await self.__aexit__()

    async def serve(self, host: str = "127.0.0.1") -> None:
        """Run, and serve the HTTP API on `port`, until this is cancelled. This machine needs no key.

        Raises:
            StoreError: The port is in use.
        """
        started = self._client is None
        if started:
            await self.start()
        # By name: the server's room is above this one, and a program that serves nothing does not load it.
        local = import_module("polos.server.local")
        try:
            server = local.serve(self.embedded, host, self._port, local_mode=True)
            try:
                await asyncio.get_running_loop().create_future()
            finally:
                await asyncio.to_thread(server.close)
        finally:
            if started:
                await self.stop()

    # --- the client -------------------------------------------------------------------------------------------------

    @property
    def _used(self) -> EmbeddedClient | PolosClient:
        if self._client is None:
            raise RuntimeError(
                "this Polos() is not running: use it under `async with`, or call `await polos.start()`"
            )
        return self._client

    @overload
    async def start(self) -> Self: ...
    @overload
    async def start(
        self, workflow: Definition | str, payload: Any, options: StartOptions
    ) -> ExecutionHandle: ...
    async def start(
        self,
        workflow: Definition | str | None = None,
        payload: Any = None,
        options: StartOptions | None = None,
    ) -> Self | ExecutionHandle:
        """Without arguments: begin to run, until `stop()`. With them: start an execution (the `Client` protocol)."""
        if workflow is None:
            return await self.__aenter__()
        return await self._used.start(workflow, payload, options or StartOptions())

    async def start_batch(
        self, starts: Sequence[tuple[Definition | str, Any, StartOptions]]
    ) -> list[ExecutionHandle]:
        """Start several: each payload is checked before any is started."""
        return await self._used.start_batch(starts)

    async def wait_result(self, execution_id: str, timeout: float | None = None) -> Any:
        """Wait for an execution's end: its result, or what happened, raised; `ResultTimeout` after `timeout` s."""
        return await self._used.wait_result(execution_id, timeout)

    async def get_execution(self, execution_id: str) -> dict[str, Any]:
        """An execution as a plain dict."""
        return await self._used.get_execution(execution_id)

    async def list_executions(
        self, *, limit: int = 50, cursor: str | None = None, **wanted: Any
    ) -> dict[str, Any]:
        """A page of executions, newest first; see `PolosClient.list_executions`."""
        return await self._used.list_executions(limit=limit, cursor=cursor, **wanted)

    async def cancel_execution(self, execution_id: str) -> bool:
        """Ask an execution to stop. False: it has ended."""
        return await self._used.cancel_execution(execution_id)

    async def resume(
        self, suspend_workflow_id: str, suspend_execution_id: str, suspend_step_key: str, data: Any = None
    ) -> EventPayload:
        """Answer a suspended step. The first answer counts; it may come before the code asks."""
        return await self._used.resume(suspend_workflow_id, suspend_execution_id, suspend_step_key, data)

    async def retry_execution(self, execution_id: str) -> ExecutionHandle:
        """Go on where it failed, as a new execution; a stalled one goes on itself."""
        return await self._used.retry_execution(execution_id)

    async def fork_execution(
        self, execution_id: str, *, from_step: str | None = None, payload: Any = UNCHANGED
    ) -> ExecutionHandle:
        """A new execution with what was recorded before `from_step`; `payload` replaces the input."""
        return await self._used.fork_execution(execution_id, from_step=from_step, payload=payload)

    async def pause_execution(self, execution_id: str) -> None:
        """Begin nothing more, until `unpause_execution`."""
        await self._used.pause_execution(execution_id)

    async def unpause_execution(self, execution_id: str) -> None:
        """Go on."""
        await self._used.unpause_execution(execution_id)

    async def publish_events(self, topic: str, events: Sequence[tuple[str | None, Any]]) -> list[int]:
        """Publish (type, data) pairs in order; their sequence ids."""
        return await self._used.publish_events(topic, events)

    async def read_events(self, topic: str, after: int, limit: int, wait: float) -> list[EventPayload]:
        """Events with a sequence above `after`; waits up to `wait` seconds for the first."""
        return await self._used.read_events(topic, after, limit, wait)

    async def read_run(self, execution_id: str, cursor: str | None, wait: float) -> Any:
        """What is new in a run behind `cursor`, a `polos.features.streams.RunPage`; waits up to `wait` seconds."""
        return await self._used.read_run(execution_id, cursor, wait)

    async def schedules(self, action: str, **fields: Any) -> Any:
        """create, list, pause, resume or delete schedules; each as a dict."""
        return await self._used.schedules(action, **fields)
