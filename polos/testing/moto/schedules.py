"""EventBridge Scheduler's schedules, fired: moto keeps them and does nothing more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from botocore.awsrequest import AWSResponse
from moto.scheduler import models
from moto.sqs import models as sqs

from polos.testing.moto.expressions import Once, parse
from polos.testing.moto.meter import Usage
from polos.testing.moto.requests import Call

_MOST_INPUT: Final = 256 * 1024


@dataclass(slots=True)
class _Plan:
    """When a schedule is due, as long as it stays `as_written`."""

    as_written: tuple[Any, ...]
    start: float
    due: float | None


class Schedules:
    """The schedules of one harness. Its methods run under the harness's lock.

    A message goes out at the moment its schedule says; AWS takes up to a minute more, which `at()` allows for.
    """

    def __init__(self, account: str, region: str, *, now: Callable[[], float]) -> None:
        self._groups: dict[str, models.ScheduleGroup] = models.scheduler_backends[account][
            region
        ].schedule_groups
        self._queues = sqs.sqs_backends[account][region]
        self._now = now
        self._plans: dict[int, _Plan] = {}
        self._soonest: float | None = None
        self.fired = 0

    def handle(
        self, call: Call, pass_on: Callable[[Call], AWSResponse | None]
    ) -> tuple[AWSResponse | None, Usage]:
        """The answer to a request, and what it used."""
        usage = Usage(calls=1, billed=0)  # Scheduler bills what fires, not what is asked of it
        problem = _problem(call)
        if problem is not None:
            return call.refuse("ValidationException", problem), usage
        answer = pass_on(call)
        self._plan()
        return answer, usage

    @property
    def soonest(self) -> float | None:
        """When the next schedule is due, in epoch seconds; None: none ever."""
        return self._soonest

    def fire_due(self) -> int:
        """Send what is due by now, in order of time; how many messages that were."""
        before = self.fired
        while self._soonest is not None and self._soonest <= self._now():
            for group, schedule in list(self._enabled()):
                plan = self._plans.get(id(schedule))
                if plan is not None and plan.due == self._soonest:
                    self._fire(group, schedule, plan)
            self._plan()
        return self.fired - before

    def _fire(self, group: models.ScheduleGroup, schedule: models.Schedule, plan: _Plan) -> None:
        due = plan.due if plan.due is not None else self._now()
        self._send(schedule.target, due)
        self.fired += 1
        expression = parse(schedule.schedule_expression)
        plan.due = expression.next_after(due, ZoneInfo(schedule.schedule_expression_timezone), plan.start)
        if isinstance(expression, Once):
            plan.due = None
            if schedule.action_after_completion == "DELETE":
                group.delete_schedule(schedule.name)

    def _send(self, target: dict[str, Any], due: float) -> None:
        arn = str(target["Arn"])
        if ":sqs:" not in arn:
            raise NotImplementedError(
                f"the harness fires schedules whose target is an SQS queue; this one is {arn}"
            )
        moment = datetime.fromtimestamp(due, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        body = str(target.get("Input", "{}")).replace("<aws.scheduler.scheduled-time>", moment)
        self._queues.send_message(arn.rsplit(":", 1)[-1], body, group_id=None)

    def _plan(self) -> None:
        """Note when each schedule is due: anew where it has changed."""
        plans: dict[int, _Plan] = {}
        for _, schedule in self._enabled():
            written = (
                *(schedule.name, schedule.schedule_expression, schedule.schedule_expression_timezone),
                schedule.last_modified_date,
            )
            plan = self._plans.get(id(schedule))
            if plan is None or plan.as_written != written:
                start = self._now()
                zone = ZoneInfo(schedule.schedule_expression_timezone)
                plan = _Plan(
                    written, start, parse(schedule.schedule_expression).next_after(start, zone, start)
                )
            plans[id(schedule)] = plan
        self._plans = plans
        self._soonest = min((plan.due for plan in plans.values() if plan.due is not None), default=None)

    def _enabled(self) -> Iterator[tuple[models.ScheduleGroup, models.Schedule]]:
        for group in self._groups.values():
            for schedule in group.schedules.values():
                if schedule.state == "ENABLED":
                    yield group, schedule


def _problem(call: Call) -> str | None:
    """What Scheduler would refuse in a request, and moto takes."""
    if call.operation not in {"CreateSchedule", "UpdateSchedule"}:
        return None
    try:
        parse(str(call.params.get("ScheduleExpression", "")))
        ZoneInfo(call.params.get("ScheduleExpressionTimezone") or "UTC")
    except (ValueError, ZoneInfoNotFoundError) as error:
        return str(error)
    if len(str(call.params.get("Target", {}).get("Input", "")).encode()) > _MOST_INPUT:
        return f"The input of the target has more than {_MOST_INPUT} bytes."
    return None
