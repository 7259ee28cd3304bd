"""Looking into an execution: its operations one by one, and its children."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from polos.runtime.executions import Meta, decode
from polos.server import views
from polos.server.desk import Desk
from polos.server.models.executions import ExecutionPage
from polos.server.models.steps import StepDetail
from polos.server.models.texts import Name
from polos.server.principals import Role
from polos.server.routing import Route
from polos.server.step_details import step_detail

GROUP: Final = "Executions"
_PAGES: Final = 5

Id = Annotated[str, Path(description="The id of an execution.")]


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Steps(desk)
    one = "/v1/executions/<execution_id>"
    return (
        Route("GET", f"{one}/step", at.read_step, Role.READ, GROUP),
        Route("GET", f"{one}/children", at.list_children, Role.READ, GROUP),
    )


class Steps:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def read_step(
        self,
        execution_id: Id,
        address: Annotated[Name, Query(description="verb:key, as the timeline has it.")],
    ) -> StepDetail:
        """One operation in full: what it was given and gave, its attempts with their tracebacks, what a model said."""
        now_ms = int(self._desk.clock.now() * 1000)
        return step_detail(self._desk.service, self._desk.reader(execution_id), address, now_ms)

    def list_children(
        self,
        execution_id: Id,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> ExecutionPage:
        """The executions that this one started, oldest first. A page may hold fewer than `limit`."""
        service, cursors = self._desk.service, self._desk.cursors
        info = service.meta(execution_id).info
        purpose, root = f"children:{execution_id}", info.root_execution or execution_id
        begin = cursors.take(service.project, purpose, cursor)
        found: list[Meta] = []
        for _ in range(_PAGES):
            page = service.ports.records.find(
                "tree",
                f"{service.project}|tree|{root}",
                after=f"{info.created_at:013d}",
                limit=limit,
                cursor=begin,
            )
            metas = (decode(record) for record in page.records)
            found = [meta for meta in metas if meta.info.parent_execution == execution_id]
            begin = page.cursor
            if found or begin is None:
                break
        sealed = None if begin is None else cursors.give(service.project, purpose, begin)
        return ExecutionPage(executions=[views.summary(meta) for meta in found], next_cursor=sealed)
