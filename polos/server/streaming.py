"""The API as a Lambda function whose answers stream: a runtime in place of Lambda's own for Python, which cannot.

    GET  .../invocation/next             the event of a request, its id and its deadline
    POST .../invocation/<id>/response    status and headers as JSON, eight zero bytes, and the body while it is made
    POST .../invocation/<id>/error       what broke before there was an answer

It is for function URLs with `InvokeMode: RESPONSE_STREAM` (`polos deploy --parameter ApiStreaming=true`). Lambda starts
`handlers/stream`, since `AWS_LAMBDA_EXEC_WRAPPER` names it, and that starts this module. A stream ends by itself before
Lambda would cut it: whoever reads it goes on with `Last-Event-ID`.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html#runtime-wrapper
"""

from __future__ import annotations

import base64
import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Final

from polos.adapters.clock import SystemClock
from polos.ports import Clock
from polos.server.app import Answer
from polos.server.streams import HEARTBEAT

API_VARIABLE: Final = "AWS_LAMBDA_RUNTIME_API"
SPARE_SECONDS: Final = HEARTBEAT + 5.0
"""Before its deadline a stream ends: it is looked at once a heartbeat, and the end has to be sent."""
_ROOT: Final = "/2018-06-01/runtime"
_INTEGRATION: Final = "application/vnd.awslambda.http-integration-response"
_ERROR_TYPE: Final = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY: Final = "Lambda-Runtime-Function-Error-Body"

log = logging.getLogger("polos.server")


@dataclass(slots=True)
class Invocation:
    """A request that Lambda hands over; also the context of a handler, as Powertools and `Api` ask for it.

    `deadline` is in epoch seconds; `respond` takes the request's id and its answer.
    """

    aws_request_id: str
    deadline: float
    invoked_function_arn: str
    event: Mapping[str, Any]
    clock: Clock
    environ: Mapping[str, str]
    respond: Callable[[str, Answer], None]
    function_name: str = field(init=False)
    function_version: str = field(init=False)
    memory_limit_in_mb: int = field(init=False)
    log_group_name: str = field(init=False)
    log_stream_name: str = field(init=False)

    def __post_init__(self) -> None:
        self.function_name = self.environ.get("AWS_LAMBDA_FUNCTION_NAME", "")
        self.function_version = self.environ.get("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
        self.memory_limit_in_mb = int(self.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") or 0)
        self.log_group_name = self.environ.get("AWS_LAMBDA_LOG_GROUP_NAME", "")
        self.log_stream_name = self.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""
        return max(0, int((self.deadline - self.clock.now()) * 1000))

    def send(self, answer: Answer) -> None:
        """Send the answer, once; a stream as long as there is time."""
        timely = answer if answer.stream is None else replace(answer, stream=self._in_time(answer.stream))
        self.respond(self.aws_request_id, timely)

    def _in_time(self, stream: Iterator[str]) -> Iterator[str]:
        for piece in stream:
            yield piece
            if self.get_remaining_time_in_millis() < SPARE_SECONDS * 1000:
                return


class RuntimeApi:
    """Lambda's side of a runtime, at `address` (host and port), over one connection."""

    def __init__(self, address: str, *, clock: Clock, environ: Mapping[str, str]) -> None:
        self._address = address
        self._clock = clock
        self._environ = environ
        self._connection = HTTPConnection(address)

    def next(self) -> Invocation:
        """Wait for a request; it may take minutes, in which this process is frozen."""
        self._connection.request("GET", f"{_ROOT}/invocation/next")
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise HTTPException(f"Lambda has no next invocation: {answer.status} {body[:200]!r}")
        headers = answer.headers
        if trace := headers.get("Lambda-Runtime-Trace-Id"):
            os.environ["_X_AMZN_TRACE_ID"] = trace  # where X-Ray's SDK looks for it
        return Invocation(
            aws_request_id=headers["Lambda-Runtime-Aws-Request-Id"],
            deadline=int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000,
            invoked_function_arn=headers.get("Lambda-Runtime-Invoked-Function-Arn", ""),
            event=json.loads(body),
            clock=self._clock,
            environ=self._environ,
            respond=self._send,
        )

    def failed(self, path: str, error: BaseException) -> None:
        """Tell that there will be no answer, or no runtime at all: `path` is `invocation/<id>` or `init`."""
        body = json.dumps({"errorType": type(error).__name__, "errorMessage": str(error)})
        kind = f"Runtime.{type(error).__name__}"
        self._connection.close()  # what was begun on it has no end
        self._connection.request(
            "POST", f"{_ROOT}/{path}/error", body, {"Lambda-Runtime-Function-Error-Type": kind}
        )
        _read(self._connection.getresponse())

    def _send(self, request: str, answer: Answer) -> None:
        connection = self._connection
        connection.putrequest("POST", f"{_ROOT}/invocation/{request}/response")
        connection.putheader("Content-Type", _INTEGRATION)
        connection.putheader("Lambda-Runtime-Function-Response-Mode", "streaming")
        connection.putheader("Transfer-Encoding", "chunked")
        connection.putheader("Trailer", f"{_ERROR_TYPE}, {_ERROR_BODY}")
        connection.endheaders()
        trailers = ""
        try:
            for part in _parts(answer):
                connection.send(b"%x\r\n%s\r\n" % (len(part), part))
        except OSError:
            raise
        except Exception as error:  # the head is out: what is left is to say that the body is not whole
            log.exception("a stream broke")
            told = json.dumps({"errorType": type(error).__name__, "errorMessage": "the stream broke"})
            trailers = f"{_ERROR_TYPE}: Polos.StreamBroken\r\n{_ERROR_BODY}: {_b64(told)}\r\n"
        connection.send(f"0\r\n{trailers}\r\n".encode())
        _read(connection.getresponse())


def _b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _read(answer: HTTPResponse) -> None:
    body = answer.read()
    if answer.status >= 300:
        log.warning("Lambda did not take it: %s %r", answer.status, body[:200])


def _parts(answer: Answer) -> Iterator[bytes]:
    """The answer as Lambda's HTTP integration reads it: the head, zero bytes, the body in the pieces it comes in."""
    head = {"statusCode": answer.status, "headers": dict(answer.headers), "cookies": list(answer.cookies)}
    yield json.dumps(head).encode() + bytes(8)
    body = base64.b64decode(answer.body) if answer.base64 else answer.body.encode()
    if body:
        yield body
    for piece in answer.stream or ():
        if piece:
            yield piece.encode()


def serve(api: RuntimeApi, handler: Callable[[Any, Any], Any]) -> None:
    """Hand request after request to `handler(event, invocation)`, which sends the answer. Returns never."""
    while True:
        invocation = api.next()
        try:
            handler(invocation.event, invocation)
        except OSError:  # Lambda hung up: whoever asked has gone, or the time was over
            log.info("an answer was not read to its end", exc_info=True)
            api.failed(f"invocation/{invocation.aws_request_id}", ConnectionError("the answer broke off"))
        except Exception as error:
            log.exception("a request was not answered")
            api.failed(f"invocation/{invocation.aws_request_id}", error)


def main(environ: Mapping[str, str] = os.environ) -> None:
    """The runtime of this process."""
    api = RuntimeApi(environ[API_VARIABLE], clock=SystemClock(), environ=environ)
    try:
        from polos.server.function import process_api  # noqa: PLC0415 (the user's code: what it raises is told)

        handler = process_api().streamer
    except BaseException as error:
        api.failed("init", error)
        raise
    serve(api, handler)


if __name__ == "__main__":
    main()
