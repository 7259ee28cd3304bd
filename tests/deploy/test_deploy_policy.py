"""The policy for who deploys: it knows every kind of resource that a template has, and allows no more than it names."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from deploy.test_template import everything

ROOT = Path(__file__).parents[2]
POLICY = json.loads((ROOT / "docs" / "deploy-policy.json").read_text())

CREATES = {
    "AWS::ApiGatewayV2::Api": "apigateway:POST",
    "AWS::ApiGatewayV2::Integration": "apigateway:POST",
    "AWS::ApiGatewayV2::Route": "apigateway:POST",
    "AWS::ApiGatewayV2::Stage": "apigateway:POST",
    "AWS::CloudWatch::Alarm": "cloudwatch:PutMetricAlarm",
    "AWS::CloudWatch::Dashboard": "cloudwatch:PutDashboard",
    "AWS::DynamoDB::Table": "dynamodb:CreateTable",
    "AWS::IAM::Role": "iam:CreateRole",
    "AWS::Lambda::EventSourceMapping": "lambda:CreateEventSourceMapping",
    "AWS::Lambda::Permission": "lambda:AddPermission",
    "AWS::Lambda::Url": "lambda:CreateFunctionUrlConfig",
    "AWS::Logs::LogGroup": "logs:CreateLogGroup",
    "AWS::S3::Bucket": "s3:CreateBucket",
    "AWS::SQS::Queue": "sqs:CreateQueue",
    "AWS::Scheduler::Schedule": "scheduler:CreateSchedule",
    "AWS::Scheduler::ScheduleGroup": "scheduler:CreateScheduleGroup",
    "AWS::Serverless::Function": "lambda:CreateFunction",
}


def texts(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]


def test_it_can_create_every_kind_of_resource_that_a_template_has() -> None:
    allowed = {action for statement in POLICY["Statement"] for action in texts(statement["Action"])}
    kinds = {resource["Type"] for resource in everything()["Resources"].values()}
    assert {CREATES[kind] for kind in kinds} <= allowed


def test_it_names_actions_and_resources_and_only_lists_are_asked_of_everything() -> None:
    for statement in POLICY["Statement"]:
        assert not [action for action in texts(statement["Action"]) if "*" in action]
        if "*" in texts(statement["Resource"]):
            assert statement["Sid"] == "Lists"
            verbs = {action.split(":")[1] for action in texts(statement["Action"])}
            assert all(verb.startswith(("Describe", "List")) for verb in verbs)


def test_roles_are_handed_to_lambda_and_scheduler_only() -> None:
    handing = [each for each in POLICY["Statement"] if "iam:PassRole" in texts(each["Action"])]
    (statement,) = handing
    services = ["lambda.amazonaws.com", "scheduler.amazonaws.com"]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": services}}
    assert statement["Resource"] == "arn:aws:iam::ACCOUNT:role/NAME-*"


def test_it_fits_into_a_policy_of_iam() -> None:
    """A managed policy takes 6144 characters, spaces not counted."""
    assert len(json.dumps(POLICY, separators=(",", ":"))) < 6144


def test_the_documented_command_fills_in_every_word() -> None:
    command = re.search(
        r"^(sed -e .* docs/deploy-policy.json) > ", (ROOT / "docs" / "deploying.md").read_text(), re.M
    )
    assert command is not None
    done = subprocess.run(["sh", "-c", command[1]], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["Statement"]
    assert not re.search(r"ACCOUNT|REGION|NAME", done.stdout)
