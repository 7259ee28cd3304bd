"""Asking an API in a test: as API Gateway would, without a network; and an httpx transport that does so."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx

from polos.entry.identity import new_execution_id
from polos.server.app import Api
from polos.server.principals import Role
from polos.testing.event_source import LambdaContext
from polos.testing.harness import Harness

HOST = "api.example.com"
OUTSIDE = "203.0.113.9"


def gateway_event(
    method: str,
    path: str,
    *,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: str | bytes | None = None,
    ip: str = OUTSIDE,
    authorizer: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The event of a request to an HTTP API, payload format 2.0.

    Source: https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
    """
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": HOST, "x-forwarded-proto": "https", **(headers or {})},
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "abc",
            "domainName": HOST,
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": ip,
                "userAgent": "test",
            },
            "requestId": "request-1",
            "routeKey": "$default",
            "stage": "$default",
            "time": "18/Nov/2026:13:46:40 +0000",
            "timeEpoch": 1795009600000,
        },
        "isBase64Encoded": isinstance(body, bytes),
    }
    if authorizer is not None:
        event["requestContext"]["authorizer"] = dict(authorizer)
    if body is not None:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event


@dataclass(frozen=True)
class Told:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    text: str
    cookies: Sequence[str] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of a problem."""
        assert self.headers["Content-Type"] == "application/problem+json", self.text
        return str(self.json["code"])


@dataclass
class Asker:
    """Asks an API with one key. `ask("POST", "/v1/executions", {...})`."""

    api: Api
    key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    seconds: float = 28.0

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | str = "",
        headers: Mapping[str, str] | None = None,
    ) -> Told:
        sent = {**self.headers, **(headers or {})}
        if self.key is not None:
            sent.setdefault("authorization", f"Bearer {self.key}")
        if body is not None and not isinstance(body, str | bytes):
            body = json.dumps(body)
        if body is not None:
            sent.setdefault("content-type", "application/json")
        text = query if isinstance(query, str) else urlencode(query, doseq=True)
        event = gateway_event(method, path, query=text, headers=sent, body=body, **self.options)
        answer = self.api.answer(event, self.seconds)
        assert answer.stream is None
        return Told(answer.status, answer.headers, answer.body, tuple(answer.cookies))


class World:
    """A harness with an API over it, and keys of its projects."""

    def __init__(self, harness: Harness, **options: Any) -> None:
        self.harness = harness
        self.api = Api(harness.service.host, new_id=new_execution_id, **options)

    def asker(self, project: str = "test", role: Role = Role.ADMIN) -> Asker:
        return Asker(self.api, self.api.keys.create(project, role)[1])

    def outsider(self, **headers: str) -> Asker:
        """Somebody without a key."""
        return Asker(self.api, headers=headers)


class LambdaTransport(httpx.AsyncBaseTransport):
    """Hands requests to a Lambda handler, and lets the harness work after each; `before(request)` may raise instead."""

    def __init__(
        self,
        handler: Callable[[Any, Any], Any],
        harness: Harness,
        before: Callable[[httpx.Request], None] = lambda request: None,
    ) -> None:
        self._handler = handler
        self._harness = harness
        self._before = before

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._before(request)
        return await asyncio.to_thread(self._handled, request, await request.aread())

    def _handled(self, request: httpx.Request, body: bytes) -> httpx.Response:
        event = gateway_event(
            request.method,
            request.url.raw_path.partition(b"?")[0].decode(),
            query=request.url.query.decode(),
            headers=dict(request.headers),
            body=body or None,
        )
        self._harness.pump()
        clock = self._harness.clock
        told = self._handler(event, LambdaContext(clock, clock.now() + 29, "polos-api", "request-1"))
        self._harness.pump()
        content = told["body"].encode()
        if told["isBase64Encoded"]:
            content = base64.b64decode(content)
        return httpx.Response(told["statusCode"], headers=told["headers"], content=content)


def rows(file: Path) -> dict[str, list[str]]:
    """Everything that a store's file holds, table by table, as text."""
    with sqlite3.connect(file) as connection:
        tables = [
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            table: sorted(repr(row) for row in connection.execute(f'SELECT * FROM "{table}"'))
            for table in tables
        }


def about(project: str, file: Path) -> dict[str, list[str]]:
    """What it holds about a project, in names or in messages."""
    return {
        table: [row for row in found if f"{project}|" in row or f'"project":"{project}"' in row]
        for table, found in rows(file).items()
    }
