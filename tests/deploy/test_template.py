"""What stands in a template, for every app."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from polos import Queue
from polos.adapters.aws.settings import AwsSettings
from polos.core.definitions import Compute, Schedule
from polos.core.messages import Message, MessageKind
from polos.deploy.checks import check
from polos.deploy.infra import infra_toml
from polos.deploy.intrinsics import without_comments
from polos.deploy.merging import parse_yaml
from polos.deploy.plan import Options
from polos.deploy.render import render
from polos.deploy.template import template
from polos.deploy.yaml_text import to_yaml
from polos.runtime.schedules import ScheduleRecord, tick_message
from support.apps import definition, planned, resources

EVERYTHING = (
    definition("a"),
    definition("b", queue=Queue("mails", timeout=20, max_invocations=2), schedule="0 0 13 * 5"),
    definition(
        "c",
        queue=Queue("net", vpc={"subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]}),
        schedule=Schedule("0 7 * * *", timezone="Europe/Berlin", key="k${x}"),
        compute=Compute(
            policies=[
                {"Action": ["ses:SendEmail"], "Resource": "arn:aws:ses:eu-west-1:111122223333:identity/x"},
                {"Action": "ses:ListIdentities", "Resource": "*", "Why": "It lists, and takes no resource."},
            ]
        ),
    ),
)
SECRETS = ("stripe", "secretsmanager:team/x#field", "ssm:/team/y")


def everything() -> dict[str, Any]:
    """The template of an app that uses every feature."""
    return template(planned(*EVERYTHING, secrets=SECRETS, options=Options("shop", tracing=True)))


def of_type(found: dict[str, Any], kind: str) -> dict[str, Any]:
    return {name: each["Properties"] for name, each in found.items() if each["Type"] == kind}


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    for role, properties in of_type(everything()["Resources"], "AWS::IAM::Role").items():
        for policy in properties["Policies"]:
            yield from ((role, statement) for statement in policy["PolicyDocument"]["Statement"])


# --- permissions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "statement"), list(statements()), ids=lambda v: v if isinstance(v, str) else v["Sid"]
)
def test_a_statement_names_its_actions_and_resources_or_says_why_not(
    role: str, statement: dict[str, Any]
) -> None:
    assert statement["Effect"] == "Allow"
    assert statement["Action"], role
    assert all(re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z]+", action) for action in statement["Action"])
    assert statement["Resource"]
    assert statement["#"], "every statement says what it is for"
    if "*" in statement["Resource"]:
        assert statement["Sid"] in {"WriteTraces", "AttachToNetwork", "App2"}, (
            "a new `*` needs a reason, and a place here"
        )
        assert len(statement["#"]) > 20


def test_every_function_has_a_role_of_its_own() -> None:
    functions = of_type(everything()["Resources"], "AWS::Serverless::Function")
    roles = [json.dumps(function["Role"]) for function in functions.values()]
    assert len(set(roles)) == len(functions)


def test_ids_of_statements_are_unique_within_a_role() -> None:
    found = list(statements())
    assert len({(role, statement["Sid"]) for role, statement in found}) == len(found)


def test_a_function_consumes_its_own_queue_and_no_other() -> None:
    found = resources(*EVERYTHING)
    for properties in of_type(found, "AWS::Lambda::EventSourceMapping").values():
        function = found[properties["FunctionName"]["Ref"]]["Properties"]
        role = found[function["Role"]["Fn::GetAtt"][0]]["Properties"]
        allowed = [
            statement["Resource"]
            for statement in role["Policies"][0]["PolicyDocument"]["Statement"]
            if "sqs:ReceiveMessage" in statement["Action"]
        ]
        assert allowed == [[properties["EventSourceArn"]]]


def test_each_secret_is_granted_by_its_name() -> None:
    found = {
        statement["Sid"]: statement["Resource"] for role, statement in statements() if role == "RoleDefault"
    }
    assert [json.dumps(arn).split("secret:")[1] for arn in found["ReadSecrets"]] == [
        'polos/${Project}/stripe-??????"}',
        'team/x-??????"}',
    ]
    assert [json.dumps(arn).split("parameter/")[1] for arn in found["ReadParameters"]] == ['team/y"}']
    assert "ReadSecrets" not in {s["Sid"] for role, s in statements() if role in ("ApiRole", "SweeperRole")}


def test_all_statements_of_the_data_are_used() -> None:
    used = {statement["Sid"] for _, statement in statements()}
    known = {row["sid"] for rows in infra_toml("policies.toml").values() for row in rows}
    assert known <= used


# --- the rest of the list ---------------------------------------------------------------------------------------------


def test_tables_are_on_demand_expire_recover_are_encrypted_and_kept_as_the_parameter_says() -> None:
    found = everything()
    tables = {
        name: each for name, each in found["Resources"].items() if each["Type"] == "AWS::DynamoDB::Table"
    }
    assert set(tables) == {"LogTable", "RecordTable"}
    for table in tables.values():
        properties = table["Properties"]
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["TimeToLiveSpecification"] == {"AttributeName": "x", "Enabled": True}
        assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
        assert properties["SSESpecification"] == {"SSEEnabled": True}
        assert table["DeletionPolicy"] == {"Ref": "DataDeletionPolicy"}
    assert found["Parameters"]["DataDeletionPolicy"]["Default"] == "Retain"
    assert "AWS::LanguageExtensions" in found["Transform"], "a DeletionPolicy may be a parameter only with it"


def test_queues_redrive_after_five_receives_and_keep_messages_for_fourteen_days() -> None:
    queues = of_type(resources(*EVERYTHING), "AWS::SQS::Queue")
    for name, queue in queues.items():
        assert queue["MessageRetentionPeriod"] == 14 * 86_400
        assert queue["SqsManagedSseEnabled"] is True
        if name != "DeadQueue":
            assert queue["RedrivePolicy"]["maxReceiveCount"] >= 5


def test_event_sources_report_partial_failures_and_are_bounded_only_where_the_user_says() -> None:
    sources = of_type(resources(*EVERYTHING), "AWS::Lambda::EventSourceMapping")
    assert len(sources) == 5
    assert all(source["FunctionResponseTypes"] == ["ReportBatchItemFailures"] for source in sources.values())
    bounded = {name: source["ScalingConfig"] for name, source in sources.items() if "ScalingConfig" in source}
    assert bounded == {"SourceMails": {"MaximumConcurrency": 2}}


def test_functions_may_call_each_other_for_ever_since_the_guard_is_ours() -> None:
    assert everything()["Globals"]["Function"]["RecursiveLoop"] == "Allow"


def test_a_schedules_input_is_the_message_that_the_runtime_sends() -> None:
    inputs = {
        name: each["Target"]["Input"]
        for name, each in of_type(resources(*EVERYTHING), "AWS::Scheduler::Schedule").items()
        if name != "SweepSchedule"
    }
    assert len(inputs) == 3
    for target in inputs.values():
        text = target["Fn::Sub"].replace("${Project}", "shop").replace("${!", "${")
        due = "2026-11-23T06:00:00Z"
        message = Message.decode(text.replace("<aws.scheduler.scheduled-time>", due))
        assert message.kind is MessageKind.TICK
        assert message.project == "shop"
        assert message.extra["at"] == due
    c = next(target["Fn::Sub"] for target in inputs.values() if '"workflow":"c"' in target["Fn::Sub"])
    record = ScheduleRecord("c", "k${x}", "0 7 * * *", "Europe/Berlin", source="code")
    runtime = tick_message("${Project}", record).encode()
    assert c == runtime.replace("k${x}", "k${!x}").replace(
        str(json.loads(runtime)["extra"]["at"]), "<aws.scheduler.scheduled-time>"
    )


def test_schedules_have_their_time_zone_a_role_and_a_dead_letter_queue() -> None:
    found = of_type(resources(*EVERYTHING), "AWS::Scheduler::Schedule")
    zones = sorted(
        each["ScheduleExpressionTimezone"] for each in found.values() if "ScheduleExpressionTimezone" in each
    )
    assert zones == ["Europe/Berlin", "UTC", "UTC"]
    for name, each in found.items():
        assert each["GroupName"] == {"Ref": "ScheduleGroup"}
        if name != "SweepSchedule":
            assert each["Target"]["DeadLetterConfig"]
            assert each["Target"]["RoleArn"] == {"Fn::GetAtt": ["ScheduleRole", "Arn"]}


def test_the_api_has_one_route_with_throttling_cors_and_a_choice_of_who_may_call() -> None:
    found = resources(*EVERYTHING)
    routes = of_type(found, "AWS::ApiGatewayV2::Route")
    assert [route["RouteKey"] for route in routes.values()] == ["$default"]
    assert routes["HttpApiRoute"]["AuthorizationType"] == {"Fn::If": ["AsksIam", "AWS_IAM", "NONE"]}
    assert set(found["HttpApiStage"]["Properties"]["DefaultRouteSettings"]) == {
        "ThrottlingBurstLimit",
        "ThrottlingRateLimit",
    }
    assert found["HttpApi"]["Properties"]["CorsConfiguration"]["Fn::If"][0] == "HasCorsOrigins"


def test_with_streaming_a_function_url_stands_in_place_of_the_http_api() -> None:
    document = everything()
    found = document["Resources"]
    http = {name for name, each in found.items() if each["Type"].startswith("AWS::ApiGatewayV2::")}
    assert {found[name].get("Condition") for name in http} == {"HasHttpApi"}
    url = found["StreamUrl"]
    assert (url["Condition"], url["Properties"]["InvokeMode"]) == ("Streams", "RESPONSE_STREAM")
    allowed = [each for name, each in found.items() if name.startswith("Stream") and name != "StreamUrl"]
    assert {each["Condition"] for each in allowed} == {"StreamsForKeys"}
    api = found["ApiFunction"]["Properties"]
    wrapper = api["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"]["Fn::If"]
    assert wrapper == ["Streams", "/var/task/handlers/stream", {"Ref": "AWS::NoValue"}]
    assert api["Timeout"] == {"Fn::If": ["Streams", 300, 30]}
    assert document["Outputs"]["ApiUrl"]["Value"]["Fn::If"][2] == {"Fn::GetAtt": ["StreamUrl", "FunctionUrl"]}


def test_the_bucket_is_encrypted_private_and_forgets() -> None:
    bucket = resources(*EVERYTHING)["ValuesBucket"]["Properties"]
    assert bucket["BucketEncryption"]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["LifecycleConfiguration"]["Rules"]


def test_logs_are_kept_as_long_as_the_parameter_says_and_every_function_has_its_group() -> None:
    found = resources(*EVERYTHING)
    groups = of_type(found, "AWS::Logs::LogGroup")
    assert all(group["RetentionInDays"] == {"Ref": "LogRetentionDays"} for group in groups.values())
    used = {
        each["LoggingConfig"]["LogGroup"]["Ref"]
        for each in of_type(found, "AWS::Serverless::Function").values()
    }
    assert used == set(groups)


def test_alarms_watch_dead_letters_stalls_the_oldest_message_and_errors() -> None:
    found = of_type(resources(*EVERYTHING), "AWS::CloudWatch::Alarm")
    metrics = {alarm["MetricName"] for alarm in found.values()}
    assert metrics == {
        "NumberOfMessagesReceived",
        "ExecutionsStalled",
        "ApproximateAgeOfOldestMessage",
        "Errors",
    }
    assert found["AgeOfQueueMails"]["Threshold"] == 20 + 60 + 900


def test_the_environment_is_what_the_adapters_read() -> None:
    variables = everything()["Globals"]["Function"]["Environment"]["Variables"]
    filled = {
        name: value if isinstance(value, str) else f"value-of-{name}" for name, value in variables.items()
    }
    queues = variables["POLOS_QUEUES"]["Fn::Sub"]
    settings = AwsSettings.from_env({**filled, "POLOS_QUEUES": queues, "AWS_REGION": "eu-central-1"})
    assert set(settings.queues) == {"$dead", "$news", "default", "mails", "net"}


def test_arm64_and_python_3_13_unless_told_otherwise() -> None:
    assert everything()["Globals"]["Function"]["Architectures"] == ["arm64"]
    assert everything()["Globals"]["Function"]["Runtime"] == "python3.13"


def test_the_stack_is_small_and_grows_by_a_few_resources_a_queue() -> None:
    few = resources(definition("a"))
    more = resources(definition("a"), definition("b", queue=Queue("b")))
    assert len(few) < 50
    assert len(more) - len(few) <= 7


def test_nothing_that_users_call_secret_is_in_the_template() -> None:
    text = to_yaml(everything())
    assert "stripe" in text
    assert "SecretString" not in text


# --- as text ----------------------------------------------------------------------------------------------------------


def test_the_yaml_says_what_the_data_says() -> None:
    document = everything()
    assert parse_yaml(to_yaml(document)) == without_comments(document)


def test_the_order_of_definitions_does_not_matter() -> None:
    one = render(planned(*EVERYTHING), template(planned(*EVERYTHING)))
    other = render(planned(*reversed(EVERYTHING)), template(planned(*reversed(EVERYTHING))))
    assert one == other


def test_a_template_of_everything_passes_our_own_checks() -> None:
    assert check(everything()) == []
