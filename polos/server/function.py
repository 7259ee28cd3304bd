"""The API as a Lambda function, behind API Gateway (HTTP API) or a function URL.

| variable | what |
|---|---|
| `POLOS_IAM_ACCESS` | JSON: which AWS identity is of which project, with which role; see `gate.iam_access` |
| `POLOS_PUBLIC_URL` | where people reach the API, for approval links; else the host they were asked for at |
| `POLOS_RATE_LIMIT` | requests a second of one key; twice as many at once; `0` for no limit; 50 if not set |

and those of the stack, see `polos.entry.aws`. Local mode is none of them: a function has no loopback callers.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any, Final

from polos.entry.aws import PROJECT_VARIABLE, AwsRuntime, from_environment
from polos.entry.functions import XRAY_VARIABLE
from polos.entry.identity import new_execution_id
from polos.entry.telemetry import Powertools, Quiet, Telemetry
from polos.errors import InvalidDefinition
from polos.server.app import ROOMS, Api, Room
from polos.server.assets import Assets
from polos.server.gate import Access, iam_access
from polos.server.limits import DEFAULT_RATE, Rate

IAM_VARIABLE: Final = "POLOS_IAM_ACCESS"
URL_VARIABLE: Final = "POLOS_PUBLIC_URL"
RATE_VARIABLE: Final = "POLOS_RATE_LIMIT"


class ApiFunction:
    """The API of one stack, over what a sandbox keeps warm.

    Attributes:
        handler: The Lambda handler, `(event, context) -> response`.
        streamer: The same for a runtime that streams: the answer goes to `context.send`; see `streaming`.
    """

    def __init__(
        self,
        runtime: AwsRuntime,
        *,
        environ: Mapping[str, str],
        telemetry: Telemetry | None = None,
        rooms: tuple[Room, ...] = ROOMS,
    ) -> None:
        self.api = Api(
            runtime.host,
            new_id=new_execution_id,
            access=Access(iam=iam_access(environ.get(IAM_VARIABLE) or "{}")),
            rate=rate_limit(environ.get(RATE_VARIABLE, "")),
            rooms=rooms,
            public_url=environ.get(URL_VARIABLE) or None,
            assets=Assets(),
        )
        self._telemetry = telemetry or Quiet()
        self.handler: Callable[[Any, Any], Any] = self._telemetry.around(self._handle)
        self.streamer: Callable[[Any, Any], Any] = self._telemetry.around(self._stream)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> ApiFunction:
        """The one that the variables describe, ready for the first request."""
        project = environ.get(PROJECT_VARIABLE) or "default"
        telemetry = Powertools(project, xray=environ.get(XRAY_VARIABLE) == "true")
        runtime = from_environment(environ)
        runtime.warm()
        return cls(runtime, environ=environ, telemetry=telemetry)

    def _handle(self, event: Mapping[str, Any], context: Any) -> dict[str, Any]:
        answer = self.api.handle(event, context)
        self._count(answer["statusCode"])
        return answer

    def _stream(self, event: Mapping[str, Any], context: Any) -> None:
        seconds = context.get_remaining_time_in_millis() / 1000
        answer = self.api.answer(event, seconds, can_stream=True)
        self._count(answer.status)
        context.send(answer)

    def _count(self, status: int) -> None:
        self._telemetry.count("Requests")
        if status >= 500:
            self._telemetry.count("RequestsFailed")


def rate_limit(text: str) -> Rate | None:
    """Read `POLOS_RATE_LIMIT`. InvalidDefinition if it is no number."""
    if not text:
        return DEFAULT_RATE
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not 0 <= rate < float("inf"):
        raise InvalidDefinition(
            f"{RATE_VARIABLE}={text!r}: say how many requests a second, or 0 for no limit"
        )
    return Rate(rate, max(1.0, 2 * rate)) if rate else None


@functools.cache
def process_api() -> ApiFunction:
    """The API of this process, from its environment."""
    return ApiFunction.from_environment(os.environ)
