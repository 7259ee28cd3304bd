"""A run of an agent, read while it goes on: live, late or after its end, as often as one likes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final, cast

from polos.agents.results import AgentResult
from polos.core.models import ExecutionHandle, StreamEvent
from polos.core.step import run_topic
from polos.features.streams import LONG_POLL_SECONDS
from polos.runtime.client import Client

_OF_STREAMS: Final = frozenset({"text_delta", "tool_call_delta", "tool_call"})


class StreamResult:
    """What `agent.stream(...)` gives. Each access to `events` or `text_chunks` reads the run from its beginning."""

    def __init__(self, client: Client, handle: ExecutionHandle) -> None:
        self._client = client
        self.handle = handle

    @property
    def agent_run_id(self) -> str:
        """The id of the agent's execution."""
        return self.handle.id

    @property
    def topic(self) -> str:
        """The topic of the run."""
        workflow = self.handle.root_workflow_id or self.handle.workflow_id
        return run_topic(workflow, self.handle.root_execution_id or self.handle.id)

    @property
    def events(self) -> AsyncIterator[StreamEvent]:
        """All events of the run, until it ends, however it ends.

        What a failed attempt had said before it was repeated is left out where that is known already; a reader that had
        been given it learns from `stream_start` to drop it.
        """
        return self._events()

    @property
    def text_chunks(self) -> AsyncIterator[str]:
        """What the agent itself says, piece by piece. A repeated attempt goes on where it says something new."""
        return self._text_chunks()

    async def text(self) -> str:
        """All that the agent has said, when the run is over.

        Raises:
            ExecutionFailed, ExecutionCancelled, ExecutionTimedOut: What happened to the run instead.
        """
        said: dict[str, str] = {}
        async for event in self._events():
            if self._own(event) and event.event_type == "stream_start":
                said[event.data["step"]] = ""
            elif self._own(event) and event.event_type == "text_delta":
                step = event.data.get("step", "")
                said[step] = said.get(step, "") + event.data.get("content", "")
        await self.result()
        return "".join(said.values())

    async def result(self, timeout: float | None = 600.0) -> AgentResult:
        """The result, when there is one.

        Raises:
            ExecutionFailed, ExecutionCancelled, ExecutionTimedOut: What happened to the run instead.
            ResultTimeout: After `timeout` seconds; the run goes on.
        """
        return cast(AgentResult, await self._client.wait_result(self.handle.id, timeout))

    async def _events(self) -> AsyncIterator[StreamEvent]:
        attempts = Attempts()
        cursor = None
        while True:
            page = await self._client.read_run(self.handle.id, cursor, LONG_POLL_SECONDS)
            for event in attempts.valid(page.events):
                yield event
            if page.ended:
                return
            cursor = page.cursor

    async def _text_chunks(self) -> AsyncIterator[str]:
        given: dict[str, _Given] = {}
        async for event in self._events():
            if not self._own(event):
                continue
            said = given.setdefault(event.data.get("step", ""), _Given())
            if event.event_type == "stream_start":
                said.begin()
            elif event.event_type == "text_delta" and (piece := said.more(event.data.get("content", ""))):
                yield piece

    def _own(self, event: StreamEvent) -> bool:
        """Whether it is about this agent, and not about one that it has called."""
        return isinstance(event.data, Mapping) and _execution(event) == self.handle.id


class _Given:
    """What of one step a reader of text was given, and what the attempt under way has said."""

    def __init__(self) -> None:
        self._given = ""
        self._said = ""

    def begin(self) -> None:
        self._said = ""

    def more(self, piece: str) -> str:
        """What is new to the reader."""
        self._said += piece
        if self._given.startswith(self._said):
            return ""
        both = zip(self._given, self._said, strict=False)
        common = next((at for at, (one, other) in enumerate(both) if one != other), len(self._given))
        self._given = self._said
        return self._said[common:]


class Attempts:
    """Which stream of each step is the one that counts: the one that began last."""

    def __init__(self) -> None:
        self._current: dict[tuple[str, str], str] = {}
        self._seen: dict[str, int] = {}

    def valid(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """The events without those of streams that have been begun anew, as far as is known, and without repeats."""
        for event in events:
            if event.event_type == "stream_start":
                self._current[_place(event)] = event.data["stream"]
        return [event for event in events if self._counts(event)]

    def _counts(self, event: StreamEvent) -> bool:
        if event.event_type not in _OF_STREAMS and event.event_type != "stream_start":
            return True
        stream = event.data.get("stream") if isinstance(event.data, Mapping) else None
        if stream is None:
            return True
        if self._current.get(_place(event)) != stream:
            return False
        index = event.data["index"]
        if index <= self._seen.get(stream, -1):
            return False
        self._seen[stream] = index
        return True


def _place(event: StreamEvent) -> tuple[str, str]:
    return _execution(event), event.data["step"]


def _execution(event: StreamEvent) -> str:
    about: Any = event.data.get("_metadata")
    return str(about.get("execution_id", "")) if isinstance(about, Mapping) else ""
