"""The small public models: what is passed to verbs and what they give back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, Protocol, Self, cast

from pydantic import BaseModel, ConfigDict, PrivateAttr
from typing_extensions import TypeVar

from polos.errors import PolosError

R = TypeVar("R", default=Any)
"""What an execution gives, for type checkers: Any where nobody knows."""


class EventPayload(BaseModel):
    """One event of a topic. `sequence_id` counts 1, 2, 3 ... within the topic."""

    id: str
    sequence_id: int
    topic: str
    event_type: str | None = None
    data: Any = None
    created_at: datetime


class StreamEvent(EventPayload):
    """One event of a run, as a stream gives it.

    The stream merges several logs: `sequence_id` counts within the log that the event is from, `id` is unique in the
    run. `topic` is the run's.
    """


class BatchEventPayload(BaseModel):
    """Several events of one topic, in order."""

    events: list[EventPayload]


class SchedulePayload(BaseModel):
    """What a scheduled execution is given. `timestamp` is the time it was due, not when it began."""

    timestamp: datetime
    last_timestamp: datetime | None = None
    timezone: str = "UTC"
    schedule_id: str
    key: str = "global"
    upcoming: datetime | None = None


class BatchWorkflowInput(BaseModel):
    """One execution to start: which workflow, with what."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    id: str
    payload: Any = None
    initial_state: Any = None
    run_timeout_seconds: float | None = None
    concurrency_key: str | None = None


class BatchStepResult(BaseModel):
    """How one of several executions ended: its result, or the text of its error."""

    success: bool
    result: Any = None
    error: str | None = None
    execution_id: str | None = None


class ExecutionClient(Protocol):
    """What a handle needs of a client."""

    async def get_execution(self, execution_id: str) -> dict[str, Any]: ...
    async def cancel_execution(self, execution_id: str) -> bool: ...
    async def wait_result(self, execution_id: str, timeout: float | None) -> Any: ...


_default_client: list[Callable[[], ExecutionClient]] = []


def set_default_client(factory: Callable[[], ExecutionClient]) -> None:
    """Tell handles where to find the client to use when they were given none. Called by the client module."""
    _default_client[:] = [factory]


class ExecutionHandle(BaseModel, Generic[R]):
    """A started execution. Awaiting methods talk to the client that made the handle, else to the default client.

    To a type checker it is `ExecutionHandle[R]`, where R is what its workflow gives.
    """

    id: str
    workflow_id: str
    created_at: datetime | None = None
    parent_execution_id: str | None = None
    root_workflow_id: str | None = None
    root_execution_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None
    step_key: str | None = None

    _client: ExecutionClient | None = PrivateAttr(default=None)

    def bind(self, client: ExecutionClient) -> Self:
        """The same handle, using this client."""
        self._client = client
        return self

    def _used(self) -> ExecutionClient:
        if self._client is not None:
            return self._client
        if not _default_client:
            raise PolosError(
                "this handle has no client; call polos.configure(...) or use it under `async with Polos()`"
            )
        return _default_client[0]()

    async def get(self) -> dict[str, Any]:
        """The execution now: status, result, error, created_at, completed_at ..."""
        return await self._used().get_execution(self.id)

    async def cancel(self) -> bool:
        """Ask it to stop. False if it has ended already."""
        return await self._used().cancel_execution(self.id)

    async def result(self, timeout: float | None = None) -> R:
        """Wait for the end (at most `timeout` seconds) and give the result, or raise what happened."""
        return cast(R, await self._used().wait_result(self.id, timeout))

    def __await__(self) -> Any:
        raise TypeError(
            "a handle is not awaitable: use `await handle.result()`, or ctx.step.wait_for(handle)"
        )


Match = Callable[[EventPayload], bool] | Mapping[str, Any]
"""Which events a wait takes: a predicate, or values that `event.data` must have under these names."""


def accepts(match: Match | None, event: EventPayload) -> bool:
    """Whether an event is one that a wait with this `match` takes."""
    if match is None:
        return True
    if callable(match):
        return bool(match(event))
    data = event.data if isinstance(event.data, Mapping) else {}
    return all(name in data and data[name] == value for name, value in match.items())
