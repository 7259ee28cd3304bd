"""Limits that CloudFormation tells too late, told before."""

from __future__ import annotations

import re
from typing import Any

import pytest

from polos import Queue
from polos.deploy.checks import MOST_SHOWN, check
from polos.deploy.merging import merged
from polos.deploy.template import template
from polos.errors import InvalidDefinition
from support.apps import definition, planned

APP = template(planned(definition("a", schedule="0 0 * * *")))


@pytest.mark.parametrize(
    ("resource", "properties", "says"),
    [
        ("WorkerDefault", {"Timeout": 2000}, "Lambda runs a function for 1 to 900 s"),
        ("WorkerDefault", {"MemorySize": 99_999}, "Lambda gives 128 to 10240"),
        ("WorkerDefault", {"Layers": ["l"] * 6}, "Lambda takes 5"),
        ("WorkerDefault", {"Environment": {"Variables": {"BIG": "x" * 4000}}}, "Lambda takes 4096"),
        ("QueueDefault", {"VisibilityTimeout": 99_999}, "SQS takes 0 to 43200"),
        ("QueueDefault", {"RedrivePolicy": {"maxReceiveCount": 2}}, "5 or more"),
        ("SourceDefault", {"ScalingConfig": {"MaximumConcurrency": 1}}, "2 to 1000"),
        ("ScheduleA", {"ScheduleExpression": "cron(nonsense)"}, "none that EventBridge Scheduler takes"),
        ("ScheduleA", {"ScheduleExpression": "rate(1 fortnight)"}, "none that EventBridge Scheduler takes"),
        ("ScheduleA", {"ScheduleExpressionTimezone": "Mars/Olympus"}, "Mars/Olympus"),
        ("ScheduleA", {"Target": {"Input": "x" * 300_000}}, "256 KB"),
        ("RoleDefault", {"ManagedPolicyArns": ["arn"] * 11}, "IAM takes 10"),
    ],
)
def test_what_aws_refuses_is_named_with_its_resource(
    resource: str, properties: dict[str, Any], says: str
) -> None:
    document = merged(APP, {"Resources": {resource: {"Properties": properties}}})
    with pytest.raises(InvalidDefinition, match=rf"(?s){resource}: .*{says}"):
        check(document)


def test_a_queue_that_shows_a_message_again_while_its_function_runs_is_refused() -> None:
    document = merged(APP, {"Resources": {"QueueDefault": {"Properties": {"VisibilityTimeout": 60}}}})
    with pytest.raises(
        InvalidDefinition, match=r"SourceDefault: the queue hides a message for 60 s.*delivered twice"
    ):
        check(document)


def test_all_problems_are_told_at_once() -> None:
    over = {name: {"Properties": {"Timeout": 1000}} for name in ("WorkerDefault", "NewsFunction")}
    with pytest.raises(InvalidDefinition, match=r"(?s)WorkerDefault.*NewsFunction"):
        check(merged(APP, {"Resources": over}))


def test_too_many_resources_are_refused_and_many_are_warned_of() -> None:
    def with_more(count: int) -> dict[str, Any]:
        extra = {f"Topic{n}": {"Type": "AWS::SNS::Topic"} for n in range(count - len(APP["Resources"]))}
        return merged(APP, {"Resources": extra})

    assert check(with_more(400)) == []
    assert "401 resources" in check(with_more(401))[0]
    with pytest.raises(InvalidDefinition, match="501 resources"):
        check(with_more(501))


def test_queues_whose_addresses_do_not_fit_into_the_environment_are_refused() -> None:
    many = [definition(f"w{n}", queue=Queue(f"queue-number-{n}")) for n in range(40)]
    with pytest.raises(InvalidDefinition, match="let workflows share queues") as told:
        check(template(planned(*many)))
    lines = str(told.value).splitlines()
    assert len(lines) == MOST_SHOWN + 2
    assert re.fullmatch(r"  and \d+ more of this kind", lines[-1])


def test_a_logical_id_of_a_merge_file_is_looked_at_too() -> None:
    with pytest.raises(InvalidDefinition, match="letters and digits only"):
        check(merged(APP, {"Resources": {"My-Topic": {"Type": "AWS::SNS::Topic"}}}))
