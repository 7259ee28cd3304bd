"""The API as a Lambda function: over DynamoDB and SQS, from its environment."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from polos import WorkflowContext, workflow
from polos.entry.aws import AwsRuntime
from polos.errors import InvalidDefinition
from polos.server.function import ApiFunction, rate_limit
from polos.server.limits import DEFAULT_RATE, Rate
from polos.server.principals import Role
from polos.testing.aws import AwsHarness
from polos.testing.event_source import LambdaContext
from support.api import gateway_event

ROOT = Path(__file__).parents[3]


def made(harness: AwsHarness, **environ: str) -> ApiFunction:
    runtime = AwsRuntime(
        harness.account.settings,
        project="test",
        ports=harness.account.ports(),
        registry=harness.registry,
    )
    return ApiFunction(runtime, environ=environ)


def asked(harness: AwsHarness, function: ApiFunction, method: str, path: str, **options):
    context = LambdaContext(harness.clock, harness.clock.now() + 29, "polos-api", "r")
    told = function.handler(gateway_event(method, path, **options), context)
    assert set(told) == {"statusCode", "headers", "body", "isBase64Encoded", "cookies"}
    json.dumps(told)
    return told


def test_a_workflow_is_started_and_waited_for_through_the_functions(polos_aws: AwsHarness) -> None:
    @workflow(id="double")
    async def double(ctx: WorkflowContext, payload: int) -> int:
        return await ctx.step.run("x", lambda: payload * 2)

    function = made(polos_aws)
    key = function.api.keys.create("test", Role.RUN)[1]
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    body = json.dumps({"workflow_id": "double", "payload": 21})
    told = asked(polos_aws, function, "POST", "/v1/executions", headers=headers, body=body)
    assert told["statusCode"] == 201
    execution = json.loads(told["body"])["id"]
    polos_aws.pump()
    told = asked(polos_aws, function, "GET", f"/v1/executions/{execution}/wait", headers=headers)
    assert json.loads(told["body"])["result"] == 42


def test_a_wait_leaves_the_function_time_to_answer(polos_aws: AwsHarness) -> None:
    @workflow(id="sleeps")
    async def sleeps(ctx: WorkflowContext, payload: dict) -> None:
        await ctx.step.wait_for("nap", hours=1)

    function = made(polos_aws)
    headers = {"authorization": f"Bearer {function.api.keys.create('test', Role.RUN)[1]}"}
    execution = polos_aws.start(sleeps, {})
    polos_aws.pump()
    context = LambdaContext(polos_aws.clock, polos_aws.clock.now() + 8, "polos-api", "r")
    event = gateway_event("GET", f"/v1/executions/{execution.id}/wait", headers=headers)
    assert json.loads(function.handler(event, context)["body"])["status"] == "waiting"
    assert context.get_remaining_time_in_millis() > 0


def test_local_mode_means_nothing_to_a_function(
    polos_aws: AwsHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLOS_LOCAL_MODE", "true")
    function = made(polos_aws, POLOS_LOCAL_MODE="true")
    told = asked(polos_aws, function, "GET", "/v1/me", ip="127.0.0.1", headers={"host": "localhost"})
    assert told["statusCode"] == 401


def test_identities_and_the_address_come_from_the_environment(polos_aws: AwsHarness) -> None:
    arn = "arn:aws:iam::123456789012:user/ann"
    access = json.dumps({arn: {"project": "test", "role": "run"}})
    function = made(polos_aws, POLOS_IAM_ACCESS=access, POLOS_PUBLIC_URL="https://shop.example/")

    @workflow(id="asks")
    async def asks(ctx: WorkflowContext, payload: dict) -> None:
        await ctx.step.suspend("q")

    execution = polos_aws.start(asks, {})
    polos_aws.pump()
    told = asked(
        polos_aws,
        function,
        "POST",
        "/v1/approvals",
        headers={"content-type": "application/json"},
        body=json.dumps({"execution_id": execution.id, "step_key": "q"}),
        authorizer={"iam": {"userArn": arn}},
    )
    assert json.loads(told["body"])["url"].startswith("https://shop.example/approve/")


@pytest.mark.parametrize(
    ("text", "rate"), [("", DEFAULT_RATE), ("0", None), ("5", Rate(5, 10)), ("0.1", Rate(0.1, 1))]
)
def test_the_rate_limit_is_read(text: str, rate: Rate | None) -> None:
    assert rate_limit(text) == rate


@pytest.mark.parametrize("text", ["many", "-1", "inf", "nan"])
def test_a_rate_limit_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidDefinition, match="POLOS_RATE_LIMIT"):
        rate_limit(text)


def test_the_handler_loads_neither_deploy_nor_cli_nor_testing_nor_httpx() -> None:
    program = "import polos.server.function, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True
    )
    loaded = set(done.stdout.split())
    assert not loaded & {"polos.deploy", "polos.cli", "polos.testing", "httpx", "moto", "openai", "anthropic"}


def test_the_handler_says_what_its_environment_lacks() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import handlers.api"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={"PATH": ""},
        check=False,
    )
    assert done.returncode != 0
    assert "POLOS_RECORD_TABLE" in done.stderr


def test_the_dashboard_is_served_and_a_browser_signs_in(polos_aws: AwsHarness) -> None:
    function = made(polos_aws)
    page = asked(polos_aws, function, "GET", "/")
    assert page["statusCode"] == 200
    assert page["headers"]["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'none'" in page["headers"]["Content-Security-Policy"]
    headers = {"content-type": "application/json"}
    body = json.dumps({"api_key": function.api.keys.create("test", Role.READ)[1]})
    told = asked(polos_aws, function, "POST", "/v1/browser/session", headers=headers, body=body)
    [cookie] = told["cookies"]
    assert cookie.startswith("__Host-polos_session=")
    seated = {"cookie": cookie.partition(";")[0]}
    assert asked(polos_aws, function, "GET", "/v1/executions", headers=seated)["statusCode"] == 200
