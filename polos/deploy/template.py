"""Render: the template as data, from a plan. `render` makes texts of it."""

from __future__ import annotations

from typing import Any, Final

from polos.deploy import compute, messaging, storage, watching
from polos.deploy.infra import infra_toml
from polos.deploy.intrinsics import COMMENT, Resources, att, ref, sub
from polos.deploy.plan import StackPlan

TRANSFORMS: Final = ("AWS::LanguageExtensions", "AWS::Serverless-2016-10-31")
_RETENTIONS: Final = (1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 3653)


def template(plan: StackPlan) -> dict[str, Any]:
    """The template of a stack, comments included."""
    modules = " ".join(plan.modules)
    return {
        COMMENT: f"{MARK} from the decorators of {modules}; it is written anew by the next build.\n"
        "What the decorators cannot say goes into polos.merge.yaml, which is merged into this.",
        "AWSTemplateFormatVersion": "2010-09-09",
        "Transform": list(TRANSFORMS),
        "Description": f"Durable workflows of {plan.options.name}.",
        "Parameters": _parameters(),
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


def _parameters() -> dict[str, Any]:
    return {
        "Project": {
            "Type": "String",
            "Default": "default",
            "AllowedPattern": "[A-Za-z0-9][A-Za-z0-9_.-]{0,63}",
            "Description": "The project of the schedules in the code; every stored name begins with its project.",
        },
        "DataDeletionPolicy": {
            "Type": "String",
            "Default": "Retain",
            "AllowedValues": ["Delete", "Retain"],
            "Description": "Whether tables and bucket outlive the stack.",
        },
        "LogRetentionDays": {
            "Type": "Number",
            "Default": 30,
            "AllowedValues": list(_RETENTIONS),
            "Description": "Days that the functions' logs are kept.",
        },
        "AlarmTopicArn": {
            "Type": "String",
            "Default": "",
            "Description": "The SNS topic that alarms are sent to. Empty: they are only shown.",
        },
        "ApiAuth": {
            "Type": "String",
            "Default": "keys",
            "AllowedValues": ["iam", "keys"],
            "Description": "Who may call the API: holders of API keys, or of AWS credentials (SigV4, see IamAccess).",
        },
        "IamAccess": {
            "Type": "String",
            "Default": "{}",
            "Description": 'With ApiAuth=iam: {"arn:aws:iam::111122223333:role/r": {"project": "p", "role": "run"}}',
        },
        "CorsOrigins": {
            "Type": "CommaDelimitedList",
            "Default": "",
            "Description": "Origins of web pages that may call the API, like https://app.example. Empty: none.",
        },
        "ApiRate": {
            "Type": "Number",
            "Default": 200,
            "MinValue": 1,
            "Description": "Requests per second to the API, at most.",
        },
        "ApiBurst": {
            "Type": "Number",
            "Default": 400,
            "MinValue": 1,
            "Description": "Requests to the API at once, at most.",
        },
    }


def _conditions() -> dict[str, Any]:
    return {
        "AsksIam": {"Fn::Equals": [ref("ApiAuth"), "iam"]},
        "HasAlarmTopic": {"Fn::Not": [{"Fn::Equals": [ref("AlarmTopicArn"), ""]}]},
        "HasCorsOrigins": {"Fn::Not": [{"Fn::Equals": [{"Fn::Join": ["", ref("CorsOrigins")]}, ""]}]},
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
            "Value": sub("https://${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"),
        },
        "ApiId": {"Description": "The HTTP API.", "Value": ref("HttpApi")},
        "LogTable": {"Description": "POLOS_LOG_TABLE", "Value": ref("LogTable")},
        "RecordTable": {"Description": "POLOS_RECORD_TABLE", "Value": ref("RecordTable")},
        "ValuesBucket": {"Description": "POLOS_BUCKET", "Value": ref("ValuesBucket")},
        "QueueUrls": {"Description": "POLOS_QUEUES", "Value": messaging.queue_urls(plan)},
        "ScheduleDlqArn": {"Description": "POLOS_SCHEDULE_DLQ_ARN", "Value": att("DeadQueue", "Arn")},
        "ScheduleGroup": {"Description": "POLOS_SCHEDULE_GROUP", "Value": ref("ScheduleGroup")},
        "ScheduleRoleArn": {"Description": "POLOS_SCHEDULE_ROLE_ARN", "Value": att("ScheduleRole", "Arn")},
    }
