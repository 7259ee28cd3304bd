"""The client over HTTP: what it repeats, what it never does twice, and what it makes of answers."""

import asyncio
import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from polos import (
    Conflict,
    ExecutionFailed,
    Forbidden,
    InvalidDefinition,
    InvalidPayload,
    InvalidRequest,
    NotFound,
    PolosClient,
    PolosError,
    RateLimited,
    ServerError,
    ServerUnreachable,
    TryAgain,
    Unauthorized,
    UnknownWorkflow,
    WorkflowContext,
    errors,
    workflow,
)
from polos.core.definitions import registry
from polos.runtime import client as clients
from polos.runtime.client import configure, current_client
from polos.runtime.http_transport import error_from
from polos.runtime.service import StartOptions

STARTED = {
    "id": "e1",
    "workflow_id": "w",
    "created_at": "2026-01-02T03:04:05Z",
    "root_workflow_id": "w",
    "root_execution_id": "e1",
}
Answer = Callable[[httpx.Request], httpx.Response]


class Server:
    """Answers with what it was told to, one after the other, the last one again and again; notes what it was asked."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []
        self.slept: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        status, body = answer if isinstance(answer, tuple) else (200, answer)
        return (
            httpx.Response(status, json=body)
            if not isinstance(body, str)
            else httpx.Response(status, text=body)
        )

    def client(self, **options: Any) -> PolosClient:
        async def sleep(seconds: float) -> None:
            self.slept.append(seconds)

        transport = httpx.MockTransport(self)
        return PolosClient(
            "https://api.example.com/", "polos_key", transport=transport, sleep=sleep, **options
        )

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def problem(code: str, status: int, **members: Any) -> tuple[int, Any]:
    return status, {
        "type": f"urn:polos:problem:{code}",
        "status": status,
        "code": code,
        "detail": "told so",
        **members,
    }


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ["POLOS_API_URL", "POLOS_API_KEY", "POLOS_PROJECT_ID", "POLOS_DEPLOYMENT_ID"]:
        monkeypatch.delenv(name, raising=False)
    before = list(clients._default)
    yield
    clients._default[:] = before
    clients._described.clear()


# --- what is repeated ------------------------------------------------------------------------------------------------

LOST = httpx.ReadError("reset")
REFUSED = httpx.ConnectError("refused")
PASSING = [
    LOST,
    REFUSED,
    httpx.ReadTimeout("slow"),
    httpx.RemoteProtocolError("cut"),
    (502, ""),
    (503, {}),
    (504, "<html>"),
    problem("try_again", 503),
    problem("server_error", 500),
    problem("rate_limited", 429),
    (429, {"message": "Too Many Requests"}),
]
LASTING = {
    "not_found": 404,
    "forbidden": 403,
    "unauthorized": 401,
    "conflict": 409,
    "invalid_request": 400,
    "too_large": 413,
}


@pytest.mark.parametrize("failure", PASSING, ids=str)
async def test_a_start_whose_answer_was_lost_is_made_again_with_the_same_key(failure: Any) -> None:
    server = Server(failure, failure, (201, STARTED))
    handle = await server.client().invoke("w", {"a": 1})
    assert handle.id == "e1"
    keys = {body["idempotency_key"] for body in server.bodies}
    assert len(server.requests) == 3
    assert len(keys) == 1
    assert keys.pop().startswith("request:")


async def test_each_start_has_a_key_of_its_own_unless_it_is_given_one() -> None:
    server = Server((201, STARTED))
    client = server.client()
    await client.invoke("w")
    await client.invoke("w")
    await client.invoke("w", idempotency_key="mine")
    keys = [body["idempotency_key"] for body in server.bodies]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


async def test_a_start_that_must_be_the_first_is_not_made_again_when_it_may_have_been() -> None:
    server = Server(LOST, (201, STARTED))
    with pytest.raises(ServerUnreachable):
        await server.client().start("w", None, StartOptions(idempotency_key="k", on_conflict="reject"))
    assert len(server.requests) == 1


NOT_TWICE: dict[str, Callable[[PolosClient], Any]] = {
    "publish": lambda client: client.publish_events("t", [(None, 1)]),
    "retry": lambda client: client.retry_execution("e1"),
    "fork": lambda client: client.fork_execution("e1"),
}


@pytest.mark.parametrize("call", NOT_TWICE)
@pytest.mark.parametrize("failure", [LOST, (502, ""), problem("server_error", 500)], ids=str)
async def test_what_may_have_been_done_is_not_done_twice(call: str, failure: Any) -> None:
    server = Server(failure)
    with pytest.raises((ServerUnreachable, TryAgain, ServerError)):
        await NOT_TWICE[call](server.client())
    assert len(server.requests) == 1


@pytest.mark.parametrize("call", NOT_TWICE)
@pytest.mark.parametrize("failure", [REFUSED, problem("rate_limited", 429, retry_after=3)], ids=str)
async def test_what_was_certainly_not_done_is_tried_again(call: str, failure: Any) -> None:
    server = Server(failure, {"sequence_ids": [1], **STARTED})
    await NOT_TWICE[call](server.client())
    assert len(server.requests) == 2


@pytest.mark.parametrize("code", LASTING)
async def test_an_answer_that_would_be_the_same_is_not_asked_for_again(code: str) -> None:
    server = Server(problem(code, LASTING[code]))
    with pytest.raises(PolosError):
        await server.client().get_execution("e1")
    assert len(server.requests) == 1


async def test_it_waits_longer_each_time_and_as_long_as_it_is_asked_to() -> None:
    server = Server((503, {}), (503, {}), problem("rate_limited", 429, retry_after=7), (201, STARTED))
    await server.client().invoke("w")
    assert server.slept[0] == pytest.approx(0.075, abs=0.025)
    assert server.slept[1] == pytest.approx(0.15, abs=0.05)
    assert server.slept[2] >= 7


async def test_it_gives_up() -> None:
    server = Server((503, {}))
    with pytest.raises(TryAgain):
        await server.client().get_execution("e1")
    assert len(server.requests) == 5


# --- nobody there ----------------------------------------------------------------------------------------------------


async def test_no_server_is_said_so_with_the_two_ways_on() -> None:
    with pytest.raises(ServerUnreachable) as error:
        await PolosClient("http://127.0.0.1:9").invoke("w")
    assert "http://127.0.0.1:9" in str(error.value)
    assert "polos dev APP" in str(error.value)
    assert "async with Polos()" in str(error.value)


@pytest.mark.parametrize(
    "answer", [(404, "<html>not here</html>"), (200, "welcome"), (301, "moved"), (200, "")]
)
async def test_a_server_that_is_no_polos_api_is_said_so(answer: Any) -> None:
    with pytest.raises(ServerUnreachable, match="is no Polos API"):
        await Server(answer).client().get_execution("e1")


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://x", "http://", "api.example.com", "file:///etc/passwd"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(InvalidDefinition, match="expected an address"):
        PolosClient(url)


# --- errors ----------------------------------------------------------------------------------------------------------

KINDS = sorted(
    {kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, PolosError)},
    key=lambda kind: kind.code,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_code_becomes_its_own_class_again(kind: type[PolosError]) -> None:
    error = error_from(400, {"code": kind.code, "detail": "what happened"})
    assert type(error) is kind
    assert str(error) == "what happened"


def test_an_error_keeps_the_fields_that_code_acts_on() -> None:
    error = error_from(
        422,
        {
            "code": "invalid_payload",
            "detail": "x",
            "workflow_id": "w",
            "problems": [["payload.a", "missing"]],
        },
    )
    assert isinstance(error, InvalidPayload)
    assert (error.workflow_id, error.problems) == ("w", (("payload.a", "missing"),))
    unknown = error_from(404, {"code": "unknown_workflow", "detail": "x", "workflow_id": "w", "known": ["a"]})
    assert isinstance(unknown, UnknownWorkflow)
    assert unknown.known == ["a"]
    limited = error_from(429, {"code": "rate_limited"})
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 1.0


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidRequest), (401, Unauthorized), (403, Forbidden), (404, NotFound), (429, RateLimited),
     (500, ServerError), (503, TryAgain), (418, ServerError)],
)  # fmt: skip
def test_a_gateways_own_refusal_is_told_by_its_status(status: int, kind: type[PolosError]) -> None:
    error = error_from(status, {"message": "Forbidden"})
    assert type(error) is kind
    assert str(error) == "Forbidden"


def test_a_code_of_a_newer_server_is_told_by_its_status() -> None:
    assert type(error_from(404, {"code": "gone_fishing", "detail": "x"})) is NotFound


# --- requests --------------------------------------------------------------------------------------------------------


async def test_the_key_and_the_project_go_with_every_request() -> None:
    server = Server({"sequence_ids": [1]})
    await server.client(project_id="shop").publish_events("t", [(None, 1)])
    (request,) = server.requests
    assert request.headers["authorization"] == "Bearer polos_key"
    assert request.headers["polos-project"] == "shop"
    assert request.url == "https://api.example.com/v1/events"


def test_a_client_does_not_show_its_key() -> None:
    assert "polos_key" not in repr(Server({}).client())


@pytest.mark.parametrize("execution", ["../keys", "a/b", "a?b", "", "ä", "a b", "a#b", "a%2fb"])
async def test_what_is_no_id_leads_nowhere_else(execution: str) -> None:
    server = Server({})
    with pytest.raises(PolosError, match="no id of an execution"):
        await server.client().get_execution(execution)
    assert server.requests == []


async def test_a_payload_is_checked_before_it_is_sent() -> None:
    @workflow(id="takes_int")
    async def takes_int(ctx: WorkflowContext, payload: int) -> int:
        return payload

    try:
        server = Server((201, STARTED))
        with pytest.raises(InvalidPayload):
            await takes_int.invoke(server.client(), "many")
        with pytest.raises(InvalidPayload):
            await server.client().batch_invoke([{"id": "takes_int", "payload": None}])  # type: ignore[list-item]
        assert server.requests == []
    finally:
        registry.remove("takes_int")


async def test_a_value_that_json_would_change_is_refused_where_the_code_is_known() -> None:
    @workflow(id="takes_any")
    async def takes_any(ctx: WorkflowContext, payload):  # type: ignore[no-untyped-def]
        return payload

    try:
        server = Server((201, STARTED))
        for value in [{1, 2}, {"a": (1,)}, {1: 2}, float("nan")]:
            with pytest.raises(InvalidPayload):
                await takes_any.invoke(server.client(), value)
        assert server.requests == []
    finally:
        registry.remove("takes_any")


async def test_two_names_of_one_limit_are_asked_for() -> None:
    with pytest.raises(InvalidRequest, match="queue_name"):
        await Server({}).client().invoke("w", queue_concurrency_limit=3)


async def test_a_result_of_unknown_code_is_plain_json() -> None:
    told = {
        **STARTED,
        "status": "completed",
        "ended": True,
        "result": {"at": "2026-01-01T00:00:00Z"},
        "stored": {"result": "x"},
    }
    assert await Server(told).client().wait_result("e1") == {"at": "2026-01-01T00:00:00Z"}


async def test_a_stored_error_comes_with_the_exception() -> None:
    told = {**STARTED, "status": "failed", "ended": True, "error": {"message": "no stock", "step": "s"}}
    with pytest.raises(ExecutionFailed, match="no stock") as error:
        await Server(told).client().wait_result("e1")
    assert (error.value.error["step"], error.value.execution_id) == ("s", "e1")


async def test_a_server_that_answers_at_once_is_not_asked_without_a_pause() -> None:
    running = {**STARTED, "status": "running", "ended": False}
    done = {**STARTED, "status": "completed", "ended": True, "result": 1}
    server = Server(running, running, done)
    assert await server.client().wait_result("e1") == 1
    assert server.slept == [0.5, 0.5]


async def test_a_batch_of_any_size_goes_in_hundreds() -> None:
    server = Server((201, {"executions": [STARTED] * 100}), (201, {"executions": [STARTED] * 50}))
    handles = await server.client().batch_invoke([{"id": "w"}] * 150)  # type: ignore[list-item]
    assert len(handles) == 150
    assert [len(body["executions"]) for body in server.bodies] == [100, 50]


def test_one_client_serves_one_event_loop_after_another() -> None:
    server = Server((201, STARTED))
    client = server.client()
    assert [asyncio.run(_id(client)) for _ in range(2)] == ["e1", "e1"]


async def _id(client: PolosClient) -> str:
    return (await client.invoke("w")).id


async def test_a_closed_client_may_be_used_again() -> None:
    client = Server((201, STARTED)).client()
    async with client:
        await client.invoke("w")
    assert (await client.invoke("w")).id == "e1"


# --- the default client ----------------------------------------------------------------------------------------------


def test_the_default_client_is_the_one_that_the_environment_describes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = current_client()
    assert isinstance(first, PolosClient)
    assert first.api_url == "http://localhost:8080"
    assert current_client() is first
    monkeypatch.setenv("POLOS_API_URL", "https://shop.example")
    monkeypatch.setenv("POLOS_PROJECT_ID", "shop")
    second = current_client()
    assert isinstance(second, PolosClient)
    assert (second.api_url, second.project_id) == ("https://shop.example", "shop")


def test_configure_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLOS_API_URL", "https://environment.example")
    monkeypatch.setenv("POLOS_DEPLOYMENT_ID", "d1")
    configure(api_url="https://configured.example", project_id="shop")
    client = current_client()
    assert isinstance(client, PolosClient)
    assert (client.api_url, client.project_id, client.deployment_id) == (
        "https://configured.example",
        "shop",
        "d1",
    )


async def test_an_unconfigured_call_says_that_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLOS_API_URL", "http://127.0.0.1:9")

    @workflow(id="nobody")
    async def nobody(ctx: WorkflowContext, payload: dict) -> None:
        return None

    try:
        with pytest.raises(ServerUnreachable, match="polos dev APP"):
            await nobody.run({})
    finally:
        registry.remove("nobody")


def test_a_conflict_is_a_conflict() -> None:
    assert isinstance(error_from(409, {"code": "conflict"}), Conflict)
