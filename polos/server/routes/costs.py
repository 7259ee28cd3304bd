"""What executions cost, by workflow and day, and one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Final

from aws_lambda_powertools.event_handler.openapi.params import Path, Query

from polos.core.definitions import Registry
from polos.runtime.control import Control, Filter
from polos.runtime.executions import Meta
from polos.server.costing import (
    ASSUMED,
    START_AND_END,
    aws_dollars,
    llm_use,
    operations,
    step_price,
)
from polos.server.desk import Desk
from polos.server.models.costs import AwsCost, CostLine, CostPage, CostRow, ExecutionCost, LlmCost
from polos.server.principals import Role
from polos.server.routing import Route

GROUP: Final = "Cost"
PAGE: Final = 500
DAYS: Final = 7


def routes(desk: Desk) -> Sequence[Route]:
    """The lines of the table."""
    at = Costs(desk)
    return (
        Route("GET", "/v1/cost", at.read_cost, Role.READ, GROUP),
        Route("GET", "/v1/executions/<execution_id>/cost", at.read_execution_cost, Role.READ, GROUP),
    )


class Costs:
    """The handlers."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def read_cost(
        self,
        begin: Annotated[
            date | None, Query(alias="from", description="The first day, UTC; else a week ago.")
        ] = None,
        end: Annotated[date | None, Query(alias="to", description="The last day, UTC; else today.")] = None,
        cursor: Annotated[str | None, Query(max_length=4000)] = None,
    ) -> CostPage:
        """What executions cost, by workflow and day: a page of 500 executions each time, to be added up."""
        today = datetime.fromtimestamp(self._desk.clock.now(), UTC).date()
        end = end or today
        begin = begin or end - timedelta(days=DAYS - 1)
        service, cursors = self._desk.service, self._desk.cursors
        purpose = f"cost:{begin}:{end}"
        wanted = Filter(created_after=_midnight(begin) - 1, created_before=_midnight(end + timedelta(days=1)))
        found, following = Control(service).find(
            wanted, limit=PAGE, cursor=cursors.take(service.project, purpose, cursor)
        )
        sealed = None if following is None else cursors.give(service.project, purpose, following)
        return CostPage(rows=_rows(found, service.registry), assumed=ASSUMED, next_cursor=sealed)

    def read_execution_cost(
        self, execution_id: Annotated[str, Path(description="The id of an execution.")]
    ) -> ExecutionCost:
        """What one execution costs, without the executions that it started."""
        service = self._desk.service
        meta = service.meta(execution_id)
        used = llm_use(meta, service.registry)
        count, price = operations(meta), step_price(meta, service.registry)
        lines = [
            CostLine(what="start and end", count=1, dollars=_text(START_AND_END)),
            CostLine(what="operations and retries", count=count, dollars=_text(count * price)),
        ]
        total = aws_dollars(meta, service.registry)
        llm = None
        if used is not None:
            cost = None if used.cost is None else _text(used.cost)
            llm = LlmCost(input_tokens=used.input_tokens, output_tokens=used.output_tokens, cost=cost)
        return ExecutionCost(llm=llm, aws=AwsCost(lines=lines, dollars=_text(total), assumed=ASSUMED))


def _rows(metas: Iterable[Meta], registry: Registry) -> list[CostRow]:
    groups: dict[tuple[date, str, str], list[Meta]] = {}
    for meta in metas:
        day = datetime.fromtimestamp(meta.info.created_at / 1000, UTC).date()
        groups.setdefault((day, meta.info.workflow, meta.info.kind), []).append(meta)
    return [_row(key, group, registry) for key, group in sorted(groups.items())]


def _row(key: tuple[date, str, str], group: Sequence[Meta], registry: Registry) -> CostRow:
    day, workflow, kind = key
    used = [use for meta in group if (use := llm_use(meta, registry)) is not None]
    priced = all(use.cost is not None for use in used)
    return CostRow(
        day=day,
        workflow_id=workflow,
        kind=kind,
        executions=len(group),
        entries=sum(operations(meta) for meta in group),
        input_tokens=sum(use.input_tokens for use in used),
        output_tokens=sum(use.output_tokens for use in used),
        llm_cost=_text(sum((use.cost or Decimal(0) for use in used), Decimal(0))) if priced else None,
        aws_cost=_text(sum((aws_dollars(meta, registry) for meta in group), Decimal(0))),
    )


def _midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _text(amount: Decimal) -> str:
    return f"{amount:f}"
