"""What `polos diff --deployed` says a deployment would change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from polos import Queue
from polos.deploy.artifacts import deployable
from polos.deploy.comparing import Change, How, compare, read_template
from polos.deploy.template import template
from polos.errors import InvalidDefinition
from support.apps import definition, planned


def built(*queues: Queue, **size: Any) -> dict[str, Any]:
    definitions = [definition(f"w{n}", queue=queue) for n, queue in enumerate(queues)]
    return template(planned(definition("a", queue=Queue("main", **size)), *definitions))


def stands(document: dict[str, Any]) -> dict[str, Any]:
    """The template as CloudFormation gives it back after a deployment."""
    return read_template(json.loads(deployable(document, {".polos/package/arm64": "s3://b/abc.zip"})))


def of(changes: list[Change], part: str) -> Change:
    return next(change for change in changes if change.part == part)


def test_a_stack_of_the_same_app_would_not_change_wherever_its_code_lies() -> None:
    assert compare(stands(built()), built()) == []


def test_a_stack_that_is_not_there_is_all_new() -> None:
    document = built()
    found = compare({}, document)
    assert {change.how for change in found} == {How.ADDED}
    assert {f"Resources.{name}" for name in document["Resources"]} <= {change.part for change in found}


def test_a_changed_setting_is_told_with_its_path_and_both_values() -> None:
    found = compare(stands(built(memory_mb=512)), built(memory_mb=1024))
    worker = of(found, "Resources.WorkerMain")
    assert worker.how is How.CHANGED
    assert worker.details == ("Properties.MemorySize: 512 -> 1024",)
    assert worker.warning == ""


def test_a_queue_that_goes_is_told_with_what_is_in_it() -> None:
    found = compare(stands(built(Queue("side"))), built())
    queue = of(found, "Resources.QueueSide")
    assert queue.how is How.REMOVED
    assert queue.lines() == ["- QueueSide  AWS::SQS::Queue", "    is deleted with the messages in it"]


def test_a_table_that_would_be_replaced_is_told() -> None:
    before = stands(built())
    before["Resources"]["LogTable"]["Properties"]["KeySchema"][0]["AttributeName"] = "other"
    table = of(compare(before, built()), "Resources.LogTable")
    assert "the new one begins without what is in it" in table.warning


def test_a_table_that_goes_stays_if_the_parameter_says_so() -> None:
    after = built()
    before = stands(after)
    del after["Resources"]["RecordTable"]
    assert "as DataDeletionPolicy says" in of(compare(before, after), "Resources.RecordTable").warning


def test_a_long_value_is_cut_and_its_length_told() -> None:
    before, after = {"Outputs": {"X": {"Value": "a" * 500}}}, {"Outputs": {"X": {"Value": "b"}}}
    (line,) = compare(before, after)[0].details
    assert line.startswith('Value: "aaa')
    assert "(502 characters)" in line


def test_numbers_that_come_back_as_text_are_no_change() -> None:
    before = {"Parameters": {"N": {"Default": "30", "On": "true"}}}
    after = {"Parameters": {"N": {"Default": 30, "On": True}}}
    assert [line for change in compare(before, after) for line in change.details] == ['On: "true" -> true']


def test_the_template_may_be_yaml_that_the_sam_cli_deployed() -> None:
    found = read_template("Resources:\n  Q:\n    Type: AWS::SQS::Queue\n    X: !GetAtt A.Arn\n")
    assert found["Resources"]["Q"]["X"] == {"Fn::GetAtt": ["A", "Arn"]}
    with pytest.raises(InvalidDefinition, match="cannot be read"):
        read_template("{]")
