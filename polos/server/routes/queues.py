"""Queues: their limits, how many hold a place and stand in line, and what goes no further."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Query

from polos.core.definitions import DEFAULT_QUEUE
from polos.core.definitions import Queue as Described
from polos.errors import Conflict, NotFound
from polos.ports import Depth as StoredDepth
from polos.runtime import names
from polos.runtime.control import Control, Filter
from polos.runtime.executions import Meta
from polos.runtime.places import occupation
from polos.runtime.service import Service
from polos.server.desk import Desk
from polos.server.models.others import (
    DeadLetter,
    DeadLetters,
    Depth,
    Queue,
    Queues,
    Redriven,
    RedriveRequest,
    Refused,
)
from polos.server.models.texts import Name
from polos.server.principals import Role
from polos.server.routing import Route

GROUP: Final = "Queues"


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Looking(desk)
    return (
        Route("GET", "/v1/queues", at.list_queues, Role.READ, GROUP),
        Route("GET", "/v1/queues/dead-letters", at.list_dead_letters, Role.READ, GROUP),
        Route("POST", "/v1/queues/redrive", at.redrive, Role.RUN, GROUP),
    )


class Looking:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list_queues(
        self,
        concurrency_key: Annotated[
            Name | None,
            Query(description="Count the executions with this key, which have places of their own."),
        ] = None,
    ) -> Queues:
        """The queues that the code knows, with their limits and how full they are."""
        service = self._desk.service
        known = {DEFAULT_QUEUE: Described(DEFAULT_QUEUE), **service.registry.queues}
        return Queues(queues=[_view(service, known[name], concurrency_key) for name in sorted(known)])

    def list_dead_letters(
        self,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> DeadLetters:
        """Executions that go no further because their messages cannot be handled, the latest first."""
        service, cursors = self._desk.service, self._desk.cursors
        begin = cursors.take(service.project, "dead-letters", cursor)
        found, following = Control(service).find(Filter(status="stalled"), limit=limit, cursor=begin)
        sealed = None if following is None else cursors.give(service.project, "dead-letters", following)
        return DeadLetters(
            dead_letters=[_dead(meta) for meta in found],
            dying=_depth(service.ports.queue.depth(names.DEAD_QUEUE)),
            next_cursor=sealed,
        )

    def redrive(self, request: RedriveRequest) -> Redriven:
        """Send stalled executions on their way, once what stopped them is mended. They go on where they were."""
        service = self._desk.service
        done, refused = [], []
        for execution in dict.fromkeys(request.execution_ids):
            try:
                status = service.meta(execution).status
                if status != "stalled":
                    raise Conflict(f"execution {execution} is {status}, and not stalled")
                service.kick(execution)
            except (NotFound, Conflict) as error:
                refused.append(Refused(execution_id=execution, reason=str(error)))
            else:
                done.append(execution)
        return Redriven(redriven=done, refused=refused)


def _dead(meta: Meta) -> DeadLetter:
    return DeadLetter(
        execution_id=meta.info.execution,
        workflow_id=meta.info.workflow,
        queue=meta.info.queue,
        at=datetime.fromtimestamp(meta.updated_at / 1000, UTC),
        error=None if meta.error is None else dict(meta.error),
    )


def _depth(depth: StoredDepth) -> Depth:
    return Depth(
        ready=depth.ready, in_flight=depth.in_flight, delayed=depth.delayed, oldest_seconds=depth.oldest
    )


def _view(service: Service, queue: Described, concurrency_key: str | None) -> Queue:
    depth = service.ports.queue.depth(service.host.steps_queue(queue.name))
    running = waiting = None
    if queue.concurrency_limit is not None:
        running, waiting = occupation(service.ports, service.project, queue.name, concurrency_key)
    rate = queue.rate_limit
    return Queue(
        name=queue.name,
        concurrency_limit=queue.concurrency_limit,
        rate_limit=None if rate is None else f"{rate.limit} per {rate.seconds:g} s",
        running=running,
        waiting=waiting,
        messages=_depth(depth),
    )
