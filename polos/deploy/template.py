"""Render: the template as data, from a plan. `render` makes texts of it."""

from __future__ import annotations

from typing import Any, Final

from polos.deploy import compute, messaging, storage, watching
from polos.deploy.infra import infra_toml
from polos.deploy.intrinsics import COMMENT, Resources, att, choose, ref, sub
from polos.deploy.plan import StackPlan

TRANSFORMS: Final = ("AWS::LanguageExtensions", "AWS::Serverless-2016-10-31")


def template(plan: StackPlan) -> dict[str, Any]:
    """The template of a stack, comments included."""
    modules = " ".join(plan.modules)
    return {
        COMMENT: f"{MARK} from the decorators of {modules}; it is written anew by the next build.\n"
        "What the decorators cannot say goes into polos.merge.yaml, which is merged into this.",
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": list(TRANSFORMS),
        "Description": f"Durable workflows of {plan.options.name}.",
        "Parameters": infra_toml("parameters.toml"),
        "Conditions": _conditions(),
        "Globals": {"Function": _globals(plan)},
        "Resources": _resources(plan),
        "Outputs": _outputs(plan),
    }


MARK: Final = "Rendered by `polos build`"


def _resources(plan: StackPlan) -> Resources:
    parts = (
        storage.storage(),
        messaging.queues(plan),
        compute.compute(plan),
        messaging.schedules(plan),
        infra_toml("api.toml"),
        watching.alarms(plan),
        watching.dashboard(plan),
    )
    found: Resources = {}
    for part in parts:
        found |= part
    return found


def _conditions() -> dict[str, Any]:
    return {
        "AsksIam": {"Fn::Equals": [ref("ApiAuth"), "iam"]},
        "HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [ref("AlarmTopicArn"), ""]}]},
        "HasCorsOrigins": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", ref("CorsOrigins")]}, ""]}]},
        "HasHttpApi": {"Fn::Equals": [ref("ApiStreaming"), "false"]},
        "Streams": {"Fn::Equals": [ref("ApiStreaming"), "true"]},
        "StreamsForKeys": {
            "Fn::And": [
                {"Fn::Equals": [ref("ApiStreaming"), "true"]},
                {"Fn::Equals": [ref("ApiAuth"), "keys"]},
            ]
        },
    }


def _globals(plan: StackPlan) -> dict[str, Any]:
    variables: dict[str, Any] = {
        "POLOS_APP": ",".join(plan.modules),
        "POLOS_BUCKET": ref("ValuesBucket"),
        "POLOS_LOG_TABLE": ref("LogTable"),
        "POLOS_PROJECT_ID": ref("Project"),
        "POLOS_QUEUES": messaging.queue_urls(plan),
        "POLOS_RECORD_TABLE": ref("RecordTable"),
        "POLOS_SCHEDULE_DLQ_ARN": att("DeadQueue", "Arn"),
        "POLOS_SCHEDULE_GROUP": ref("ScheduleGroup"),
        "POLOS_SCHEDULE_ROLE_ARN": att("ScheduleRole", "Arn"),
    }
    if plan.options.tracing:
        variables["POLOS_XRAY"] = "true"
    found: dict[str, Any] = {
        "Runtime": plan.options.runtime,
        "Architectures": ["arm64"],
        "RecursiveLoop": "Allow",
        "Environment": {
            COMMENT: "Where the stack's resources are, as polos.adapters.aws.settings reads it.",
            "Variables": dict(sorted(variables.items())),
        },
    }
    if plan.options.tracing:
        found["Tracing"] = "Active"
    return {
        COMMENT: "RecursiveLoop: a long workflow is a long chain of messages between these functions. Lambda would end "
        "it after 16; polos has a guard of its own, which counts the messages of each execution.",
        **found,
    }


def _outputs(plan: StackPlan) -> dict[str, Any]:
    return {
        "ApiUrl": {
            "Description": "Where PolosClient and the dashboard find the API.",
            "Value": choose(
                "HasHttpApi",
                sub("https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"),
                att("StreamUrl", "FunctionUrl"),
            ),
        },
        "ApiId": {"Condition": "HasHttpApi", "Description": "The HTTP API.", "Value": ref("HttpApi")},
        "LogTable": {"Description": "POLOS_LOG_TABLE", "Value": ref("LogTable")},
        "RecordTable": {"Description": "POLOS_RECORD_TABLE", "Value": ref("RecordTable")},
        "ValuesBucket": {"Description": "POLOS_BUCKET", "Value": ref("ValuesBucket")},
        "QueueUrls": {"Description": "POLOS_QUEUES", "Value": messaging.queue_urls(plan)},
        "ScheduleDlqArn": {"Description": "POLOS_SCHEDULE_DLQ_ARN", "Value": att("DeadQueue", "Arn")},
        "ScheduleGroup": {"Description": "POLOS_SCHEDULE_GROUP", "Value": ref("ScheduleGroup")},
        "ScheduleRoleArn": {"Description": "POLOS_SCHEDULE_ROLE_ARN", "Value": att("ScheduleRole", "Arn")},
    }
