"""Schedules made at run time, and those that the code describes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Query

from polos.runtime.run_now import run_now
from polos.server import views
from polos.server.desk import Desk
from polos.server.models.executions import Started
from polos.server.models.others import Deleted, Schedule, ScheduleName, ScheduleRequest, Schedules
from polos.server.models.texts import Name
from polos.server.principals import Role
from polos.server.routing import Route

GROUP: Final = "Schedules"


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Scheduling(desk)
    return (
        Route("GET", "/v1/schedules", at.list_schedules, Role.READ, GROUP),
        Route("PUT", "/v1/schedules", at.put_schedule, Role.ADMIN, GROUP),
        Route("DELETE", "/v1/schedules", at.delete_schedule, Role.ADMIN, GROUP),
        Route("POST", "/v1/schedules/pause", at.pause_schedule, Role.ADMIN, GROUP),
        Route("POST", "/v1/schedules/resume", at.resume_schedule, Role.ADMIN, GROUP),
        Route("POST", "/v1/schedules/run", at.run_schedule, Role.RUN, GROUP, 201),
    )


class Scheduling:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def list_schedules(self) -> Schedules:
        """All schedules of the project."""
        found = self._desk.service.schedule_action("list")
        return Schedules(schedules=[Schedule.model_validate(one) for one in found])

    def put_schedule(self, request: ScheduleRequest) -> Schedule:
        """Make a schedule, or change the one of that workflow and key."""
        made = self._desk.service.schedule_action(
            "create",
            workflow=request.workflow_id,
            cron=request.cron,
            timezone=request.timezone,
            key=request.key,
            overlap=request.overlap,
        )
        return Schedule.model_validate(made)

    def delete_schedule(
        self, workflow_id: Annotated[Name, Query()], key: Annotated[Name, Query()] = "global"
    ) -> Deleted:
        """Forget a schedule. One that the code describes comes back with the next deployment."""
        deleted = self._desk.service.schedule_action("delete", workflow=workflow_id, key=key)
        return Deleted(deleted=bool(deleted))

    def pause_schedule(self, request: ScheduleName) -> Schedule:
        """Skip its ticks until it is resumed."""
        return self._act("pause", request)

    def resume_schedule(self, request: ScheduleName) -> Schedule:
        """Go on with its ticks."""
        return self._act("resume", request)

    def run_schedule(self, request: ScheduleName) -> Started:
        """Start now what the schedule starts, beside its ticks: paused or not, whatever is under way."""
        service = self._desk.service
        return views.started(run_now(service, request.workflow_id, request.key))

    def _act(self, action: str, name: ScheduleName) -> Schedule:
        changed = self._desk.service.schedule_action(action, workflow=name.workflow_id, key=name.key)
        return Schedule.model_validate(changed)
