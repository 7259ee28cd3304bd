"""The runtime that streams, against a Runtime API as Lambda documents it."""

from __future__ import annotations

import base64
import json
import queue
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from polos import WorkflowContext, workflow
from polos.adapters.clock import VirtualClock
from polos.entry.aws import AwsRuntime
from polos.server.app import Answer
from polos.server.function import ApiFunction
from polos.server.principals import Role
from polos.server.streaming import Invocation, RuntimeApi, main, serve
from polos.testing.aws import AwsHarness
from support.api import gateway_event

ENDED = object()


class Lambda(ThreadingHTTPServer):
    """Lambda's side: hands out events, keeps what is posted as (path, headers, body, trailers)."""

    daemon_threads = True

    def __init__(self, deadline: float) -> None:
        super().__init__(("127.0.0.1", 0), _Side)
        self.events: queue.Queue[Any] = queue.Queue()
        self.told: queue.Queue[tuple[str, dict[str, str], bytes, dict[str, str]]] = queue.Queue()
        self.deadline = deadline
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def runtime(self, clock: VirtualClock) -> RuntimeApi:
        return RuntimeApi(self.address, clock=clock, environ={"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"})


class _Side(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Lambda

    def do_GET(self) -> None:
        event = self.server.events.get()
        if event is ENDED:
            self.send_response(410)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = json.dumps(event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", "r1")
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(self.server.deadline * 1000)))
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        trailers: dict[str, str] = {}
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while line := self.rfile.readline().strip():
                name, _, value = line.decode().partition(": ")
                trailers[name] = value
        else:
            body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.told.put((self.path, dict(self.headers), body, trailers))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def aws_lambda(clock: VirtualClock) -> Iterator[Lambda]:
    with Lambda(clock.now() + 300) as server:
        yield server
        server.shutdown()


def run(server: Lambda, clock: VirtualClock, handler: Callable[[Any, Any], Any], *events: Any) -> list[Any]:
    """Serve these events; what was posted."""
    for event in (*events, ENDED):
        server.events.put(event)
    with pytest.raises(Exception, match="no next invocation"):
        serve(server.runtime(clock), handler)
    return [server.told.get(timeout=5) for _ in events]


def split(body: bytes) -> tuple[dict[str, Any], bytes]:
    head, _, rest = body.partition(bytes(8))
    return json.loads(head), rest


def answering(answer: Answer) -> Callable[[Any, Invocation], None]:
    return lambda event, invocation: invocation.send(answer)


def test_an_answer_is_its_head_eight_zero_bytes_and_its_body(aws_lambda: Lambda, clock: VirtualClock) -> None:
    answer = Answer(200, {"Content-Type": "text/plain"}, "hi", cookies=("a=1",))
    path, headers, body, trailers = run(aws_lambda, clock, answering(answer), {})[0]
    assert path == "/2018-06-01/runtime/invocation/r1/response"
    assert headers["Lambda-Runtime-Function-Response-Mode"] == "streaming"
    assert headers["Content-Type"] == "application/vnd.awslambda.http-integration-response"
    head = {"statusCode": 200, "headers": {"Content-Type": "text/plain"}, "cookies": ["a=1"]}
    assert split(body) == (head, b"hi")
    assert trailers == {}


def test_bytes_are_sent_as_bytes_and_no_body_as_none(aws_lambda: Lambda, clock: VirtualClock) -> None:
    answers = [Answer(200, {}, base64.b64encode(b"\x00\xff").decode(), base64=True), Answer(204)]
    told = run(aws_lambda, clock, lambda event, invocation: invocation.send(answers[event]), 0, 1)
    assert [split(each[2])[1] for each in told] == [b"\x00\xff", b""]


def test_a_stream_ends_before_lambda_would_cut_it(aws_lambda: Lambda, clock: VirtualClock) -> None:
    def endless() -> Iterator[str]:
        while True:
            clock.advance(15)
            yield "x"

    _, _, body, trailers = run(aws_lambda, clock, answering(Answer(200, stream=endless())), {})[0]
    pieces = len(split(body)[1])
    assert 15 * pieces <= 300 - 15, "the last piece leaves room for one more heartbeat"
    assert 15 * (pieces + 2) > 300 - 15, "and it was used as long as could be"
    assert trailers == {}


def test_a_stream_that_breaks_says_so_behind_what_was_sent(aws_lambda: Lambda, clock: VirtualClock) -> None:
    def breaks() -> Iterator[str]:
        yield "begun"
        raise ValueError("a secret of the inside")

    _, _, body, trailers = run(aws_lambda, clock, answering(Answer(200, stream=breaks())), {})[0]
    assert split(body)[1] == b"begun"
    assert trailers["Lambda-Runtime-Function-Error-Type"] == "Polos.StreamBroken"
    assert b"secret" not in base64.b64decode(trailers["Lambda-Runtime-Function-Error-Body"])


def test_what_the_handler_raises_is_told_and_the_next_request_is_served(
    aws_lambda: Lambda, clock: VirtualClock
) -> None:
    def handler(event: Any, invocation: Invocation) -> None:
        if event == "bad":
            raise ValueError("no")
        invocation.send(Answer(200, {}, "good"))

    first, second = run(aws_lambda, clock, handler, "bad", "good")
    assert first[0] == "/2018-06-01/runtime/invocation/r1/error"
    assert json.loads(first[2]) == {"errorType": "ValueError", "errorMessage": "no"}
    assert split(second[2])[1] == b"good"


def test_an_app_that_cannot_be_loaded_is_an_error_of_the_init(aws_lambda: Lambda) -> None:
    with pytest.raises(Exception, match="POLOS_"):  # the variables of a stack are not set here
        main({"AWS_LAMBDA_RUNTIME_API": aws_lambda.address})
    path, headers, body, _ = aws_lambda.told.get(timeout=5)
    assert path == "/2018-06-01/runtime/init/error"
    assert headers["Lambda-Runtime-Function-Error-Type"].startswith("Runtime.")
    assert "POLOS_" in json.loads(body)["errorMessage"]


def test_events_of_a_topic_stream_through_the_function(aws_lambda: Lambda, polos_aws: AwsHarness) -> None:
    @workflow(id="unused_but_registered")
    async def unused(ctx: WorkflowContext, payload: int) -> int:
        return payload

    account = polos_aws.account
    runtime = AwsRuntime(account.settings, project="test", ports=account.ports(), registry=polos_aws.registry)
    function = ApiFunction(runtime, environ={})
    headers = {"authorization": f"Bearer {function.api.keys.create('test', Role.RUN)[1]}"}
    body = json.dumps({"topic": "news", "events": [{"event_type": "e", "data": n} for n in (1, 2)]})
    publish = gateway_event(
        "POST", "/v1/events", headers={**headers, "content-type": "application/json"}, body=body
    )
    read = gateway_event("GET", "/v1/events/stream", query="topic=news", headers=headers)
    read["headers"]["last-event-id"] = "0"
    aws_lambda.deadline = polos_aws.clock.now() + 60
    told = run(aws_lambda, polos_aws.clock, function.streamer, publish, read)
    assert [split(each[2])[0]["statusCode"] for each in told] == [201, 200]
    head, text = split(told[1][2])
    assert head["headers"]["Content-Type"] == "text/event-stream"
    assert text.startswith(b"retry: ")
    assert b'"data": 1' in text.replace(b'"data":1', b'"data": 1')
    assert b": still here" in text, "it went on for as long as there was time"
