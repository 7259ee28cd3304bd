"""What is not a proper request is refused in the API's own words, and nothing internal gets out."""

import json
import logging

import pytest

from polos import WorkflowContext, workflow
from polos.errors import TryAgain
from polos.server.app import MAX_BODY
from polos.server.problems import problem
from support.api import Asker, World, gateway_event


@pytest.fixture(autouse=True)
def _defined(world: World) -> None:
    @workflow(id="echo")
    async def echo(ctx: WorkflowContext, payload: dict) -> dict:
        return payload


def start(ask: Asker, text: str | bytes):
    return ask("POST", "/v1/executions", text)


@pytest.mark.parametrize(
    "body",
    [
        "{",
        "nope",
        '{"workflow_id": "echo", "payload": NaN}',
        '{"workflow_id": "echo", "payload": {"a": Infinity}}',
        '{"workflow_id": "echo", "payload": {"a": "\\ud800"}}',
        '{"workflow_id": "echo", "payload": ' + "[" * 5000 + "]" * 5000 + "}",
        b'{"workflow_id": "\xff\xfe"}',
    ],
)
def test_a_body_that_is_not_json_is_the_callers_mistake(ask: Asker, body: str | bytes) -> None:
    told = start(ask, body)
    assert (told.status, told.code) == (400, "invalid_request")


@pytest.mark.parametrize(
    "body", ["", "null", "[]", '"echo"', "3", "{}", '{"workflow": "echo"}', '{"workflow_id": ""}']
)
def test_a_body_of_another_shape_says_which_field(ask: Asker, body: str) -> None:
    told = start(ask, body)
    assert (told.status, told.code) == (400, "invalid_request")
    assert told.json["problems"][0][0].startswith("body")


def test_a_member_that_is_not_known_is_not_ignored(ask: Asker) -> None:
    told = start(ask, '{"workflow_id": "echo", "playload": {}}')
    assert ["body.playload", "Extra inputs are not permitted"] in told.json["problems"]


def test_a_body_may_come_in_base64_as_gateways_send_it(ask: Asker) -> None:
    assert start(ask, '{"workflow_id": "echo", "payload": {"ä": "☃"}}'.encode()).status == 201


def test_base64_that_is_none_is_refused(world: World, ask: Asker) -> None:
    event = gateway_event("POST", "/v1/executions", headers={"authorization": f"Bearer {ask.key}"})
    event |= {"body": "###", "isBase64Encoded": True}
    event["headers"]["content-type"] = "application/json"
    assert world.api.answer(event).status == 400


def test_a_body_that_is_too_large_is_refused_before_it_is_read(ask: Asker) -> None:
    told = start(ask, "x" * (MAX_BODY + 1))
    assert (told.status, told.code) == (413, "too_large")


def test_a_payload_that_is_too_large_is_refused(ask: Asker) -> None:
    told = start(ask, json.dumps({"workflow_id": "echo", "payload": {"a": "x" * 1_100_000}}))
    assert (told.status, told.code) == (413, "too_large")


@pytest.mark.parametrize("name", ["a\0b", "x" * 401, "ä" * 201, ""])
def test_a_name_that_no_store_takes_is_refused(ask: Asker, name: str) -> None:
    told = start(ask, json.dumps({"workflow_id": "echo", "payload": {}, "session_id": name}))
    assert (told.status, told.code) == (400, "invalid_request")
    assert told.json["problems"][0][0] == "body.session_id"


@pytest.mark.parametrize("text", ["|", "a|b", "%", "a/b", "?#&=", "ä", "' OR 1=1", "\n", "../.."])
def test_a_name_may_hold_any_character(ask: Asker, text: str) -> None:
    body = {"workflow_id": "echo", "payload": {}, "session_id": text, "attributes": {"a": text}}
    assert start(ask, json.dumps(body)).status == 201
    found = ask("GET", "/v1/executions", query={"attribute": f"a={text}"}).json["executions"]
    assert [one["session_id"] for one in found] == [text]


