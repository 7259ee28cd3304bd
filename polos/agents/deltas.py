"""What a model says, told to the readers of the run while it says it.

Pieces are collected for about 150 ms or 1 KB before they are published, so that an answer of 600 tokens costs tens of
writes; the first piece goes at once. A `stream_start` names the attempt: whoever reads it drops what an earlier attempt
of the same step has said. None of it is in the journal, and a failed write costs the readers a delta, not the run its
answer.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self

from polos.agents.messages import shown_call
from polos.errors import LeaseLost
from polos.llm.text import writable
from polos.llm.types import ToolCall
from polos.runtime.environment import StepEnvironment

PAUSE_SECONDS: Final = 0.15
ENOUGH_BYTES: Final = 1024
MOST_EVENTS: Final = 50

log = logging.getLogger("polos.agents")

Event = tuple[str, dict[str, Any]]


class Deltas:
    """The stream of one attempt of one model step: an async context manager, around the call of the model."""

    def __init__(
        self,
        environment: StepEnvironment,
        *,
        step: str,
        pause: float = PAUSE_SECONDS,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._environment = environment
        self._stream = secrets.token_hex(6)
        self._about = {
            "step": step,
            "attempt": environment.attempt,
            "stream": self._stream,
            "_metadata": {"execution_id": environment.execution, "workflow_id": environment.workflow},
        }
        self._pause = pause
        self._sleep = sleep
        self._waiting: list[Event] = []
        self._bytes = 0
        self._count = 0
        self._wake = asyncio.Event()
        self._full = asyncio.Event()
        self._ended = False
        self._writer: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._waiting.append(("stream_start", {}))  # goes with the first piece
        self._writer = asyncio.create_task(self._write())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """All that was said is published when this returns: before the step's outcome is recorded."""
        self._ended = True
        self._wake.set()
        self._full.set()
        if self._writer is not None:
            await self._writer

    def text(self, piece: str) -> None:
        """More of the answer."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last[0] == "text_delta":
            last[1]["content"] += piece
            self._grow(len(piece))
        else:
            self._add("text_delta", {"content": piece})

    def arguments(self, call_id: str, piece: str) -> None:
        """More of the arguments of a call."""
        last = self._waiting[-1] if self._waiting else None
        if last is not None and last[0] == "tool_call_delta" and last[1]["call_id"] == call_id:
            last[1]["arguments"] += piece
            self._grow(len(piece))
        else:
            self._add("tool_call_delta", {"call_id": call_id, "arguments": piece})

    def call(self, call: ToolCall) -> None:
        """A call as it stands."""
        self._add("tool_call", {"tool_call": shown_call(call)})

    def _add(self, kind: str, data: dict[str, Any]) -> None:
        self._waiting.append((kind, data))
        self._grow(len(str(data)))

    def _grow(self, by: int) -> None:
        self._bytes += by
        self._wake.set()
        if self._bytes >= ENOUGH_BYTES:
            self._full.set()

    # --- writing --------------------------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Publish what has come, then let more come: as long as the stream goes on, and then the rest."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._full.clear()
            batch, self._waiting, self._bytes = self._waiting, [], 0
            if len(batch) > 1 or self._count or self._voids:
                await self._publish(batch)
            if self._ended and not self._waiting:
                return
            if not self._ended:
                await self._rest()

    async def _rest(self) -> None:
        """Some time, or until there is enough to publish."""
        pause = asyncio.ensure_future(self._sleep(self._pause))
        full = asyncio.ensure_future(self._full.wait())
        try:
            await asyncio.wait({pause, full}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            pause.cancel()
            full.cancel()

    @property
    def _voids(self) -> bool:
        """Whether its beginning has to be told though it says nothing: an earlier attempt may have said something."""
        return self._environment.attempt > 1

    async def _publish(self, batch: list[Event]) -> None:
        events = []
        for kind, data in batch:
            about = {**data, "index": self._count, **self._about}
            text = json.dumps(writable(about), ensure_ascii=False)
            events.append((f"{self._stream}-{self._count}", kind, text))
            self._count += 1
        try:
            for start in range(0, len(events), MOST_EVENTS):
                await asyncio.to_thread(self._environment.publish, events[start : start + MOST_EVENTS])
        except LeaseLost:
            raise
        except Exception as error:  # the answer is paid for: no trouble of its readers may lose it
            log.warning("some deltas of %s were not published: %s", self._environment.execution, error)
