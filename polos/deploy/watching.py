"""The resources that watch: alarms, and a dashboard."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from polos.deploy.infra import infra_json, infra_toml
from polos.deploy.intrinsics import COMMENT, Resources, att, choose, ref, sub
from polos.deploy.plan import StackPlan


def alarms(plan: StackPlan) -> Resources:
    """The alarms of `infra/alarms.toml`, for each queue and function that they are about."""
    return {
        name: _alarm(row, dimensions, threshold)
        for row in infra_toml("alarms.toml")["alarm"]
        for name, dimensions, threshold in _each(row, plan)
    }


def _each(row: Mapping[str, Any], plan: StackPlan) -> Iterator[tuple[str, dict[str, Any], int]]:
    match row["of"]:
        case "stack":
            yield row["id"], row["dimensions"], row["threshold"]
        case "queue":
            for queue in plan.queues:
                threshold = row["threshold"]
                seconds = queue.visibility + row.get("beyond", 0) if threshold == "visibility" else threshold
                yield row["id"] + queue.id, {"QueueName": att(queue.id, "QueueName")}, seconds
        case _:
            for function in plan.functions:
                yield row["id"] + function.id, {"FunctionName": ref(function.id)}, row["threshold"]


def _alarm(row: Mapping[str, Any], dimensions: Mapping[str, Any], threshold: int) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": row["why"],
            "Namespace": row["namespace"],
            "MetricName": row["metric"],
            "Dimensions": [{"Name": name, "Value": value} for name, value in dimensions.items()],
            "Statistic": row["statistic"],
            "Period": row["period"],
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": threshold,
            "TreatMissingData": "notBreaching",
            "AlarmActions": choose("HasAlarmTopic", [ref("AlarmTopicArn")]),
        },
    }


def dashboard(plan: StackPlan) -> Resources:
    """The CloudWatch dashboard: `infra/dashboard.json`, with a line for each queue and function in its widgets."""
    widgets = [_widget(widget, plan) for widget in infra_json("dashboard.json")["widgets"]]
    body = json.dumps({"widgets": widgets}, indent=1, ensure_ascii=False)
    return {
        "Dashboard": {
            COMMENT: "Executions, queues and functions at a glance.",
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": sub("${AWS::StackName}"), "DashboardBody": sub(body)},
        }
    }


def _widget(widget: dict[str, Any], plan: StackPlan) -> dict[str, Any]:
    metrics: list[list[Any]] = []
    for line in widget["properties"]["metrics"]:
        if "<queue>" in line:
            metrics += [
                [_fill(part, "<queue>", f"${{{q.id}.QueueName}}") for part in line] for q in plan.queues
            ]
        elif "<function>" in line:
            metrics += [[_fill(part, "<function>", f"${{{f.id}}}") for part in line] for f in plan.functions]
        else:
            metrics.append(line)
    return {**widget, "properties": {**widget["properties"], "metrics": metrics}}


def _fill(part: Any, word: str, value: str) -> Any:
    return value if part == word else part
