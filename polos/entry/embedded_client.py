"""The client of the runtime in this process: the same verbs as over HTTP, without a server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, Protocol, TypeVar

from polos.core.definitions import Definition
from polos.core.models import EventPayload, ExecutionHandle
from polos.core.start import StartInfo
from polos.core.step import encode_payload
from polos.errors import Conflict, NotFound
from polos.features.streams import RunPage, read_run
from polos.runtime.client_verbs import ClientVerbs
from polos.runtime.control import UNCHANGED, Control, Filter
from polos.runtime.executions import Meta
from polos.runtime.service import Service, StartOptions
from polos.runtime.topics import iso

READ_PAUSE: Final = 0.1
"""Seconds between looks at a topic that is quiet: a reader sees an event within this time."""

T = TypeVar("T")


class Beside(Protocol):
    """A runtime in this process."""

    @property
    def service(self) -> Service:
        """The requests of its project."""
        ...

    async def wait_async(self, execution: str, timeout: float | None = None) -> Meta:
        """Wait until an execution has ended or stalled; `ResultTimeout` after `timeout` seconds."""
        ...


class EmbeddedClient(ClientVerbs):
    """What a program asks of the runtime beside it. Calls to the store run on threads."""

    def __init__(self, embedded: Beside) -> None:
        self._embedded = embedded

    @property
    def _service(self) -> Service:
        return self._embedded.service

    # --- starting ---------------------------------------------------------------------------------------------------

    async def start(self, workflow: Definition | str, payload: Any, options: StartOptions) -> ExecutionHandle:
        """Start an execution."""
        return self._handle(await asyncio.to_thread(self._service.start, workflow, payload, options))

    async def start_batch(
        self, starts: Sequence[tuple[Definition | str, Any, StartOptions]]
    ) -> list[ExecutionHandle]:
        """Start several: each payload is checked before any is started."""

        def start_all() -> list[StartInfo]:
            for workflow, payload, _ in starts:
                encode_payload(self._service.host.resolve(workflow), payload)
            return [self._service.start(*start) for start in starts]

        return [self._handle(info) for info in await asyncio.to_thread(start_all)]

    def _handle(self, info: StartInfo) -> ExecutionHandle:
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

    # --- looking ----------------------------------------------------------------------------------------------------

    async def wait_result(self, execution_id: str, timeout: float | None = None) -> Any:
        """Wait for an execution's end."""
        meta = await self._embedded.wait_async(execution_id, timeout)
        return self._service.result(meta)

    async def get_execution(self, execution_id: str) -> dict[str, Any]:
        """An execution as a plain dict."""
        return await asyncio.to_thread(lambda: self._service.describe(self._service.meta(execution_id)))

    async def list_executions(
        self, *, limit: int = 50, cursor: str | None = None, **wanted: Any
    ) -> dict[str, Any]:
        """A page of executions, newest first; see `PolosClient.list_executions`."""
        control = Control(self._service)
        found, following = await asyncio.to_thread(
            control.find, filter_of(**wanted), limit=limit, cursor=cursor
        )
        executions = [self._service.describe(meta) for meta in found]
        return {"executions": executions, "next_cursor": following}

    # --- acting -----------------------------------------------------------------------------------------------------

    async def cancel_execution(self, execution_id: str) -> bool:
        """Ask an execution to stop."""
        return await asyncio.to_thread(self._service.cancel, execution_id)

    async def resume(
        self, suspend_workflow_id: str, suspend_execution_id: str, suspend_step_key: str, data: Any = None
    ) -> EventPayload:
        """Answer a suspended step; see `ClientVerbs.resume`."""

        def resume_it() -> EventPayload:
            meta = self._service.meta(suspend_execution_id)
            if meta.info.workflow != suspend_workflow_id:
                raise NotFound(
                    f"execution {suspend_execution_id} is none of workflow {suspend_workflow_id!r}"
                )
            if meta.ended:
                raise Conflict(
                    f"execution {suspend_execution_id} is {meta.status}: it has ended, and nothing waits"
                )
            event = self._service.resume(suspend_execution_id, suspend_step_key, data)
            return EventPayload.model_validate_json(event.to_json())

        return await asyncio.to_thread(resume_it)

    async def retry_execution(self, execution_id: str) -> ExecutionHandle:
        """Go on where it failed, as a new execution; a stalled one goes on itself."""
        return self._handle(await asyncio.to_thread(Control(self._service).retry, execution_id))

    async def fork_execution(
        self, execution_id: str, *, from_step: str | None = None, payload: Any = UNCHANGED
    ) -> ExecutionHandle:
        """A new execution with what was recorded before `from_step`; `payload` replaces the input."""
        fork = Control(self._service).fork
        return self._handle(await asyncio.to_thread(fork, execution_id, from_step=from_step, payload=payload))

    async def pause_execution(self, execution_id: str) -> None:
        """Begin nothing more, until `unpause_execution`."""
        await asyncio.to_thread(Control(self._service).pause, execution_id)

    async def unpause_execution(self, execution_id: str) -> None:
        """Go on."""
        await asyncio.to_thread(Control(self._service).unpause, execution_id)

    # --- events and schedules ---------------------------------------------------------------------------------------

    async def publish_events(self, topic: str, events: Sequence[tuple[str | None, Any]]) -> list[int]:
        """Publish to a topic."""
        published = await asyncio.to_thread(self._service.publish, topic, events)
        return [event.sequence for event in published]

    async def read_events(self, topic: str, after: int, limit: int, wait: float) -> list[EventPayload]:
        """Read a topic; waits for the first event."""
        topics = self._service.topics
        events = await _until(lambda: topics.read(topic, after, limit), bool, wait)
        return [EventPayload.model_validate_json(event.to_json()) for event in events]

    async def read_run(self, execution_id: str, cursor: str | None, wait: float) -> RunPage:
        """Read a run; waits for something new."""
        service = self._service
        return await _until(
            lambda: read_run(service, execution_id, cursor),
            lambda page: bool(page.events) or page.ended,
            wait,
        )

    async def schedules(self, action: str, **fields: Any) -> Any:
        """Create, list, pause, resume or delete schedules."""
        return await asyncio.to_thread(self._service.schedule_action, action, **fields)


async def _until(look: Callable[[], T], satisfied: Callable[[T], bool], seconds: float) -> T:
    deadline, pause = time.monotonic() + seconds, 0.01
    while True:
        found = await asyncio.to_thread(look)
        if satisfied(found) or time.monotonic() >= deadline:
            return found
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, READ_PAUSE)


def filter_of(
    *,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    **wanted: Any,
) -> Filter:
    """The filters of a list of executions, from the words of the client. TypeError for one that is not known."""
    names = {
        "workflow_id": "workflow",
        "root_execution_id": "tree",
        "session_id": "session",
        "user_id": "user",
    }
    renamed = {names.get(name, name): value for name, value in wanted.items()}
    return Filter(
        created_after=None if created_after is None else int(created_after.timestamp() * 1000),
        created_before=None if created_before is None else int(created_before.timestamp() * 1000),
        **renamed,
    )
