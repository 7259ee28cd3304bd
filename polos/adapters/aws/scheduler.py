"""Timers on EventBridge Scheduler, whose schedules put the message straight onto its SQS queue.

A one-shot `at(...)` has a precision of a minute and fires somewhere within it. So it is aimed at the last whole minute
but one before it is due, and comes 0 to 2 minutes early; the receiver delays the rest on the queue. What is due too
soon for that goes to the queue at once, delayed. A crontab line becomes one or two `cron(...)` schedules.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from typing import Any, Final

from polos.adapters.aws.bodies import tick_input, wrap
from polos.adapters.aws.clients import Aws
from polos.adapters.aws.failures import Refused
from polos.adapters.limits import check_messages, check_name, utf8_size
from polos.core.cron import Cron, time_zone, to_eventbridge
from polos.errors import TryAgain
from polos.ports import Outgoing, Queue

MOST_INPUT: Final = 256 * 1024
"""Bytes that the input of a schedule may have."""

_TOO_SOON: Final = 90  # seconds; AWS does not say what becomes of an `at` that is past when it is created
_MINUTE: Final = 60
_HALVES: Final = (0, 1)
_EXISTS: Final = "ConflictException"
_UNKNOWN: Final = "ResourceNotFoundException"


class SchedulerTimers:
    """The port `Timers`.

    Args:
        queue: Takes what is due too soon for Scheduler.
    """

    def __init__(self, aws: Aws, queue: Queue) -> None:
        self._aws = aws
        self._settings = aws.settings
        self._queue = queue
        self._on = f"schedule group {aws.settings.schedule_group}"

    def at(self, name: str, due: float, queue: str, body: str) -> None:
        """Send `body` at about `due`. See `polos.ports.Timers.at`.

        One that is due within about three minutes is on its queue at once, and `cancel` no longer reaches it.
        """
        check_name(name, "timer")
        check_messages(queue, [Outgoing(body)], 0.0)
        now = self._aws.clock.now()
        aim = int(due // _MINUTE) * _MINUTE - _MINUTE
        if aim < now + _TOO_SOON:
            if not self._stands(_one_shot_name(name)):
                self._queue.send(queue, [Outgoing(body, delay=max(0.0, due - now))])
            return
        schedule = self._schedule(f"at({_moment(aim)})", "UTC", queue, wrap(body))
        self._create_once(_one_shot_name(name), schedule | {"ActionAfterCompletion": "DELETE"})

    def cancel(self, name: str) -> None:
        """Forget a one-shot timer. Unknown or fired already: nothing."""
        check_name(name, "timer")
        self._delete(_one_shot_name(name))

    def repeat(self, name: str, *, cron: str, timezone: str, queue: str, body: str) -> None:
        """At each tick of `cron` send `body`, with TICK replaced. See `polos.ports.Timers.repeat`."""
        check_name(name, "timer")
        check_messages(queue, [Outgoing(body)], 0.0)
        time_zone(timezone)
        expressions = to_eventbridge(Cron.parse(cron))
        text = tick_input(body)
        for half, expression in enumerate(expressions):
            self._put(_repeating_name(name, half), self._schedule(expression, timezone, queue, text))
        for half in _HALVES[len(expressions) :]:
            self._delete(_repeating_name(name, half))

    def stop(self, name: str) -> None:
        """End a repeating timer. Unknown: nothing."""
        check_name(name, "timer")
        for half in _HALVES:
            self._delete(_repeating_name(name, half))

    def _schedule(self, expression: str, timezone: str, queue: str, text: str) -> dict[str, Any]:
        if utf8_size(text) > MOST_INPUT:
            raise ValueError(
                f"the message of a timer takes up to {MOST_INPUT} bytes, this one {utf8_size(text)}; put the value "
                "into Blobs and send its name"
            )
        target: dict[str, Any] = {
            "Arn": self._settings.queue_arn(queue),
            "RoleArn": self._settings.schedule_role_arn,
            "Input": text,
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185},
        }
        if self._settings.schedule_dlq_arn:
            target["DeadLetterConfig"] = {"Arn": self._settings.schedule_dlq_arn}
        return {
            "ScheduleExpression": expression,
            "ScheduleExpressionTimezone": timezone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "Target": target,
        }

    def _create(self, name: str, schedule: dict[str, Any]) -> bool:
        """False if there is one of that name."""
        try:
            self._call("create_schedule", hear=_EXISTS, Name=name, **schedule)
        except Refused:
            return False
        return True

    def _create_once(self, name: str, schedule: dict[str, Any]) -> None:
        """Create a one-shot schedule unless one of that name stands: that is this one, asked for a second time.

        One that has fired is as good as gone, though AWS takes a while to delete it.
        """
        for repeat in range(self._aws.patience.attempts):
            if self._create(name, schedule) or self._stands(name):
                return
            self._delete(name)
            self._aws.pause(repeat)
        raise TryAgain(
            f"schedule {name} of an earlier timer has fired and is not yet deleted; try again later"
        )

    def _stands(self, name: str) -> bool:
        """Whether there is a one-shot schedule of that name which has not fired yet."""
        try:
            answer = self._call("get_schedule", hear=_UNKNOWN, Name=name)
        except Refused:
            return False
        return str(answer["ScheduleExpression"]) > f"at({_moment(self._aws.clock.now())})"

    def _put(self, name: str, schedule: dict[str, Any]) -> None:
        while not self._create(name, schedule):
            try:
                self._call("update_schedule", hear=_UNKNOWN, Name=name, **schedule)
                return
            except Refused:
                continue  # deleted between the two calls: create it after all

    def _delete(self, name: str) -> None:
        try:
            self._call("delete_schedule", hear=_UNKNOWN, Name=name)
        except Refused:
            return  # fired and deleted itself, or never was

    def _call(self, operation: str, *, hear: str, **arguments: Any) -> dict[str, Any]:
        return self._aws.call(
            "scheduler",
            operation,
            on=self._on,
            hear=(hear,),
            GroupName=self._settings.schedule_group,
            **arguments,
        )


def _moment(at: float) -> str:
    """A time as Scheduler writes it in `at(...)`; in this form later times are greater texts."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _one_shot_name(name: str) -> str:
    return _schedule_name("t", name, "")


def _repeating_name(name: str, half: int) -> str:
    return _schedule_name("r", name, f".{half}")


def _schedule_name(kind: str, name: str, suffix: str) -> str:
    """A name Scheduler takes, `[0-9a-zA-Z-_.]{1,64}`: what can be read of ours, and its hash to tell it from others."""
    readable = re.sub(r"[^0-9a-zA-Z\-_]+", "-", name)[-24:].strip("-") or "timer"
    return f"{kind}.{readable}.{hashlib.sha256(name.encode()).hexdigest()[:32]}{suffix}"
