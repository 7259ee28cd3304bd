"""The resources that run code: functions, each with a role and a log group of its own, and their event sources."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from polos.deploy.intrinsics import COMMENT, Resources, att, choose, ref, sub
from polos.deploy.permissions import Permission
from polos.deploy.plan import FunctionPlan, QueuePlan, StackPlan

STREAM_TIMEOUT: Final = 300
"""Seconds that one answer may stream. Lambda does not tell when a reader goes: so long one may be paid for in vain."""
STREAM_PROGRAM: Final = "stream"
"""In handlers/: what Lambda starts in place of its own runtime where answers stream."""


def compute(plan: StackPlan) -> Resources:
    """Everything of every function."""
    found: Resources = {}
    for function in plan.functions:
        found[function.id] = _function(function, plan)
        if function.queue is not None:
            found[function.source] = _source(function, function.queue)
        found[function.role] = _function_role(function, plan)
        found[function.logs] = _logs(function)
    found["ScheduleRole"] = _role(
        "What Scheduler may do to deliver the messages of timers and schedules.",
        "scheduler.amazonaws.com",
        [_statement(each, plan, None) for each in plan.schedule_permissions],
    )
    found["SweepRole"] = _role(
        "What Scheduler may do to wake the sweeper.",
        "scheduler.amazonaws.com",
        [_statement(each, plan, None) for each in plan.sweep_permissions],
    )
    return found


def code_uri(plan: StackPlan, architecture: str) -> str:
    """Where `polos build` packages the code for a processor, from the template's directory."""
    return f".polos/package/{'host' if plan.options.target == 'host' else architecture}"


def _function(function: FunctionPlan, plan: StackPlan) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "Description": function.about,
        "Handler": f"handlers.{function.kind}.handler",
        "CodeUri": code_uri(plan, function.architecture),
        "MemorySize": function.memory,
        "Timeout": function.timeout,
        "Role": att(function.role, "Arn"),
        "LoggingConfig": {"LogGroup": ref(function.logs)},
    }
    if function.architecture != "arm64":
        properties["Architectures"] = [function.architecture]
    variables: dict[str, Any] = dict(function.environment)
    if function.kind == "api":
        variables["POLOS_IAM_ACCESS"] = ref("IamAccess")
        variables["AWS_LAMBDA_EXEC_WRAPPER"] = choose("Streams", f"/var/task/handlers/{STREAM_PROGRAM}")
        properties["Timeout"] = choose("Streams", STREAM_TIMEOUT, function.timeout)
    if variables:
        properties["Environment"] = {"Variables": variables}
    if function.layers:
        properties["Layers"] = list(function.layers)
    if function.subnets:
        properties["VpcConfig"] = {
            "SecurityGroupIds": list(function.security_groups),
            "SubnetIds": list(function.subnets),
        }
    return {
        COMMENT: function.about,
        "Type": "AWS::Serverless::Function",
        "Metadata": {
            COMMENT: "`polos build` has packaged it, wheels included; `sam build` takes it as it is.",
            "SkipBuild": True,
        },
        "Properties": properties,
    }


def _source(function: FunctionPlan, queue: QueuePlan) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "BatchSize": function.batch,
        "EventSourceArn": att(queue.id, "Arn"),
        "FunctionName": ref(function.id),
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    if function.max_invocations is not None:
        properties["ScalingConfig"] = {"MaximumConcurrency": function.max_invocations}
    return {"Type": "AWS::Lambda::EventSourceMapping", "Properties": properties}


def _logs(function: FunctionPlan) -> dict[str, Any]:
    name = function.queue.name if function.kind == "worker" and function.queue else function.kind
    path = "worker/" + name if function.kind == "worker" else name
    return {
        "Type": "AWS::Logs::LogGroup",
        "Properties": {
            "LogGroupName": sub(f"/polos/${{AWS::StackName}}/{_log_name(path)}"),
            "RetentionInDays": ref("LogRetentionDays"),
        },
    }


def _log_name(text: str) -> str:
    """A queue's name as part of a log group's: `[.-_/#A-Za-z0-9]`."""
    return "".join(char if char.isascii() and (char.isalnum() or char in "._-/#") else "#" for char in text)


# --- roles ------------------------------------------------------------------------------------------------------------


def _function_role(function: FunctionPlan, plan: StackPlan) -> dict[str, Any]:
    statements = [_statement(each, plan, function) for each in function.permissions]
    role = _role(f"What {function.id} may do.", "lambda.amazonaws.com", statements)
    if function.managed_policies:
        role["Properties"]["ManagedPolicyArns"] = [
            sub(f"arn:${{AWS::Partition}}:iam::aws:policy/{name.removeprefix('aws:')}")
            if name.startswith("aws:")
            else name
            for name in function.managed_policies
        ]
    return role


def _role(about: str, service: str, statements: list[dict[str, Any]]) -> dict[str, Any]:
    trust: dict[str, Any] = {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": service}}
    if service == "scheduler.amazonaws.com":
        trust["Condition"] = {"StringEquals": {"aws:SourceAccount": ref("AWS::AccountId")}}
    return {
        COMMENT: about,
        "Type": "AWS::IAM::Role",
        "Properties": {
            "AssumeRolePolicyDocument": {"Version": "2012-10-17", "Statement": [trust]},
            "Policies": [
                {
                    "PolicyName": "polos",
                    "PolicyDocument": {"Version": "2012-10-17", "Statement": statements},
                }
            ],
        },
    }


def _statement(permission: Permission, plan: StackPlan, function: FunctionPlan | None) -> dict[str, Any]:
    resources: list[Any] = list(permission.resources)
    if permission.ours:
        resources = [arn for name in permission.resources for arn in _arns(name, plan, function)]
    statement: dict[str, Any] = {
        COMMENT: permission.why,
        "Sid": permission.sid,
        "Effect": "Allow",
        "Action": list(permission.actions),
        "Resource": resources,
    }
    if permission.to:
        statement["Condition"] = {"StringEquals": {"iam:PassedToService": permission.to}}
    return statement


def _arns(name: str, plan: StackPlan, function: FunctionPlan | None) -> list[Any]:
    """The resources that a name of `infra/policies.toml` stands for."""
    if name == "step-queues":
        return [att(queue.id, "Arn") for queue in plan.step_queues]
    if name == "own-queue" and function is not None and function.queue is not None:
        return [att(function.queue.id, "Arn")]
    if name == "own-logs" and function is not None:
        return [att(function.logs, "Arn")]
    if name not in _ARNS:
        raise ValueError(f"infra/policies.toml names {name!r}, which is no resource of a stack")
    return [_ARNS[name]]


_ARNS: Final[Mapping[str, Any]] = {
    "log-table": att("LogTable", "Arn"),
    "record-table": att("RecordTable", "Arn"),
    "record-indexes": sub("${RecordTable.Arn}/index/*"),
    "bucket": att("ValuesBucket", "Arn"),
    "blobs": sub("${ValuesBucket.Arn}/*"),
    "news-queue": att("NewsQueue", "Arn"),
    "dead-queue": att("DeadQueue", "Arn"),
    "schedules": sub(
        "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule/${ScheduleGroup}/*"
    ),
    "schedule-role": att("ScheduleRole", "Arn"),
    "sweeper-function": att("SweeperFunction", "Arn"),
    "*": "*",
}
