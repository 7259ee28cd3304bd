"""Publishing to topics, reading them, and following them as a stream."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Query

from polos.core.models import EventPayload
from polos.errors import InvalidRequest
from polos.runtime.topics import Event, Topics
from polos.server.desk import LAST_POSITION, LONGEST_WAIT, Desk
from polos.server.models.others import EventPage, Published, PublishRequest, TopicPage, TopicSummary
from polos.server.models.texts import Topic
from polos.server.principals import Role
from polos.server.routing import Route
from polos.server.streams import News, block, fitting, until

GROUP: Final = "Events"
PAGE: Final = 100

TopicQuery = Annotated[Topic, Query(description="The name of the topic.")]
After = Annotated[int, Query(ge=0, le=LAST_POSITION, description="Only events with a greater sequence id.")]


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Events(desk)
    return (
        Route("POST", "/v1/events", at.publish, Role.RUN, GROUP, 201),
        Route("GET", "/v1/events", at.read_events, Role.READ, GROUP),
        Route("GET", "/v1/events/stream", at.stream_events, Role.READ, GROUP),
        Route("GET", "/v1/topics", at.list_topics, Role.READ, GROUP),
    )


class Events:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def publish(self, request: PublishRequest) -> Published:
        """Publish events to a topic, in order. A request that is sent twice publishes twice."""
        pairs = [(event.event_type, event.data) for event in request.events]
        published = self._desk.service.publish(request.topic, pairs)
        return Published(sequence_ids=[event.sequence for event in published])

    def read_events(  # noqa: PLR0917 - parameters of the query, all by name
        self,
        topic: TopicQuery,
        after: After = 0,
        limit: Annotated[int, Query(ge=1, le=PAGE)] = PAGE,
        wait: Annotated[
            float, Query(ge=0, le=LONGEST_WAIT, allow_inf_nan=False, description="Seconds for the first.")
        ] = 0.0,
        before: Annotated[
            int | None,
            Query(
                ge=0,
                le=LAST_POSITION,
                description="The last events before this sequence id; 0: the last there are.",
            ),
        ] = None,
    ) -> EventPage:
        """Read events of a topic, in order: behind `after`, or the last ones before `before`."""
        if before is not None:
            topics = self._desk.service.topics
            end = topics.count(topic)
            end = min(before - 1, end) if before else end
            after, limit, wait = max(0, end - limit), min(limit, max(0, end)), 0.0
            if limit == 0:
                return EventPage(events=[], last_sequence_id=0)
        look = partial(self._desk.service.topics.read, topic, after, limit)
        events = fitting(until(look, bool, self._desk.clock, self._desk.patience(wait)), _size)
        return EventPage(
            events=[EventPayload.model_validate_json(event.to_json()) for event in events],
            last_sequence_id=events[-1].sequence if events else after,
        )

    def list_topics(
        self,
        prefix: Annotated[str, Query(max_length=600, description="How the names begin.")] = "",
        limit: Annotated[int, Query(ge=1, le=100)] = 50,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> TopicPage:
        """Topics that something was published to, by their names; those of runs are left out."""
        topics, cursors, project = self._desk.service.topics, self._desk.cursors, self._desk.asked.project
        purpose = f"topics:{prefix}"
        names, following = topics.names(prefix, limit, cursors.take(project, purpose, cursor))
        sealed = None if following is None else cursors.give(project, purpose, following)
        return TopicPage(topics=[_summary(topics, name) for name in names], next_cursor=sealed)

    def stream_events(
        self,
        topic: TopicQuery,
        after: After = 0,
        last_event_id: Annotated[str | None, Header(alias="last-event-id", max_length=30)] = None,
    ) -> Response[Any]:
        """Follow a topic as Server-Sent Events. `Last-Event-ID` goes on behind that event.

        Where the connection cannot stay open (API Gateway), the answer ends once it has events; browsers ask again.
        """
        follower = _Follower(self._desk, self._desk.service.topics, topic, _sequence(last_event_id, after))
        return self._desk.streamed(follower.following)


def _summary(topics: Topics, name: str) -> TopicSummary:
    count = topics.count(name)
    last = topics.read(name, count - 1, 1) if count else []
    at = datetime.fromtimestamp(last[0].at / 1000, UTC) if last else None
    return TopicSummary(topic=name, events=count, last_at=at)


class _Follower:
    """A reader of one topic."""

    def __init__(self, desk: Desk, topics: Topics, topic: str, after: int) -> None:
        self._clock = desk.clock
        self._topics = topics
        self._topic = topic
        self._after = after

    def following(self, seconds: float) -> News:
        """The next events."""
        look = partial(self._topics.read, self._topic, self._after, PAGE)
        events = fitting(until(look, bool, self._clock, seconds), _size)
        if events:
            self._after = events[-1].sequence
        return News("".join(block(event.to_json(), str(event.sequence)) for event in events))


def _size(event: Event) -> int:
    return len(event.data.encode()) + 300


def _sequence(last_event_id: str | None, after: int) -> int:
    if not last_event_id:
        return after
    if not (last_event_id.isascii() and last_event_id.isdigit() and int(last_event_id) <= LAST_POSITION):
        raise InvalidRequest(
            f"Last-Event-ID is {last_event_id!r}; expected the id of an event here, a number"
        )
    return int(last_event_id)
