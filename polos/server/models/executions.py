"""Executions, as they are asked for and shown."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from polos.server.forms import Form
from polos.server.models.texts import Body, Label, Name, Seconds

MOST_AT_ONCE = 100


class StartRequest(Body):
    """Start an execution. With an `idempotency_key` the same request starts it once."""

    workflow_id: Name
    payload: Any = None
    idempotency_key: Name | None = None
    on_conflict: Literal["return", "reject", "restart"] = "return"
    queue_name: Name | None = None
    queue_concurrency_limit: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    concurrency_key: Name | None = None
    session_id: Name | None = None
    user_id: Name | None = None
    deployment_id: Name | None = None
    initial_state: Any = None
    run_timeout_seconds: Seconds | None = None
    compute_timeout_seconds: Seconds | None = None
    priority: Annotated[int, Field(ge=-1000, le=1000)] = 0
    attributes: Annotated[dict[Label, Name], Field(default_factory=dict, max_length=20)]


class BatchStartRequest(Body):
    """Start several. Each payload is checked before any is started.

    With an `idempotency_key`, the executions that have none of their own get `key:0`, `key:1` ...
    """

    executions: Annotated[list[StartRequest], Field(min_length=1, max_length=MOST_AT_ONCE)]
    idempotency_key: Name | None = None


class Started(BaseModel):
    """An execution that was started, now or by an earlier request with the same key."""

    id: str
    workflow_id: str
    created_at: datetime
    root_workflow_id: str
    root_execution_id: str
    parent_execution_id: str | None = None
    session_id: str | None = None
    user_id: str | None = None


class BatchStarted(BaseModel):
    """Executions that were started, in the order of the request."""

    executions: list[Started]


class Summary(BaseModel):
    """An execution in a list. `ended`: whether its status is final."""

    id: str
    workflow_id: str
    kind: str
    status: str
    ended: bool
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None
    updated_at: datetime
    parent_execution_id: str | None = None
    root_execution_id: str
    root_workflow_id: str
    session_id: str | None = None
    user_id: str | None = None
    deployment_id: str | None = None
    queue: str
    concurrency_key: str | None = None
    priority: int = 0
    attributes: dict[str, str] = {}
    error_message: str | None = None


class Stored(BaseModel):
    """Payload and result as they are stored: JSON text from which a program that has the code rebuilds their types."""

    payload: str | None = None
    result: str | None = None


class Execution(Summary):
    """An execution. `payload` and `result` are plain JSON; `error` is what the journal keeps of it.

    `omitted`: which of `payload` and `result` are too large for an answer, and left out.
    """

    payload: Any = None
    result: Any = None
    error: dict[str, Any] | None = None
    copy_of: str | None = None
    copies: list[str] = []
    stored: Stored | None = None
    omitted: list[str] = []


class ExecutionPage(BaseModel):
    """Some executions, newest first. `next_cursor` continues the list with the same filters; null: that was all."""

    executions: list[Summary]
    next_cursor: str | None = None


class CancelAnswer(BaseModel):
    """`cancelled`: whether it was asked to stop; false if it had ended."""

    cancelled: bool


class ResumeRequest(Body):
    """Answer a suspended step. The first answer counts. `workflow_id`, if given, must be the execution's own."""

    step_key: Name
    data: Any = None
    workflow_id: Name | None = None


class ForkRequest(Body):
    """A new execution with what was recorded before `from_step` (nothing, if it is not given).

    `payload` replaces the input; left out, it stays.
    """

    from_step: Name | None = None
    payload: Any = None


class Suspension(BaseModel):
    """A step that waits for an answer. `data` is what the code shows to who answers; `due`: when it gives up.

    `form`: what `data` describe, or approve and reject with a word why.
    """

    step_key: str
    data: Any = None
    form: Form
    due: datetime | None = None


class Suspensions(BaseModel):
    """The steps of an execution that wait for an answer."""

    suspensions: list[Suspension]


class Entry(BaseModel):
    """One fact of a journal. `value` is JSON as it is stored."""

    position: int
    kind: str
    address: str
    at: datetime
    started_at: datetime | None = None
    attempt: int = 1
    value: Any = None
    error: dict[str, Any] | None = None
    extra: dict[str, Any] | None = None


class JournalPage(BaseModel):
    """Some entries of a journal, in order. `next`: the position to go on from; null: that was the tail."""

    entries: list[Entry]
    next: int | None = None


class Attempt(BaseModel):
    """One try of an operation."""

    number: int
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: dict[str, Any] | None = None


class Wait(BaseModel):
    """What an operation waits for: "time", an "event" of a topic, an "answer", or another "execution"; until when."""

    kind: Literal["time", "event", "answer", "execution"] = Field(alias="for", serialization_alias="for")
    topic: str | None = None
    until: datetime | None = None

    model_config = ConfigDict(populate_by_name=True)


class ChildSummary(BaseModel):
    """How far the execution is that an operation started or waits for."""

    id: str
    workflow_id: str
    kind: str
    status: str
    created_at: datetime
    started_at: datetime | None = None
    completed_at: datetime | None = None


class Operation(BaseModel):
    """One operation of an execution, with its attempts. `child`: the execution it started or waits for.

    `index`: its place in the order of the code. `issued_at`: when the code asked for it; what lies between that and the
    first attempt was queueing. `value` is its result if that is short; `value_bytes` says how long it is.
    """

    index: int = 0
    address: str
    verb: str
    key: str
    stage: str
    attempts: list[Attempt]
    issued_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    due_at: datetime | None = None
    wait: Wait | None = None
    child: str | None = None
    child_summary: ChildSummary | None = None
    value: Any = None
    value_bytes: int | None = None


class Timeline(BaseModel):
    """An execution with its operations. `complete`: whether what is under way is among them.

    `position`: how much of the journal it tells of; asked for again with `since` that, it tells what is new. `total`:
    how many operations there are; `next_offset`: where the next page of them begins, null if this was the last.
    """

    execution_id: str
    workflow_id: str
    status: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_asked_at: datetime | None = None
    complete: bool
    position: int = 0
    total: int = 0
    next_offset: int | None = None
    operations: list[Operation]
