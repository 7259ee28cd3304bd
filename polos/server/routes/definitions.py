"""What can be started, with the JSON schemas of what it takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler.openapi.params import Query

from polos.core.definitions import Definition as Described
from polos.errors import UnknownWorkflow
from polos.server.desk import Desk
from polos.server.models.others import Definition, Definitions
from polos.server.models.texts import Name
from polos.server.principals import Role
from polos.server.routing import Route
from polos.server.schemas import payload_schema, result_schema, schema_of

GROUP: Final = "Definitions"


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    return (Route("GET", "/v1/definitions", Describing(desk).list_definitions, Role.READ, GROUP),)


class Describing:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list_definitions(
        self, id: Annotated[Name | None, Query(description="Only this one.")] = None
    ) -> Definitions:
        """The workflows, agents and tools of this deployment."""
        registry = self._desk.service.registry
        found = [one for one in registry if id in (None, one.id)]
        if id is not None and not found:
            raise UnknownWorkflow(id, [one.id for one in registry])
        return Definitions(definitions=[_view(one) for one in found])


def _view(described: Described) -> Definition:
    return Definition(
        id=described.id,
        kind=described.kind,
        description=described.description,
        queue=described.queue_name,
        trigger=described.trigger.topic if described.trigger else None,
        schedule=described.schedule.cron if described.schedule else None,
        payload_schema=payload_schema(described),
        result_schema=result_schema(described),
        state_schema=_state(described.state_schema),
    )


def _state(schema: Any) -> dict[str, Any] | None:
    return None if schema is None else schema_of(schema, "validation")
