"""A provider on a loopback port: speaks the wire formats, follows a script, and keeps a log of every request.

    with WireServer([turn(calls=[call("add", a=1, b=2)]), "3"]) as server:
        os.environ.update(server.env())  # every provider's address and a key; workers inherit them
        ...
    assert [r.outcome for r in server.requests] == ["complete", "complete"]

It speaks OpenAI's Responses and Chat Completions, Anthropic's Messages, and Bedrock's Converse, streaming and not, and
rejects what the provider would (a tool call without its result, a schema that is not strict). The log proves which
calls were made, and how often, whatever happened to the process that made them.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, Self

from polos.llm.guard import ALLOW_ENV, Hold, guard
from polos.testing.turns import (
    Failure,
    Order,
    Replies,
    Reply,
    Script,
    Scripted,
    ScriptEnded,
    Turn,
    pairing_problem,
)
from polos.testing.wire.chat import ChatFormat
from polos.testing.wire.converse import ERRORS, ConverseFormat
from polos.testing.wire.format import Said, WireFormat
from polos.testing.wire.messages import MessagesFormat
from polos.testing.wire.responses import ResponsesFormat

Outcome = Literal["answering", "complete", "failed", "broken", "abandoned"]

_FORMATS: Final[tuple[tuple[str, WireFormat], ...]] = (
    ("/responses", ResponsesFormat()),
    ("/chat/completions", ChatFormat()),
    ("/messages", MessagesFormat()),
    ("/converse", ConverseFormat()),
    ("/converse-stream", ConverseFormat()),
)
_OPENAI_LIKE: Final = ("OPENAI", "GEMINI", "GROQ", "FIREWORKS", "TOGETHER", "AZURE_OPENAI", "OLLAMA")


@dataclass(slots=True)
class WireRequest:
    """A request as it arrived. `outcome` tells how it ended.

    `complete`: answered to the last byte; `failed`: with an error, scripted or deserved; `broken`: cut off by the
    script; `abandoned`: the client went away first; `answering`: not over yet. `key` is the key it came with.
    """

    number: int
    format: WireFormat
    path: str
    headers: Mapping[str, str]
    body: dict[str, Any]
    arrived_at: float
    status: int = 0
    outcome: Outcome = "answering"
    reply: Reply | None = field(default=None, repr=False)

    @property
    def api(self) -> str:
        """`responses`, `chat`, `messages` or `converse`."""
        return self.format.name

    @property
    def model(self) -> str:
        """The model that was asked."""
        return self.format.model(self.path, self.body)

    @property
    def position(self) -> int:
        """How many answers of the model the conversation holds already."""
        return sum(role == "assistant" for role, _, _ in self.format.conversation(self.body))

    @property
    def streams(self) -> bool:
        """Whether a stream was asked for."""
        return self.format.streams(self.path, self.body)

    @property
    def key(self) -> str:
        """The key the request came with."""
        bearer = self.headers.get("authorization", "").removeprefix("Bearer ")
        return self.headers.get("x-api-key") or self.headers.get("api-key") or bearer


class WireServer:
    """The server; a context manager. `replies` and `order` as for `FakeModel`, functions get the `WireRequest`.

    `keys`: if given, requests with any other key get a 401. `strict=False`: nothing is rejected.
    """

    def __init__(
        self,
        replies: Replies | Mapping[str, Replies] | Callable[[WireRequest], Scripted],
        *,
        order: Order = "arrival",
        keys: Sequence[str] | None = None,
        strict: bool = True,
    ) -> None:
        self.requests: list[WireRequest] = []
        """Every request, in order of arrival."""
        self._script: Script[WireRequest] = Script(replies, order=order)
        self._keys = keys
        self._strict = strict
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._http: ThreadingHTTPServer | None = None
        self._hold: Hold | None = None

    # --- its life

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1; its address is let through `forbid_real_requests()`."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self._http.daemon_threads = True
        threading.Thread(
            target=self._http.serve_forever, args=(0.05,), name="polos-wire", daemon=True
        ).start()
        self._hold = guard.allow(self.url)
        return self

    def stop(self) -> None:
        """Stop listening; answers that are being held or delayed end at once."""
        self._stopping.set()
        if self._http is not None:
            self._http.shutdown()
            self._http.server_close()
        if self._hold is not None:
            self._hold.release()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    # --- for tests

    @property
    def url(self) -> str:
        """Its address, without a path: what Anthropic's and Bedrock's SDKs want; OpenAI's want `/v1` after it."""
        if self._http is None:
            raise RuntimeError(
                "the WireServer has no address before it is started; use it in a with statement"
            )
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def env(self, key: str = "test-key") -> dict[str, str]:
        """Environment variables that send every provider here, with a key; workers that inherit them come here too."""
        like_openai = {f"{name}_BASE_URL": f"{self.url}/v1" for name in _OPENAI_LIKE}
        keys = {f"{name}_API_KEY": key for name in (*_OPENAI_LIKE, "ANTHROPIC")}
        aws = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}
        return {
            **like_openai,
            **keys,
            **aws,
            "ANTHROPIC_BASE_URL": self.url,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": self.url,
            ALLOW_ENV: self.url,
        }

    def finished(self) -> list[WireRequest]:
        """The requests that were answered to the last byte."""
        return [request for request in self.requests if request.outcome == "complete"]

    def wait_for(self, count: int, *, outcome: Outcome | None = None, timeout: float = 10.0) -> None:
        """Wait until `count` requests have come (with `outcome`: have ended so).

        Raises:
            TimeoutError: they have not within `timeout` seconds.
        """

        def enough() -> bool:
            return sum(outcome in {None, request.outcome} for request in self.requests) >= count

        with self._changed:
            if not self._changed.wait_for(enough, timeout):
                seen = [request.outcome for request in self.requests]
                raise TimeoutError(
                    f"{count} requests ({outcome or 'any'}) did not come in {timeout} s: {seen}"
                )

    # --- for the handler

    def arrive(self, request_of: Callable[[int], WireRequest]) -> WireRequest:
        """Log a request as it comes."""
        with self._changed:
            request = request_of(len(self.requests))
            self.requests.append(request)
            self._changed.notify_all()
        return request

    def end(self, request: WireRequest, outcome: Outcome) -> None:
        """Log how it ended."""
        with self._changed:
            request.outcome = outcome
            self._changed.notify_all()

    def decide(self, request: WireRequest) -> Reply:
        """The scripted reply, or the failure that the request deserves."""
        if self._keys is not None and request.key not in self._keys:
            return Failure(401, f"Incorrect API key provided: {request.key}.")
        if self._strict and (problem := _problem(request)):
            return Failure(400, problem)
        try:
            return self._script.reply(request)
        except ScriptEnded as error:
            return Failure(400, str(error))

    def pause(self, seconds: float, hold: threading.Event | None = None) -> None:
        """Wait as a turn wants it, but no longer than the server lives."""
        if seconds > 0:
            self._stopping.wait(seconds)
        while hold is not None and not hold.wait(0.02) and not self._stopping.is_set():
            pass


