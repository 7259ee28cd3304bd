"""The client of a harness: `await workflow.run(...)`, streams and all, with time passing while somebody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from polos.core.models import EventPayload
from polos.entry.embedded_client import EmbeddedClient
from polos.features.streams import RunPage
from polos.runtime.executions import Meta
from polos.runtime.service import Service

T = TypeVar("T")


class Pumped(Protocol):
    """What the client needs of a harness."""

    @property
    def service(self) -> Service:
        """The requests of its project."""
        ...

    def reach_end(self, execution: str) -> Meta:
        """Deliver, and let time pass, until it has ended or stalled."""
        ...

    def go_on(self) -> bool:
        """Deliver what is ready, or let time pass until something is. False: nothing ever will be."""
        ...


class HarnessClient(EmbeddedClient):
    """What a program under test asks of the harness. A timeout is real time, of which nothing passes here."""

    def __init__(self, harness: Pumped) -> None:
        super().__init__(_Waits(harness))
        self._harness = harness

    async def read_events(self, topic: str, after: int, limit: int, wait: float) -> list[EventPayload]:
        """Read a topic; lets the harness go on until there is an event, unless `wait` is 0."""
        read = super().read_events
        return await self._until(lambda: read(topic, after, limit, 0), bool, wait)

    async def read_run(self, execution_id: str, cursor: str | None, wait: float) -> RunPage:
        """Read a run; lets the harness go on until there is something new, unless `wait` is 0."""
        read = super().read_run
        return await self._until(
            lambda: read(execution_id, cursor, 0), lambda page: bool(page.events) or page.ended, wait
        )

    async def _until(
        self, look: Callable[[], Awaitable[T]], satisfied: Callable[[T], bool], wait: float
    ) -> T:
        while True:
            found = await look()
            if satisfied(found) or wait <= 0 or not await asyncio.to_thread(self._harness.go_on):
                return found


class _Waits:
    """A harness as the client of the embedded runtime sees it."""

    def __init__(self, harness: Pumped) -> None:
        self._harness = harness

    @property
    def service(self) -> Service:
        return self._harness.service

    async def wait_async(self, execution: str, timeout: float | None = None) -> Any:
        del timeout
        return await asyncio.to_thread(self._harness.reach_end, execution)
