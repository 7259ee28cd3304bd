"""Following a run: what its execution and all of its descendants do and publish, merged, until it ends."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from polos.features.streams import RunPage, read_run
from polos.runtime.service import Service
from polos.server.desk import LONGEST_WAIT, Desk
from polos.server.models.others import RunEvents
from polos.server.principals import Role
from polos.server.routing import Route
from polos.server.streams import News, block, until

GROUP: Final = "Events"
PAUSES: Final = (0.05, 1.0)
"""A look at a run reads several logs."""

Id = Annotated[str, Path(description="The id of an execution.")]
Cursor = Annotated[str | None, Query(max_length=8000, description="Where the last page ended.")]


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Runs(desk)
    one = "/v1/executions/<execution_id>/events"
    return (
        Route("GET", one, at.read_run_events, Role.READ, GROUP),
        Route("GET", f"{one}/stream", at.stream_run_events, Role.READ, GROUP),
    )


class Runs:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def read_run_events(
        self,
        execution_id: Id,
        cursor: Cursor = None,
        wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, allow_inf_nan=False)] = 0.0,
    ) -> RunEvents:
        """Read what is new in a run: the life of its executions, and what they publish about themselves."""
        follower = _Follower(self._desk, execution_id, cursor)
        page = follower.read(self._desk.patience(wait))
        return RunEvents(events=page.events, cursor=follower.sealed(), ended=page.ended)

    def stream_run_events(
        self,
        execution_id: Id,
        cursor: Cursor = None,
        last_event_id: Annotated[str | None, Header(alias="last-event-id", max_length=8000)] = None,
    ) -> Response[Any]:
        """Follow a run as Server-Sent Events, until it ends.

        The last of several events that come together carries the id: who goes on behind it may see events again that
        came with it, and misses none.
        """
        follower = _Follower(self._desk, execution_id, last_event_id or cursor)
        return self._desk.streamed(follower.following)


class _Follower:
    """A reader of one run."""

    def __init__(self, desk: Desk, execution: str, given: str | None) -> None:
        self._clock = desk.clock
        self._cursors = desk.cursors
        self._service: Service = desk.service
        self._execution = execution
        self._cursor = self._cursors.take(self._service.project, f"run:{execution}", given)

    def read(self, seconds: float) -> RunPage:
        """The next page, which may hold nothing after so many seconds."""
        look = partial(read_run, self._service, self._execution, self._cursor)
        page = until(look, lambda one: bool(one.events) or one.ended, self._clock, seconds, pauses=PAUSES)
        self._cursor = page.cursor
        return page

    def sealed(self) -> str:
        """Where it is, for the client."""
        return self._cursors.give(self._service.project, f"run:{self._execution}", self._cursor or "")

    def following(self, seconds: float) -> News:
        """The next events, as the stream shows them."""
        page = self.read(seconds)
        texts = [event.model_dump_json() for event in page.events]
        blocks = [block(text) for text in texts[:-1]] + [block(text, self.sealed()) for text in texts[-1:]]
        return News("".join(blocks), over=page.ended)
