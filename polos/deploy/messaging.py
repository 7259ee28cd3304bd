"""The resources that carry messages: SQS queues, and EventBridge schedules that put messages onto them."""

from __future__ import annotations

import json
from typing import Any, Final

from polos.adapters.aws.bodies import tick_input
from polos.adapters.aws.tables import queue_attributes
from polos.deploy.intrinsics import COMMENT, Resources, att, literal, ref, sub
from polos.deploy.plan import SWEEP_MINUTES, QueuePlan, SchedulePlan, StackPlan
from polos.runtime import names
from polos.runtime.schedules import tick_message

_PROJECT: Final = (
    "\N{MATHEMATICAL LEFT WHITE SQUARE BRACKET}project\N{MATHEMATICAL RIGHT WHITE SQUARE BRACKET}"
)
_RETRIES: Final = {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}


def queues(plan: StackPlan) -> Resources:
    """All queues."""
    return {queue.id: _queue(queue) for queue in plan.queues}


def queue_urls(plan: StackPlan) -> dict[str, str]:
    """The value of POLOS_QUEUES: what the engine calls each queue, and its URL."""
    urls = {queue.name: f"${{{queue.id}}}" for queue in plan.queues}
    names_and_urls = (f"{literal(json.dumps(name))}:{json.dumps(url)}" for name, url in sorted(urls.items()))
    return sub("{" + ",".join(names_and_urls) + "}")


def _queue(queue: QueuePlan) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        name: value == "true" if value in ("true", "false") else int(value)
        for name, value in queue_attributes(visibility=queue.visibility).items()
    }
    properties = {**attributes, "MessageRetentionPeriod": attributes["MessageRetentionPeriod"]}
    if queue.max_receives is not None:
        properties["RedrivePolicy"] = {
            "deadLetterTargetArn": att("DeadQueue", "Arn"),
            "maxReceiveCount": queue.max_receives,
        }
    about = {
        names.NEWS_QUEUE: "Timers, ends of children, signals, events.",
        names.DEAD_QUEUE: "What was delivered in vain too often, and what Scheduler could not deliver.",
    }.get(queue.name, f"Starts and steps of the queue {queue.name!r}.")
    return {COMMENT: about, "Type": "AWS::SQS::Queue", "Properties": dict(sorted(properties.items()))}


def schedules(plan: StackPlan) -> Resources:
    """The group that holds all schedules, those made at run time too; those of the code; the sweeper's."""
    found: Resources = {
        "ScheduleGroup": {
            COMMENT: "All schedules: timers of long waits and schedules made at run time go with it.",
            "Type": "AWS::Scheduler::ScheduleGroup",
        },
        "SweepSchedule": _sweep(),
    }
    return found | {schedule.id: _schedule(schedule) for schedule in plan.schedules}


def _schedule(schedule: SchedulePlan) -> dict[str, Any]:
    record = schedule.record
    body = literal(tick_input(tick_message(_PROJECT, record).encode())).replace(_PROJECT, "${Project}")
    return {
        COMMENT: f"Workflow {record.workflow!r}: {record.cron} ({record.timezone})",
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "GroupName": ref("ScheduleGroup"),
            "ScheduleExpression": schedule.expression,
            "ScheduleExpressionTimezone": record.timezone,
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": att("NewsQueue", "Arn"),
                "RoleArn": att("ScheduleRole", "Arn"),
                "Input": sub(body),
                "DeadLetterConfig": {"Arn": att("DeadQueue", "Arn")},
                "RetryPolicy": dict(_RETRIES),
            },
        },
    }


def _sweep() -> dict[str, Any]:
    return {
        COMMENT: "A queue may lose a message; the sweeper finds the execution that waits for it.",
        "Type": "AWS::Scheduler::Schedule",
        "Properties": {
            "GroupName": ref("ScheduleGroup"),
            "ScheduleExpression": f"rate({SWEEP_MINUTES} minutes)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {
                "Arn": att("SweeperFunction", "Arn"),
                "RoleArn": att("SweepRole", "Arn"),
                "Input": "{}",
                "RetryPolicy": {"MaximumEventAgeInSeconds": SWEEP_MINUTES * 60, "MaximumRetryAttempts": 2},
            },
        },
    }
