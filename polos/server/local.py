"""The API on this machine: a small threaded HTTP server that makes the same events as API Gateway, and can stream.

The standard library's: one connection, one thread. It is meant for loopback addresses and for a trusted proxy in front;
what faces the network is API Gateway. Of the well-kept alternatives, those that stream without end and run handlers in
threads (uvicorn, cheroot) bring more than this is worth; what the standard library leaves open is closed here: a limit
on bodies and connections, timeouts, no request whose length is not certain.
"""

from __future__ import annotations

import base64
import ipaddress
import logging
import os
import socket
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self
from urllib.parse import urlsplit

from polos.entry.embedded import Embedded
from polos.entry.identity import new_execution_id
from polos.errors import InvalidDefinition, PolosError, StoreError, TryAgain
from polos.ports import Clock
from polos.server.app import MAX_BODY, ROOMS, Answer, Api, Room
from polos.server.assets import Assets
from polos.server.gate import Access

DEFAULT_PORT: Final = 8080
LOCAL_MODE_VARIABLE: Final = "POLOS_LOCAL_MODE"
READ_SECONDS: Final = 30.0
"""How long a connection may be silent while a request is expected or read."""
MOST_CONNECTIONS: Final = 256
_BUSY: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: 1\r\n\r\n"
)

log = logging.getLogger("polos.server")


def serve(
    embedded: Embedded,
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    *,
    local_mode: bool | None = None,
    rooms: tuple[Room, ...] = ROOMS,
    public_url: str | None = None,
) -> LocalServer:
    """Serve the API over an embedded runtime, on threads of its own; `close()` ends it.

    `local_mode`: take requests from this machine without a key, as admin of the runtime's project; None: if
    `POLOS_LOCAL_MODE=true`. `port` 0 takes a free one.

    Raises:
        InvalidDefinition: Local mode on an address that other machines reach, or in Lambda.
        StoreError: The address cannot be had: it is in use, or not of this machine.
    """
    local = os.environ.get(LOCAL_MODE_VARIABLE) == "true" if local_mode is None else local_mode
    if local:
        check_local(host, os.environ)
    clock = InterruptibleClock(embedded.host.ports.clock)
    api = Api(
        embedded.host,
        new_id=new_execution_id,
        access=Access(local_project=embedded.service.project if local else None),
        rooms=rooms,
        public_url=public_url,
        clock=clock,
        assets=Assets(),
    )
    return LocalServer(api, clock, host, port).start()


def check_local(host: str, environ: Mapping[str, str]) -> None:
    """Whether requests without a key may be taken on that address. InvalidDefinition if not."""
    if environ.get("AWS_LAMBDA_RUNTIME_API"):
        raise InvalidDefinition(
            f"{LOCAL_MODE_VARIABLE}=true takes requests without a key, and this is a Lambda function, which anybody "
            "may reach. Unset the variable"
        )
    if host != "localhost" and not _is_loopback(host):
        raise InvalidDefinition(
            f"{LOCAL_MODE_VARIABLE}=true takes requests without a key, and other machines reach {host}: serve on "
            "127.0.0.1, or unset it and make API keys"
        )