def _problem(request: WireRequest) -> str:
    """What the provider would reject; empty if nothing."""
    try:
        pairing = pairing_problem(request.format.conversation(request.body))
        return pairing or request.format.problem(request.body)
    except (KeyError, TypeError, AttributeError) as error:
        return f"Malformed request: {error!r}"


class _Gone(Exception):
    """The client closed the connection."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else a chunk waits for the acknowledgement of the one before

    def __init__(self, owner: WireServer, *args: Any) -> None:
        self.owner = owner
        super().__init__(*args)  # serves the connection

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        path = self.path.split("?")[0]
        form = next((form for end, form in _FORMATS if path.endswith(end)), None)
        if form is None:
            self._json(404, {"error": {"message": f"no provider's format is served at {path}"}}, {})
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = json.loads(raw or b"{}")
        request = self.owner.arrive(
            lambda number: WireRequest(number, form, path, headers, body, arrived_at=time.monotonic())
        )
        request.reply = self.owner.decide(request)
        try:
            self.owner.end(request, self._reply(request, request.reply))
        except (_Gone, ConnectionError):
            self.close_connection = True
            self.owner.end(request, "abandoned")

    def _reply(self, request: WireRequest, reply: Reply) -> Outcome:
        if isinstance(reply, Failure):
            return self._fail(request, reply)
        request.status = 200
        self.owner.pause(reply.first_delay, reply.hold)
        said = Said(reply, request.number, request.model, json.dumps(request.body))
        if request.streams:
            return self._stream(request, reply, said)
        if reply.break_after is not None:
            return self._break()
        self._send(request, request.format.answer(said), {}, "complete")
        return "complete"

    def _fail(self, request: WireRequest, failure: Failure) -> Outcome:
        headers = failure.all_headers()
        if failure.in_stream and request.streams:
            request.status = 200
            opening = next(iter(request.format.chunks(Said(Turn(), request.number, request.model, ""))))
            self._begin(request)
            self._chunk(opening.data)
            self._chunk(request.format.error_chunk(failure))
            self._chunk(b"")
            return "failed"
        request.status = failure.status
        if request.api == "converse":
            headers["x-amzn-errortype"] = failure.code or ERRORS.get(
                failure.status, "InternalServerException"
            )
        self._send(request, request.format.error(failure), headers, "failed")
        return "failed"

    def _stream(self, request: WireRequest, turn: Turn, said: Said) -> Outcome:
        self._begin(request)
        deltas = 0
        chunks = list(request.format.chunks(said))
        for number, chunk in enumerate(chunks, 1):
            if deltas == turn.break_after:
                return self._break()
            if chunk.delta:
                self.owner.pause(turn.chunk_delay if deltas else 0)
                deltas += 1
            if number == len(chunks) and turn.break_after is None:
                self._over(request, "complete")
            self._chunk(chunk.data)
        self._chunk(b"")
        return "complete"

    def _begin(self, request: WireRequest) -> None:
        self.send_response(200)
        self.send_header("content-type", request.format.content_type)
        self.send_header("transfer-encoding", "chunked")
        self._ids(request.number)
        self.end_headers()

    def _ids(self, number: int) -> None:
        for name, value in self._request_ids(number).items():
            self.send_header(name, value)

    def _request_ids(self, number: int) -> dict[str, str]:
        return dict.fromkeys(("x-request-id", "request-id", "x-amzn-requestid"), f"req_{number}")

    def _chunk(self, data: bytes) -> None:
        """One chunk of the body; an empty one ends it."""
        self._look()
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    def _look(self) -> None:
        """Raise if the client has closed the connection: a write to a dead one may well succeed."""
        try:
            if not self.connection.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                raise _Gone
        except BlockingIOError:
            return  # nothing to read, as it should be

    def _break(self) -> Outcome:
        """Close the connection without ending the body."""
        self.close_connection = True
        return "broken"

    def _over(self, request: WireRequest, outcome: Outcome) -> None:
        """Log the outcome before the last bytes leave: the client may look at the log as soon as it has them."""
        self._look()
        self.owner.end(request, outcome)

    def _send(self, request: WireRequest, body: Any, headers: Mapping[str, str], outcome: Outcome) -> None:
        self._look()
        headers = {**self._request_ids(request.number), **headers}
        self._json(request.status, body, headers, at_last=lambda: self._over(request, outcome))

    def _json(
        self,
        status: int,
        body: Any,
        headers: Mapping[str, str],
        *,
        at_last: Callable[[], None] = lambda: None,
    ) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        at_last()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr: the log is `WireServer.requests`."""
