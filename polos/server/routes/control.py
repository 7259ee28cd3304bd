"""Acting on executions that exist."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

from aws_lambda_powertools.event_handler.openapi.params import Path

from polos.core.models import EventPayload
from polos.errors import Conflict, NotFound
from polos.runtime.control import UNCHANGED, Control
from polos.runtime.suspensions import suspensions
from polos.server import views
from polos.server.desk import Desk
from polos.server.forms import form_of
from polos.server.models.executions import (
    CancelAnswer,
    ForkRequest,
    ResumeRequest,
    Started,
    Summary,
    Suspension,
    Suspensions,
)
from polos.server.principals import Role
from polos.server.routing import Route
from polos.server.values import payload_from_outside

GROUP: Final = "Executions"

Id = Annotated[str, Path(description="The id of an execution.")]


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Acting(desk)
    one = "/v1/executions/<execution_id>"
    return (
        Route("POST", f"{one}/cancel", at.cancel, Role.RUN, GROUP),
        Route("POST", f"{one}/resume", at.resume, Role.RUN, GROUP),
        Route("POST", f"{one}/retry", at.retry, Role.RUN, GROUP, 201),
        Route("POST", f"{one}/fork", at.fork, Role.RUN, GROUP, 201),
        Route("POST", f"{one}/pause", at.pause, Role.RUN, GROUP, 202),
        Route("POST", f"{one}/unpause", at.unpause, Role.RUN, GROUP, 202),
        Route("GET", f"{one}/suspensions", at.list_suspensions, Role.READ, GROUP),
    )


class Acting:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def cancel(self, execution_id: Id) -> CancelAnswer:
        """Ask an execution to stop: its code sees `CancelledError`, and may clean up."""
        return CancelAnswer(cancelled=self._desk.service.cancel(execution_id))

    def resume(self, execution_id: Id, request: ResumeRequest) -> EventPayload:
        """Answer a suspended step. It may come before the code asks; the first answer counts."""
        service = self._desk.service
        meta = service.meta(execution_id)
        if request.workflow_id not in (None, meta.info.workflow):
            raise NotFound(f"execution {execution_id} is none of workflow {request.workflow_id!r}")
        if meta.ended:
            raise Conflict(f"execution {execution_id} is {meta.status}: it has ended, and nothing waits")
        event = service.resume(execution_id, request.step_key, request.data)
        return EventPayload.model_validate_json(event.to_json())

    def retry(self, execution_id: Id) -> Started:
        """Go on where a failed, cancelled or timed-out execution failed, as a new one. A stalled one goes on itself."""
        return views.started(Control(self._desk.service).retry(execution_id))

    def fork(self, execution_id: Id, request: ForkRequest) -> Started:
        """Start a new execution with what this one had recorded before a step."""
        service = self._desk.service
        payload = UNCHANGED
        if "payload" in request.model_fields_set:
            definition = service.registry.get(service.meta(execution_id).info.workflow)
            payload = payload_from_outside(definition, request.payload)
        return views.started(
            Control(service).fork(execution_id, from_step=request.from_step, payload=payload)
        )

    def pause(self, execution_id: Id) -> Summary:
        """Begin nothing more: what runs is recorded, and nothing new starts."""
        Control(self._desk.service).pause(execution_id)
        return views.summary(self._desk.service.meta(execution_id))

    def unpause(self, execution_id: Id) -> Summary:
        """Go on with everything that is pending."""
        Control(self._desk.service).unpause(execution_id)
        return views.summary(self._desk.service.meta(execution_id))

    def list_suspensions(self, execution_id: Id) -> Suspensions:
        """The steps that wait for an answer, with what they show to who answers."""
        found = suspensions(self._desk.service, execution_id)
        return Suspensions(suspensions=[_view(one.key, json.loads(one.data), one.due) for one in found])


def _view(key: str, data: Any, due: float | None) -> Suspension:
    return Suspension(
        step_key=key,
        data=data,
        form=form_of(data),
        due=None if due is None else datetime.fromtimestamp(due, UTC),
    )