def test_the_name_of_an_attribute_holds_no_equals_sign(ask: Asker) -> None:
    told = start(ask, '{"workflow_id": "echo", "attributes": {"a=b": "c"}}')
    assert told.json["problems"] == [["body.attributes.a=b.[key]", "holds a '='"]]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("created_after=yesterday", "created_after"),
    ],
)
def test_a_query_that_does_not_fit_says_which_parameter(ask: Asker, query: str, field: str) -> None:
    told = ask("GET", "/v1/executions", query=query)
    assert (told.status, told.code) == (400, "invalid_request")
    assert told.json["problems"][0][0] == f"query.{field}"


@pytest.mark.parametrize(
    "query", ["status=%ff", "&".join(f"a{i}=1" for i in range(200)), "attribute=nothing"]
)
def test_a_query_that_is_none_is_refused(ask: Asker, query: str) -> None:
    assert ask("GET", "/v1/executions", query=query).code == "invalid_request"


@pytest.mark.parametrize(
    "path",
    [
        "/v1/executions/",
        "/v1/executions/a/b",
        "/v1/executions/../x",
        "/v1/executions/%2e%2e",
        "//",
        "",
        "/v1/executions/a%00",
    ],
)
def test_a_path_that_leads_nowhere_is_not_found(ask: Asker, path: str) -> None:
    assert (ask("GET", path).status, ask("GET", path).code) == (404, "not_found")


@pytest.mark.parametrize("method", ["PATCH", "HEAD", "OPTIONS", "TRACE", "get", "POST "])
def test_a_method_that_a_path_has_not_says_which_it_has(ask: Asker, method: str) -> None:
    told = ask(method, "/v1/queues")
    assert told.status == 405
    assert told.headers["Allow"] == "GET"


def test_a_stage_in_the_path_is_the_gateways_business(world: World, ask: Asker) -> None:
    event = gateway_event("GET", "/prod/v1/me", headers={"authorization": f"Bearer {ask.key}"})
    event["requestContext"]["stage"] = "prod"
    assert world.api.answer(event).status == 200


def test_every_answer_keeps_browsers_from_guessing_and_caching(ask: Asker) -> None:
    for told in [ask("GET", "/health"), ask("GET", "/v1/nothing"), ask("GET", "/v1/me"), ask("GET", "/docs")]:
        assert told.headers["X-Content-Type-Options"] == "nosniff"
        assert told.headers["Cache-Control"] == "no-store"


# --- problems --------------------------------------------------------------------------------------------------------


def test_a_problem_is_a_document_of_rfc_9457(ask: Asker) -> None:
    told = ask("GET", "/v1/executions/nope")
    assert told.headers["Content-Type"] == "application/problem+json"
    assert told.json == {
        "type": "urn:polos:problem:not_found",
        "title": "Not Found",
        "status": 404,
        "code": "not_found",
        "detail": "there is no execution 'nope' in project 'test'",
        "request_id": "request-1",
    }


def test_what_is_not_the_callers_business_stays_inside(
    world: World, ask: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError("password=hunter2 at /srv/secret.py")

    world.api.desk.host.executions = Broken()  # type: ignore[assignment]
    world.api.desk.service_of = lambda project: Broken()  # type: ignore[assignment, method-assign, return-value]
    with caplog.at_level(logging.ERROR, "polos.server"):
        told = ask("GET", "/v1/executions/abc")
    assert (told.status, told.code) == (500, "server_error")
    assert told.json["request_id"] == "request-1"
    assert "hunter2" not in told.text
    assert "secret.py" not in told.text
    assert "hunter2" in caplog.text
    assert "request-1" in caplog.text


def test_a_busy_store_asks_to_come_again() -> None:
    told = problem(TryAgain("dynamodb:Query on table polos-prod-1234 failed"), request_id="r")
    assert told.status == 503
    assert told.headers["Retry-After"] == "1"
    assert "polos-prod" not in told.text()


@pytest.mark.parametrize(
    "event",
    [
        {},
        {"rawPath": "/health"},
        {"rawPath": "/v1/me", "headers": None, "requestContext": {}},
        {"rawPath": "/v1/me", "headers": {}, "requestContext": {"http": {"method": "GET"}, "stage": "x"}},
    ],
)
def test_an_event_that_is_none_raises_nothing(world: World, event: dict) -> None:
    assert world.api.answer(event).status >= 400
