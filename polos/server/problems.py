"""Errors as clients see them: problem details (RFC 9457), one `code` per `PolosError.code`, and nothing internal.

    {"type": "urn:polos:problem:not_found", "title": "Not found", "status": 404, "code": "not_found",
     "detail": "there is no execution ...", "request_id": "..."}

What is the caller's doing is told in the error's own words, with the fields that code can act on. Of everything else
only a request id gets out, by which the log is searched.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)

from polos.errors import InvalidRequest, PolosError, RateLimited, ServerError, TryAgain

CONTENT_TYPE: Final = "application/problem+json"

# code -> status: the errors that are the caller's business. What is not here is ours, and answered with 500.
STATUSES: Final[Mapping[str, int]] = {
    "invalid_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "unknown_workflow": 404,
    "conflict": 409,
    "too_large": 413,
    "invalid_payload": 422,
    "invalid_schedule": 422,
    "not_storable": 422,
    "rate_limited": 429,
    "try_again": 503,
}
_FIELDS: Final = ("workflow_id", "known", "problems", "path", "hint", "retry_after")
_MOST_PROBLEMS: Final = 20

log = logging.getLogger("polos.server")


class MethodNotAllowed(InvalidRequest):
    """A known path, asked with a method that it does not have. `allowed` are those that it has."""

    def __init__(self, method: str, path: str, allowed: tuple[str, ...]) -> None:
        self.allowed = allowed
        super().__init__(f"{path} has no {method}; it has {', '.join(allowed)}")


class UnsupportedMediaType(InvalidRequest):
    """A body that is not of the type the route takes."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error, ready to be sent: its status, the members of the document, and further headers."""

    status: int
    members: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)

    def text(self) -> str:
        """The JSON document."""
        return json.dumps(self.members, ensure_ascii=False)


def problem(error: Exception, *, request_id: str = "") -> Problem:
    """What a client is told of an error. One that is not its business is logged, and told as `server_error`."""
    told = _translated(error)
    status = _status(told)
    if status is None:
        log.error("request %s failed: %s", request_id, error, exc_info=error)
        told = ServerError(
            "the server failed; its log says why, under this request id", request_id=request_id
        )
        status = 500
    members: dict[str, Any] = {
        "type": f"urn:polos:problem:{told.code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": told.code,
        "detail": str(told),
        "request_id": request_id,
    }
    members |= {name: getattr(told, name) for name in _FIELDS if getattr(told, name, None)}
    return Problem(status, members, _headers(told))


def _translated(error: Exception) -> PolosError:
    match error:
        case TryAgain():
            return TryAgain(
                "the store is busy or out of reach at the moment; the same request may succeed later"
            )
        case PolosError():
            return error
        case RequestUnsupportedContentType():
            return UnsupportedMediaType("the body must be JSON, with Content-Type: application/json")
        case RequestValidationError():
            return InvalidRequest("the request is not understood", _located(error.errors()))
        case _:
            return ServerError(str(error))


def _located(errors: Any) -> list[tuple[str, str]]:
    found = [
        (
            ".".join(str(part) for part in one["loc"]),
            str(one.get("msg", one["type"])).removeprefix("Value error, "),
        )
        for one in errors
    ]
    return found[:_MOST_PROBLEMS]


def _status(error: PolosError) -> int | None:
    match error:
        case MethodNotAllowed():
            return 405
        case UnsupportedMediaType():
            return 415
        case _:
            return STATUSES.get(error.code)


def _headers(error: PolosError) -> dict[str, str]:
    match error:
        case MethodNotAllowed():
            return {"Allow": ", ".join(error.allowed)}
        case RateLimited():
            return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
        case TryAgain():
            return {"Retry-After": "1"}
        case _ if error.code == "unauthorized":
            return {"WWW-Authenticate": 'Bearer realm="polos"'}
        case _:
            return {}
