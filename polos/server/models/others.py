"""Events, schedules, queues, definitions, and who asks."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, Field

from polos.core.models import EventPayload, StreamEvent
from polos.server.models.texts import Body, Name, Topic


class NewEvent(Body):
    """An event to publish."""

    event_type: Annotated[str, Field(max_length=400)] | None = None
    data: Any = None


class PublishRequest(Body):
    """Publish events to a topic, side by side, in order."""

    topic: Topic
    events: Annotated[list[NewEvent], Field(min_length=1, max_length=100)]


class Published(BaseModel):
    """The sequence ids of what was published."""

    sequence_ids: list[int]


class EventPage(BaseModel):
    """Events of a topic, in order. `last_sequence_id`: what to read on after."""

    events: list[EventPayload]
    last_sequence_id: int


class RunEvents(BaseModel):
    """What is new in a run. `cursor` continues behind it; `ended`: nothing will come any more."""

    events: list[StreamEvent]
    cursor: str
    ended: bool


class TopicSummary(BaseModel):
    """A topic: how many events it holds, and when the last came."""

    topic: str
    events: int
    last_at: datetime | None = None


class TopicPage(BaseModel):
    """Topics by their names, those of runs left out. `next_cursor`: null if that was all."""

    topics: list[TopicSummary]
    next_cursor: str | None = None


class ScheduleRequest(Body):
    """Make a schedule, or change the one of that workflow and key. `cron` has five fields, as in crontab(5)."""

    workflow_id: Name
    cron: Annotated[str, Field(min_length=1, max_length=200)]
    timezone: Annotated[str, Field(max_length=100)] = "UTC"
    key: Name = "global"
    overlap: Annotated[str, Field(max_length=10)] = "allow"


class ScheduleName(Body):
    """Which schedule."""

    workflow_id: Name
    key: Name = "global"


class Schedule(BaseModel):
    """A schedule. `upcoming` are its next due times; none while it is paused."""

    id: str
    workflow_id: str
    key: str
    cron: str
    timezone: str
    overlap: str
    paused: bool
    source: str
    last_timestamp: datetime | None = None
    last_execution_id: str | None = None
    upcoming: list[datetime] = []


class Schedules(BaseModel):
    """The schedules of a project."""

    schedules: list[Schedule]


class Deleted(BaseModel):
    """`deleted`: whether there was one."""

    deleted: bool


class Depth(BaseModel):
    """What lies in the queue of messages, about: it is shared by all projects of the stack."""

    ready: int
    in_flight: int
    delayed: int
    oldest_seconds: float


class Queue(BaseModel):
    """A queue. `running` and `waiting` count the executions of this project that hold a place, and that stand in line
    (up to 100 are counted); null where there is no limit."""

    name: str
    concurrency_limit: int | None = None
    rate_limit: str | None = None
    running: int | None = None
    waiting: int | None = None
    messages: Depth


class Queues(BaseModel):
    """The queues that the code knows."""

    queues: list[Queue]


class DeadLetter(BaseModel):
    """An execution that goes no further: its messages could not be handled, or its code does not fit its journal.

    `at`: since when; it goes on where it was once the cause is mended and it is sent on its way.
    """

    execution_id: str
    workflow_id: str
    queue: str
    at: datetime
    error: dict[str, Any] | None = None


class DeadLetters(BaseModel):
    """Executions that go no further, the latest first. `dying`: messages still being tried, of all projects."""

    dead_letters: list[DeadLetter]
    dying: Depth
    next_cursor: str | None = None


class RedriveRequest(Body):
    """Send executions on their way that have stalled."""

    execution_ids: Annotated[list[Annotated[str, Field(max_length=64)]], Field(min_length=1, max_length=100)]


class Refused(BaseModel):
    """An execution that was not sent on its way, and why."""

    execution_id: str
    reason: str


class Redriven(BaseModel):
    """What was sent on its way, and what was not."""

    redriven: list[str]
    refused: list[Refused]


class Definition(BaseModel):
    """A workflow, agent or tool, with the JSON schemas of what it takes and gives; null where the code does not say."""

    id: str
    kind: str
    description: str
    queue: str
    trigger: str | None = None
    schedule: str | None = None
    payload_schema: dict[str, Any] | None = None
    result_schema: dict[str, Any] | None = None
    state_schema: dict[str, Any] | None = None


class Definitions(BaseModel):
    """What can be started."""

    definitions: list[Definition]


class Caller(BaseModel):
    """Who asks, as the API sees it."""

    project: str
    role: str
    how: str


class Health(BaseModel):
    """The API is there."""

    status: str
