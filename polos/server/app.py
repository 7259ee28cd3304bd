"""The API: one Powertools resolver over the routes, behind the gate.

    event -> size -> gate (who asks) -> rate -> route, role -> validation -> handler -> answer

The same for API Gateway, a function URL and the local server: they differ in the events they make, which look alike,
and in whether an answer may go on without end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from aws_lambda_powertools.event_handler import Response

from polos.errors import Forbidden, TooLarge
from polos.ports import Clock
from polos.runtime.host import Host
from polos.server.assets import Assets
from polos.server.browser import BrowserSessions
from polos.server.desk import Asked, Desk
from polos.server.gate import KEYS_ONLY, Access, Gate
from polos.server.keys import ApiKeys
from polos.server.limits import DEFAULT_RATE, Rate, RateLimiter
from polos.server.principals import Principal
from polos.server.problems import CONTENT_TYPE, UnsupportedMediaType, problem
from polos.server.requests import Request
from polos.server.resolver import Resolver
from polos.server.routes import (
    agents,
    approvals,
    browser,
    control,
    costs,
    definitions,
    events,
    executions,
    meta,
    queues,
    runs,
    schedules,
    steps,
)
from polos.server.routing import Route, Table

MAX_BODY: Final = 5 * 1024 * 1024
"""Bytes of a request: Lambda takes 6 MB, what is around the body included."""

MAX_ANSWER: Final = 5_800_000
"""Bytes of an answer of a Lambda function, what is around the body not counted."""

_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

log = logging.getLogger("polos.server")

Room = Callable[[Desk], Sequence[Route]]
"""Makes the routes of one subject."""

ROOMS: Final[tuple[Room, ...]] = (
    executions.routes,
    steps.routes,
    control.routes,
    runs.routes,
    events.routes,
    schedules.routes,
    queues.routes,
    definitions.routes,
    approvals.routes,
    agents.routes,
    costs.routes,
)


class Context(Protocol):
    """What Lambda tells about an invocation."""

    def get_remaining_time_in_millis(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """A response. `stream`: what follows the body, as long as somebody reads it; `cookies`: as `Set-Cookie` says."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    base64: bool = False
    stream: Iterator[str] | None = None
    cookies: Sequence[str] = ()


class Api:
    """The HTTP API over a host.

    Args:
        new_id: Makes ids of executions from the time in epoch milliseconds.
        access: Who besides the holders of keys may ask.
        rate: How often one caller may ask; None: as often as it likes.
        rooms: The subjects it has routes for.
        assets: The dashboard's files; None: it is not served.
        public_url: Where people reach this API, for links in mails.
        clock: The time by which requests wait; else the store's.
    """

    def __init__(
        self,
        host: Host,
        *,
        new_id: Callable[[int], str],
        access: Access = KEYS_ONLY,
        rate: Rate | None = DEFAULT_RATE,
        rooms: Sequence[Room] = ROOMS,
        public_url: str | None = None,
        clock: Clock | None = None,
        assets: Assets | None = None,
    ) -> None:
        records = host.ports.records
        self.desk = Desk(host, new_id=new_id, clock=clock, public_url=public_url)
        self.keys = ApiKeys(records, self.desk.clock, self.desk.stored)
        sessions = BrowserSessions(
            records, self.desk.clock, self.keys, self.desk.signer, public_url=public_url
        )
        self._assets = assets
        self._gate = Gate(self.keys, access, sessions)
        self._limiter = RateLimiter(records, self.desk.clock, rate) if rate is not None else None
        self._resolver = Resolver(self._on_error)
        routes = [route for room in rooms for route in room(self.desk)]
        routes += browser.routes(self.desk, sessions)
        self.table = Table([*routes, *meta.routes(self.desk, self._resolver)])
        for route in self.table.routes:
            self._resolver.add(route, security=meta.SECURITY)
        self._resolver.settle()

    def handle(self, event: Mapping[str, Any], context: Context) -> dict[str, Any]:
        """A Lambda handler: API Gateway HTTP API (payload 2.0) and function URLs."""
        answer = self.answer(event, context.get_remaining_time_in_millis() / 1000)
        size = len(answer.body.encode())
        if size > MAX_ANSWER:
            error = TooLarge(
                f"the answer would take {size} bytes, and {MAX_ANSWER} can be sent; ask for less"
            )
            answer = self._problem(error, Request(dict(event)))
        return {
            "statusCode": answer.status,
            "headers": dict(answer.headers),
            "body": answer.body,
            "isBase64Encoded": answer.base64,
            "cookies": list(answer.cookies),
        }

    def answer(
        self, event: Mapping[str, Any], seconds: float = float("inf"), *, can_stream: bool = False
    ) -> Answer:
        """The answer to a request that must be answered within `seconds`. Never raises an `Exception`.

        `can_stream`: the caller reads `Answer.stream` to its end; without, there is none.
        """
        request = Request(dict(event))
        asked = Asked(request, self.desk.clock.monotonic() + seconds, self._gate.admit, can_stream)
        try:
            return self._answer(asked)
        except Exception as error:
            return self._problem(error, request)

    def _answer(self, asked: Asked) -> Answer:
        request = asked.request
        if request.size > MAX_BODY:
            raise TooLarge(f"the body has {request.size} bytes; {MAX_BODY} are taken")
        route = self.table.find(request.http_method, request.path)
        if route is None and (file := self._file(request)) is not None:
            return file
        if route is None or route.role is not None:
            asked.principal = self._admit(request)
        if route is None:
            raise self.table.missing(request.http_method, request.path)
        _check_role(asked.principal, route)
        _check_type(request, route)
        with self.desk.serving(asked):
            made = self._resolver.resolve(request, None)
        log.info("%s %s by %s", route.name, made["statusCode"], asked.principal and asked.principal.who)
        return Answer(
            status=made["statusCode"],
            headers={**_HEADERS, **made["headers"]},
            body=made["body"] or "",
            base64=made["isBase64Encoded"],
            stream=asked.stream,
            cookies=made.get("cookies") or (),
        )

    def _file(self, request: Request) -> Answer | None:
        """A file of the dashboard: the same for everybody, and nobody's data."""
        if self._assets is None or request.http_method not in ("GET", "HEAD"):
            return None
        served = self._assets.serve(request.path, request.header("if-none-match"))
        return None if served is None else Answer(served.status, served.headers, served.body, served.base64)

    def _admit(self, request: Request) -> Principal:
        principal = self._gate.admit(request)
        if self._limiter is not None and principal.how != "local":
            self._limiter.take(principal.who)
        return principal

    def _on_error(self, error: Exception) -> Response[Any]:
        told = problem(error, request_id=self._resolver.current_event.id)
        return Response(
            status_code=told.status, content_type=CONTENT_TYPE, body=told.text(), headers=dict(told.headers)
        )

    def _problem(self, error: Exception, request: Request) -> Answer:
        told = problem(error, request_id=request.id)
        headers = {**_HEADERS, "Content-Type": CONTENT_TYPE, **told.headers}
        return Answer(told.status, headers, told.text())


def _check_role(principal: Principal | None, route: Route) -> None:
    if route.role is None or (principal is not None and principal.role.allows(route.role)):
        return
    held = principal.role if principal is not None else "none"
    raise Forbidden(f"{route.name} needs the role {route.role!s}, and this key has {held!s}")


def _check_type(request: Request, route: Route) -> None:
    """A body must say what it is. Browsers send one of another site's making only as a form or as plain text."""
    if request.body and request.content_type != route.takes:
        raise UnsupportedMediaType(
            f"the body must come with Content-Type: {route.takes}, not {request.content_type or 'none'!r}"
        )
