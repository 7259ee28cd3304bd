"""The client of a store's file for commands: the verbs and answers of `PolosClient`, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from pydantic import BaseModel

from polos.core.definitions import Definition, registry
from polos.core.models import ExecutionHandle
from polos.entry.embedded import Embedded
from polos.entry.embedded_client import EmbeddedClient, filter_of
from polos.errors import UnknownWorkflow
from polos.runtime.control import UNCHANGED, Control
from polos.runtime.service import Service, StartOptions
from polos.runtime.suspensions import suspensions
from polos.runtime.timeline import TimelineReader
from polos.server import views
from polos.server.values import payload_from_outside


class LocalClient(EmbeddedClient):
    """What a command asks of the store: payloads come as plain JSON, and answers go out so."""

    def __init__(self, embedded: Embedded) -> None:
        super().__init__(embedded)
        self._project = embedded.service
        self._file = embedded.place
        self._readers: dict[str, TimelineReader] = {}

    @property
    def service(self) -> Service:
        """The requests of its project."""
        return self._project

    @property
    def place(self) -> str:
        """The store's file."""
        return self._file

    async def start(self, workflow: Definition | str, payload: Any, options: StartOptions) -> ExecutionHandle:
        """Start an execution, with a payload as it comes from outside."""
        definition = workflow if isinstance(workflow, Definition) else self._project.registry.get(workflow)
        return await super().start(definition, payload_from_outside(definition, payload), options)

    async def start_batch(
        self, starts: Sequence[tuple[Definition | str, Any, StartOptions]]
    ) -> list[ExecutionHandle]:
        """Start several, one after another."""
        return [await self.start(*start) for start in starts]

    async def fork_execution(
        self, execution_id: str, *, from_step: str | None = None, payload: Any = UNCHANGED
    ) -> ExecutionHandle:
        """A new execution with what was recorded before a step; another payload comes as plain JSON."""
        given = payload
        if payload is not UNCHANGED:
            workflow = self._project.meta(execution_id).info.workflow
            given = payload_from_outside(self._project.registry.get(workflow), payload)
        return await super().fork_execution(execution_id, from_step=from_step, payload=given)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def get_execution(self, execution_id: str) -> dict[str, Any]:
        """An execution, as the API tells of it."""
        return _plain(views.execution(self._project, self._project.meta(execution_id)))

    async def list_executions(
        self, *, limit: int = 50, cursor: str | None = None, **wanted: Any
    ) -> dict[str, Any]:
        """A page of executions, newest first."""
        # With the API's summaries: no result is decoded for a list.
        found, following = await asyncio.to_thread(
            Control(self._project).find, filter_of(**wanted), limit=limit, cursor=cursor
        )
        return {"executions": [_plain(views.summary(meta)) for meta in found], "next_cursor": following}

    async def get_timeline(self, execution_id: str) -> dict[str, Any]:
        """The operations of an execution; those under way too, where its code is loaded."""
        reader = self._readers.setdefault(execution_id, TimelineReader(self._project, execution_id))
        story = await asyncio.to_thread(reader.read)
        return _plain(views.timeline(story, int(self._project.ports.clock.now() * 1000)))

    async def get_step(self, execution_id: str, address: str) -> dict[str, Any]:
        """One operation in full, by its address in the timeline."""
        from polos.server.step_details import step_detail  # noqa: PLC0415 (what agents need)

        now_ms = int(self._project.ports.clock.now() * 1000)
        reader = self._readers.setdefault(execution_id, TimelineReader(self._project, execution_id))
        return _plain(await asyncio.to_thread(step_detail, self._project, reader, address, now_ms))

    async def list_suspensions(self, execution_id: str) -> list[dict[str, Any]]:
        """The steps that wait for an answer; none are told where the code is not loaded."""
        try:
            found = await asyncio.to_thread(suspensions, self._project, execution_id)
        except UnknownWorkflow:
            return []
        return [
            {
                "step_key": one.key,
                "data": json.loads(one.data),
                "due": None if one.due is None else datetime.fromtimestamp(one.due, UTC).isoformat(),
            }
            for one in found
        ]

    async def list_definitions(self) -> list[dict[str, Any]]:
        """What the loaded code defines, with JSON schemas."""
        return definitions_here()

    async def list_queues(self, concurrency_key: str | None = None) -> list[dict[str, Any]]:
        """The queues that the loaded code knows, and how full they are."""
        from polos.server.routes.queues import Looking  # noqa: PLC0415 (Powertools: half a second)

        told = Looking(_desk(self._project)).list_queues(concurrency_key)
        return list(_plain(told)["queues"])


def definitions_here() -> list[dict[str, Any]]:
    """What the loaded code defines, as the API tells of it. No store is asked."""
    from polos.server.routes.definitions import Describing  # noqa: PLC0415 (Powertools: half a second)

    told = Describing(_desk(SimpleNamespace(registry=registry))).list_definitions()
    return list(_plain(told)["definitions"])


def _desk(service: Any) -> Any:
    """What the handlers of these routes ask a desk for."""
    return cast(Any, SimpleNamespace(service=service))


def _plain(told: BaseModel) -> dict[str, Any]:
    return told.model_dump(mode="json")
