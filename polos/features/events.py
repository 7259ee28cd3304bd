"""Publish to topics, and read them as streams.

    await events.publish(topic="user/123", event_type="message", data={"text": "Hello"})
    async for event in events.stream_topic("user/123"):
        ...

Every function takes a client as its first argument, or uses the default one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any, Final

from pydantic import BaseModel

from polos.core.models import EventPayload, StreamEvent
from polos.features.streams import stream_run
from polos.runtime.client import Client, client_first

LONG_POLL_SECONDS: Final = 20.0
PAGE: Final = 100


class EventData(BaseModel):
    """An event to publish."""

    event_type: str | None = None
    data: Any = None


async def publish(
    *args: Any,
    topic: str | None = None,
    event_type: str | None = None,
    data: Any = None,
    client: Client | None = None,
) -> int:
    """Publish one event: `publish([client,] topic, EventData(...))`, or all by name. Gives its sequence id.

    Raises `NotStorable` if the data cannot be stored.
    """
    used, rest = client_first(args, client)
    where, event = _topic_first(rest, topic)
    one = event if isinstance(event, EventData) else EventData(event_type=event_type, data=data)
    published = await used.publish_events(where, [(one.event_type, one.data)])
    return published[0]


async def batch_publish(
    *args: Any, topic: str | None = None, events: Sequence[EventData] = (), client: Client | None = None
) -> list[int]:
    """Publish several events in order, side by side in the topic. Gives their sequence ids."""
    used, rest = client_first(args, client)
    where, given = _topic_first(rest, topic)
    batch = [EventData.model_validate(event) for event in (given if given is not None else events)]
    return (
        await used.publish_events(where, [(event.event_type, event.data) for event in batch]) if batch else []
    )


async def stream_topic(
    *args: Any, topic: str | None = None, last_sequence_id: int | None = None, client: Client | None = None
) -> AsyncIterator[EventPayload]:
    """Events of a topic in order, without end: those after `last_sequence_id`, from the first one if it is None."""
    used, rest = client_first(args, client)
    where, given = _topic_first(rest, topic)
    after = given if isinstance(given, int) else (last_sequence_id or 0)
    while True:
        page = await used.read_events(where, after, PAGE, LONG_POLL_SECONDS)
        for event in page:
            after = event.sequence_id
            yield event


async def stream_workflow(
    *args: Any,
    workflow_id: str | None = None,
    run_id: str | None = None,
    cursor: str | None = None,
    client: Client | None = None,
) -> AsyncIterator[StreamEvent]:
    """All events of a run, merged, from its beginning until it ends: `stream_workflow([client,] workflow_id, run_id)`.

    What its executions publish, suspensions, what agents say, and the beginnings and ends of executions and steps.
    Raises `NotFound` if there is no such run.
    """
    used, rest = client_first(args, client)
    given = dict(zip(("workflow_id", "run_id"), rest, strict=False))
    run = run_id or given.get("run_id")
    if not run:
        raise TypeError(
            "which run? call it as stream_workflow(workflow_id, run_id); a run's id is its execution's"
        )
    async for event in stream_run(used, run, cursor):
        yield event


def _topic_first(rest: list[Any], topic: str | None) -> tuple[str, Any]:
    where = rest.pop(0) if rest and isinstance(rest[0], str) else topic
    if not where:
        raise TypeError(
            "which topic? call it as publish(topic=..., data=...), or publish(client, topic, EventData(...))"
        )
    return where, rest[0] if rest else None