class InterruptibleClock:
    """A clock whose sleepers are woken when the server closes: what waits for news then gives up, with `TryAgain`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._closing = threading.Event()

    def close(self) -> None:
        """Wake who sleeps, and let nobody sleep any more."""
        self._closing.set()

    @property
    def closing(self) -> bool:
        """Whether it is over."""
        return self._closing.is_set()

    def now(self) -> float:
        """Seconds since the epoch."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds from nowhere."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep, unless the server closes."""
        if self._closing.wait(seconds):
            raise TryAgain("the server is closing; the same request may succeed later")


class LocalServer:
    """An HTTP server over an `Api`.

    Attributes:
        url: Where it is, such as `http://127.0.0.1:8080`.
    """

    def __init__(self, api: Api, clock: InterruptibleClock, host: str, port: int) -> None:
        self.api = api
        self._clock = clock
        address = "127.0.0.1" if host == "localhost" else host
        try:
            self._server = _Server(address, port, api, clock)
        except OSError as error:
            raise StoreError(
                f"cannot serve on {host}:{port}: {error.strerror or error}; choose another port, or stop what uses it"
            ) from error
        self.port: int = self._server.server_address[1]
        shown = f"[{address}]" if ":" in address else host
        self.url = f"http://{shown}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, name="polos-http", daemon=True)

    def start(self) -> Self:
        """Begin to take connections."""
        self._thread.start()
        log.info("serving on %s", self.url)
        return self

    def close(self) -> None:
        """Take no more connections, end streams and waits, and let running requests finish for a moment."""
        self._clock.close()
        self._server.shutdown()
        self._server.server_close()
        self._server.drain(2.0)
        self._thread.join(2.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self, host: str, port: int, api: Api, clock: InterruptibleClock) -> None:
        self.api = api
        self.clock = clock
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        self._working = 0
        self._changed = threading.Condition()
        self._connections: set[Any] = set()
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        if self._free.acquire(blocking=False):
            super().process_request(request, client_address)
            return
        try:
            request.sendall(_BUSY)
        finally:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._connections.discard(request)
            self._free.release()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """While a request is answered."""
        with self._changed:
            self._working += 1
        try:
            yield
        finally:
            with self._changed:
                self._working -= 1
                self._changed.notify_all()

    def drain(self, seconds: float) -> None:
        """Wait until no request is at work, but not for long; then hang up on who is still connected."""
        with self._changed:
            self._changed.wait_for(lambda: self._working == 0, seconds)
        for connection in list(self._connections):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a connection broke off", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = READ_SECONDS
    wbufsize = 65_536
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        """Every method is the API's business."""
        with self.server.at_work():
            self._serve()
            self.wfile.flush()

    def _serve(self) -> None:
        self.close_connection = self.close_connection or self.server.clock.closing
        refusal = self._refusal()
        if refusal is not None:
            self.close_connection = True
            self._send(Answer(refusal[0], {"Content-Type": "text/plain"}, refusal[1]))
            return
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        if len(body) < length:  # whoever sent it has hung up in the middle
            self.close_connection = True
            return
        answer = self.server.api.answer(self._event(body), can_stream=True)
        if answer.stream is None:
            self._send(answer)
        else:
            self._stream(answer, answer.stream)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = do_GET  # noqa: N815 - the names that are called

    def _refusal(self) -> tuple[int, str] | None:
        """Why the request is not even read, if so: then the connection is of no further use."""
        lengths = self.headers.get_all("content-length") or []
        if "transfer-encoding" in self.headers:
            return 411, "a body needs a Content-Length"
        if len(lengths) > 1 or not all(length.isascii() and length.isdigit() for length in lengths):
            return 400, "the Content-Length is not understood"
        if lengths and int(lengths[0]) > MAX_BODY:
            return 413, f"the body has {lengths[0]} bytes; {MAX_BODY} are taken"
        if len(self.headers.get_all("host") or []) != 1:
            return 400, "a request names one Host"
        return None

    def _event(self, body: bytes) -> dict[str, Any]:
        """The request as API Gateway would hand it over (HTTP API, payload 2.0)."""
        parts = urlsplit(f"//host{self.path}" if self.path.startswith("/") else self.path)
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            lower = name.lower()
            headers[lower] = f"{headers[lower]},{value}" if lower in headers else value
        headers.setdefault("x-forwarded-proto", "http")
        event: dict[str, Any] = {
            "version": "2.0",
            "rawPath": parts.path,
            "rawQueryString": parts.query,
            "headers": headers,
            "requestContext": {
                "http": {"method": self.command, "path": parts.path, "sourceIp": self.client_address[0]},
                "stage": "$default",
                "requestId": uuid.uuid4().hex,
            },
            "isBase64Encoded": False,
        }
        if body:
            event |= {"body": base64.b64encode(body).decode(), "isBase64Encoded": True}
        return event

    def _send(self, answer: Answer) -> None:
        body = base64.b64decode(answer.body) if answer.base64 else answer.body.encode()
        bodiless = answer.status in (204, 304)
        self._head(answer, {} if bodiless else {"Content-Length": str(len(body))})
        if self.command != "HEAD" and not bodiless:
            self.wfile.write(body)

    def _stream(self, answer: Answer, stream: Iterator[str]) -> None:
        chunked = self.request_version == "HTTP/1.1"
        self.close_connection = True
        self._head(answer, {"Transfer-Encoding": "chunked"} if chunked else {})
        try:
            for part in stream:
                raw = part.encode()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(raw), raw) if chunked else raw)
                self.wfile.flush()
            if chunked:
                self.wfile.write(b"0\r\n\r\n")
        except PolosError as error:
            log.info("a stream ended: %s", error)

    def _head(self, answer: Answer, further: Mapping[str, str]) -> None:
        self.send_response(answer.status)
        for name, value in {**answer.headers, **further}.items():
            self.send_header(name, value)
        for cookie in answer.cookies:
            self.send_header("Set-Cookie", cookie)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()

    def version_string(self) -> str:
        return "polos"

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
