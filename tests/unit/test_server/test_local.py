"""The API on this machine, over a real socket: many requests at once, streams, and what is no proper HTTP."""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from polos import WorkflowContext, workflow
from polos.core.definitions import registry
from polos.entry.embedded import Embedded
from polos.errors import InvalidDefinition, StoreError
from polos.server.app import MAX_BODY
from polos.server.local import LocalServer, check_local, serve
from polos.server.principals import Role

PATIENCE = 20.0


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    @workflow(id="local_asks")
    async def local_asks(ctx: WorkflowContext, payload: dict) -> str:
        return str((await ctx.step.suspend("q"))["data"])

    runtime = Embedded(tmp_path_factory.mktemp("store") / "polos.db", project="test", threads=4)
    yield runtime
    runtime.close()
    registry.remove("local_asks")


@pytest.fixture
def server(embedded: Embedded) -> Iterator[LocalServer]:
    with serve(embedded, port=0, local_mode=True) as running:
        yield running


@pytest.fixture
def http(server: LocalServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
        yield client


def raw(server: LocalServer, request: bytes) -> bytes:
    """What comes back for these very bytes, until the server hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        found = b""
        while part := connection.recv(65536):
            found += part
        return found


# --- requests --------------------------------------------------------------------------------------------------------


def test_requests_are_answered_on_one_connection(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "ok"}
    assert http.get("/v1/me").json() == {"project": "test", "role": "admin", "how": "local"}
    assert http.get("/v1/executions/nope").json()["code"] == "not_found"


def test_callers_that_ask_at_once_are_never_taken_for_each_other(
    embedded: Embedded, server: LocalServer
) -> None:
    keys = {f"p{i}": server.api.keys.create(f"p{i}", Role.RUN)[1] for i in range(8)}

    def ask(project: str) -> set[str]:
        seen = set()
        headers = {"authorization": f"Bearer {keys[project]}"}
        with httpx.Client(base_url=server.url, headers=headers, timeout=PATIENCE) as client:
            for number in range(15):
                seen.add(client.get("/v1/me").json()["project"])
                body = {"topic": "t", "events": [{"data": f"{project}-{number}"}]}
                client.post("/v1/events", json=body).raise_for_status()
            events = client.get("/v1/events", params={"topic": "t"}).json()["events"]
            seen |= {one["data"].partition("-")[0] for one in events}
        return seen

    with ThreadPoolExecutor(8) as threads:
        found = dict(zip(keys, threads.map(ask, keys), strict=True))
    assert found == {project: {project} for project in keys}


def test_a_long_wait_keeps_nobody_else_waiting(http: httpx.Client, server: LocalServer) -> None:
    execution = http.post("/v1/executions", json={"workflow_id": "local_asks", "payload": {}}).json()["id"]
    waiting = threading.Event()
    told: list[str] = []

    def wait() -> None:
        waiting.set()
        with httpx.Client(base_url=server.url, timeout=PATIENCE) as client:
            told.append(client.get(f"/v1/executions/{execution}/wait").json()["result"])

    thread = threading.Thread(target=wait)
    thread.start()
    waiting.wait(PATIENCE)
    http.post(f"/v1/executions/{execution}/resume", json={"step_key": "q", "data": "go"}).raise_for_status()
    thread.join(PATIENCE)
    assert told == ["go"]


def test_a_key_decides_also_in_local_mode(http: httpx.Client, server: LocalServer) -> None:
    key = server.api.keys.create("other", Role.READ)[1]
    headers = {"authorization": f"Bearer {key}"}
    assert http.get("/v1/me", headers=headers).json()["project"] == "other"
    assert http.post("/v1/executions", json={}, headers=headers).status_code == 403
    wrong = f"{key[:-1]}{'a' if key[-1] != 'a' else 'b'}"
    assert http.get("/v1/me", headers={"authorization": f"Bearer {wrong}"}).status_code == 401


def test_without_local_mode_a_key_is_needed(embedded: Embedded) -> None:
    with serve(embedded, port=0, local_mode=False) as server:
        assert httpx.get(f"{server.url}/v1/me").status_code == 401
        assert httpx.get(f"{server.url}/health").status_code == 200


def test_a_browsers_page_of_another_origin_is_refused(http: httpx.Client) -> None:
    body = {"topic": "forged", "events": [{"data": 1}]}
    assert http.post("/v1/events", json=body, headers={"origin": "http://evil.example"}).status_code == 403
    assert http.get("/v1/me", headers={"host": "evil.example"}).status_code == 403
    assert http.get("/v1/events", params={"topic": "forged"}).json()["events"] == []


def test_a_browser_signs_in_where_a_key_is_needed(embedded: Embedded) -> None:
    with serve(embedded, port=0, local_mode=False) as server, httpx.Client(base_url=server.url) as browser:
        assert browser.get("/").headers["content-type"].startswith("text/html")
        key = server.api.keys.create("test", Role.RUN)[1]
        ours = {"origin": server.url, "sec-fetch-site": "same-origin"}
        told = browser.post("/v1/browser/session", json={"api_key": key}, headers=ours)
        cookie = told.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert "Secure" not in cookie  # it would be kept by no browser here
        body = {"topic": "seated", "events": [{"data": 1}]}
        assert browser.post("/v1/events", json=body, headers=ours).status_code == 403
        word = {**ours, "polos-csrf": told.json()["csrf"]}
        assert browser.post("/v1/events", json=body, headers=word).status_code == 201
        elsewhere = {**word, "origin": server.url.replace("127.0.0.1", "evil.example")}
        assert browser.post("/v1/events", json=body, headers=elsewhere).status_code == 403


def test_a_page_of_another_origin_gets_nothing_done_whatever_it_says_it_sends(http: httpx.Client) -> None:
    text = json.dumps({"topic": "simple", "events": [{"data": 1}]})
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        # What browsers send to anywhere without asking first; the second as old ones do, which say no origin.
        for headers in ({"origin": "http://evil.example"}, {}):
            sent = {**headers, "content-type": kind} if kind else headers
            assert http.post("/v1/events", content=text, headers=sent).status_code in (403, 415)
    assert http.get("/v1/events", params={"topic": "simple"}).json()["events"] == []


def test_a_name_that_was_made_to_lead_here_reads_and_signs_in_nothing(http: httpx.Client) -> None:
    for host in (
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "localhost:80@evil.example",
    ):
        for path in ("/v1/executions", "/v1/browser/session", "/v1/definitions"):
            assert http.get(path, headers={"host": host}).status_code in (400, 403)


def test_a_page_that_has_not_changed_is_not_sent_again(http: httpx.Client) -> None:
    tag = http.get("/").headers["etag"]
    again = http.get("/", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert http.get("/health").status_code == 200  # on the same connection


def test_a_forwarded_identity_is_not_believed(embedded: Embedded) -> None:
    with serve(embedded, port=0, local_mode=False) as server:
        headers = {"x-amzn-request-context": json.dumps({"authorizer": {"iam": {"userArn": "arn:x"}}})}
        assert httpx.get(f"{server.url}/v1/me", headers=headers).status_code == 401


# --- streams ---------------------------------------------------------------------------------------------------------


def test_a_stream_brings_events_while_it_stays_open(http: httpx.Client, server: LocalServer) -> None:
    def publish(data: str) -> None:
        http.post("/v1/events", json={"topic": "live", "events": [{"data": data}]}).raise_for_status()

    publish("a")
    with (
        httpx.Client(base_url=server.url, timeout=PATIENCE) as client,
        client.stream("GET", "/v1/events/stream", params={"topic": "live"}) as stream,
    ):
        assert stream.headers["content-type"] == "text/event-stream"
        lines = (line for line in stream.iter_lines() if line.startswith("data:"))
        assert json.loads(next(lines)[5:])["data"] == "a"
        publish("b")
        assert json.loads(next(lines)[5:])["data"] == "b"


def test_a_reader_that_goes_away_leaves_the_server_well(http: httpx.Client, server: LocalServer) -> None:
    for _ in range(3):
        with (
            httpx.Client(base_url=server.url) as client,
            client.stream("GET", "/v1/events/stream?topic=gone") as stream,
        ):
            next(stream.iter_lines())
    assert http.get("/health").status_code == 200


def test_closing_ends_streams_and_waits(embedded: Embedded) -> None:
    server = serve(embedded, port=0, local_mode=True)
    opened = threading.Barrier(3)
    ended: list[int] = []

    def stream() -> None:
        with (
            httpx.Client(timeout=PATIENCE) as client,
            client.stream("GET", f"{server.url}/v1/events/stream?topic=x") as told,
        ):
            lines = told.iter_lines()
            next(lines)
            opened.wait()
            try:
                ended.append(sum(1 for _ in lines) * 0)
            except httpx.TransportError:
                ended.append(0)

    def wait() -> None:
        with httpx.Client(timeout=PATIENCE) as client:
            client.get(f"{server.url}/health")
            opened.wait()
            try:
                ended.append(client.get(f"{server.url}/v1/events?topic=x&wait=20").status_code)
            except httpx.TransportError:
                ended.append(503)

    threads = [threading.Thread(target=one) for one in (stream, wait)]
    for thread in threads:
        thread.start()
    opened.wait()
    server.close()
    for thread in threads:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in threads)
    assert sorted(ended) == [0, 503]


# --- what is no proper HTTP ------------------------------------------------------------------------------------------

HEAD = b"POST /v1/events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 411),
        (HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: -2\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: +2\r\n\r\n{}", 400),
        (HEAD + b"Content-Length: two\r\n\r\n{}", 400),
        (HEAD + f"Content-Length: {MAX_BODY + 1}\r\n\r\n".encode(), 413),
        (HEAD + b"Content-Length: 2\r\nTransfer-Encoding: identity\r\n\r\n{}", 411),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: 1\r\n" * 200 + b"\r\n", 431),
        (b"GET /health HTTP/9.9\r\nHost: localhost\r\n\r\n", 505),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
        (b"BREW /health HTTP/1.1\r\nHost: localhost\r\n\r\n", 501),
    ],
)  # fmt: skip
def test_a_request_whose_end_is_not_certain_is_refused(
    server: LocalServer, request_: bytes, status: int
) -> None:
    told = raw(server, request_)
    first = told.split(b"\r\n", 1)[0]
    assert str(status).encode() in first, told[:300]
    assert told.count(b"HTTP/1.") <= 1, "one answer, and nothing of what stands behind the refused request"


def test_a_request_behind_a_refused_one_is_not_read(server: LocalServer) -> None:
    smuggled = b"GET /v1/me HTTP/1.1\r\nHost: localhost\r\n\r\n"
    told = raw(server, HEAD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled)
    assert b'"project"' not in told


def test_a_body_that_breaks_off_does_nothing(server: LocalServer, http: httpx.Client) -> None:
    body = b'{"topic": "half", "events": [{"data": 1}]}'
    raw(server, HEAD + f"Content-Length: {len(body) + 10}\r\n\r\n".encode() + body)
    assert http.get("/v1/events", params={"topic": "half"}).json()["events"] == []


def test_an_absolute_address_in_the_request_line_is_understood(server: LocalServer) -> None:
    told = raw(server, b"GET http://localhost/health HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert told.startswith(b"HTTP/1.1 200")


def test_headers_do_not_say_what_runs_here(http: httpx.Client) -> None:
    assert http.get("/health").headers["server"] == "polos"


# --- where it serves -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.8.9.1"])
def test_local_mode_serves_a_loopback_address(host: str) -> None:
    check_local(host, {})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "example.com", ""])
def test_local_mode_serves_no_other(host: str) -> None:
    with pytest.raises(InvalidDefinition, match=r"127\.0\.0\.1"):
        check_local(host, {})


def test_local_mode_is_refused_in_lambda() -> None:
    with pytest.raises(InvalidDefinition, match="Lambda"):
        check_local("127.0.0.1", {"AWS_LAMBDA_RUNTIME_API": "127.0.0.1:9001"})


def test_local_mode_comes_from_the_environment(embedded: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLOS_LOCAL_MODE", "true")
    with pytest.raises(InvalidDefinition):
        serve(embedded, "0.0.0.0", 0)
    with serve(embedded, port=0) as server:
        assert httpx.get(f"{server.url}/v1/me").json()["how"] == "local"
    monkeypatch.setenv("POLOS_LOCAL_MODE", "false")
    with serve(embedded, port=0) as server:
        assert httpx.get(f"{server.url}/v1/me").status_code == 401


def test_a_port_in_use_is_said_so(embedded: Embedded, server: LocalServer) -> None:
    with pytest.raises(StoreError, match=f"{server.port}.*another port"):
        serve(embedded, port=server.port, local_mode=True)


def test_it_serves_ipv6(embedded: Embedded) -> None:
    try:
        server = serve(embedded, "::1", 0, local_mode=True)
    except StoreError:
        pytest.skip("this machine has no IPv6 loopback")
    with server:
        assert httpx.get(f"{server.url}/v1/me").json()["how"] == "local"


def test_nothing_of_a_request_is_logged_above_debug_but_its_route(
    http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        http.post("/v1/events", json={"topic": "private", "events": [{"data": "password"}]})
        http.get("/v1/events", params={"topic": "private"}, headers={"authorization": "Bearer polos_sesame"})
    assert "POST /v1/events 201" in caplog.text
    assert "password" not in caplog.text
    assert "sesame" not in caplog.text
    ours = [record for record in caplog.records if record.name.startswith("polos")]
    assert not any("private" in record.getMessage() for record in ours)
