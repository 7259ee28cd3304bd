"""Queues: their limits, how many hold a place, and how many stand in line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Query

from polos.core.definitions import DEFAULT_QUEUE
from polos.core.definitions import Queue as Described
from polos.runtime.places import occupation
from polos.runtime.service import Service
from polos.server.desk import Desk
from polos.server.models.others import Depth, Queue, Queues
from polos.server.models.texts import Name
from polos.server.principals import Role
from polos.server.routing import Route

GROUP: Final = "Queues"


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    return (Route("GET", "/v1/queues", Looking(desk).list_queues, Role.READ, GROUP),)


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
        messages=Depth(
            ready=depth.ready,
            in_flight=depth.in_flight,
            delayed=depth.delayed,
            oldest_seconds=depth.oldest,
        ),
    )
