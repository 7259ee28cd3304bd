"""Powertools' resolver for HTTP APIs and function URLs, fit for a server that has many requests at hand at once.

Powertools keeps the request at hand in attributes of a class: right in Lambda, where there is one at a time. The local
server serves each connection on its own thread, and there one caller's request must never be taken for another's. So
that state is kept per thread here, behind the same names.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from polos.server.requests import Request
from polos.server.routing import Route

_SERIALIZER: Final = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))


class Resolver(APIGatewayHttpResolver):
    """Validates requests and responses by their annotations, and documents them as OpenAPI.

    `on_error(error)` makes the response to an exception.
    """

    def __init__(self, on_error: Callable[[Exception], Any]) -> None:
        self._state = threading.local()
        super().__init__(
            serializer=_SERIALIZER,
            enable_validation=True,
            response_validation_error_http_code=500,
            debug=False,
        )
        self.exception_handler(Exception)(on_error)

    def add(self, route: Route, *, security: list[dict[str, list[str]]]) -> None:
        """Take in a line of the table."""
        text = (route.handler.__doc__ or "").strip()
        self.route(
            route.path,
            route.method,
            summary=text.partition("\n")[0],
            description=text,
            tags=[route.group] if route.group else None,
            include_in_schema=bool(route.group),
            operation_id=route.handler.__name__,
            security=security if route.role is not None else [],
            status_code=route.status,
        )(route.handler)

    def settle(self) -> None:
        """Build what Powertools builds at a route's first request: two threads that build it at once would break it."""
        for route in [*self._static_routes, *self._dynamic_routes]:
            if not route._middleware_stack_built:
                route._build_middleware_stack(router_middlewares=self._router_middlewares, app=self)

    def resolve(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        """The response to a request, as Lambda returns it."""
        self.current_event = event if isinstance(event, Request) else Request(dict(event))
        self.lambda_context = context
        try:
            return self._resolve().build(self.current_event, self._cors)
        finally:
            self.context.clear()

    # --- the state of the request at hand, per thread ---------------------------------------------------------------

    @property  # type: ignore[override]
    def current_event(self) -> Request:
        """The request at hand."""
        request: Request = self._state.event
        return request

    @current_event.setter
    def current_event(self, value: Request) -> None:
        self._state.event = value

    @property
    def lambda_context(self) -> Any:
        """The context object of the invocation at hand."""
        return self._state.lambda_context

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        self._state.lambda_context = value

    @property
    def context(self) -> dict[str, Any]:
        """What Powertools notes about the request at hand."""
        if not hasattr(self._state, "context"):
            self._state.context = {}
        noted: dict[str, Any] = self._state.context
        return noted

    @context.setter
    def context(self, value: dict[str, Any]) -> None:
        self._state.context = value

    @property
    def processed_stack_frames(self) -> list[str]:
        """What Powertools notes for its debug mode."""
        if not hasattr(self._state, "frames"):
            self._state.frames = []
        frames: list[str] = self._state.frames
        return frames

    @processed_stack_frames.setter
    def processed_stack_frames(self, value: list[str]) -> None:
        self._state.frames = value
