"""Requests to the HTTP API: repeated where that is safe, and every answer that is no success raised as its own error.

    not sent at all (refused, no route), 429       repeat: nothing was done
    sent, and no answer or a 5xx                   repeat what may be done twice; else raise

The wait between attempts doubles, with jitter, and is at least what the server asks for.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from polos import errors
from polos.errors import (
    Forbidden,
    InvalidDefinition,
    InvalidRequest,
    NotFound,
    PolosError,
    RateLimited,
    ServerError,
    ServerUnreachable,
    TooLarge,
    TryAgain,
    Unauthorized,
)

if TYPE_CHECKING:
    import httpx

CONNECT_SECONDS: Final = 5.0
READ_SECONDS: Final = 35.0
"""Above the longest wait of the API, 20 s, and what a gateway allows, 29 s."""

_BY_STATUS: Final[Mapping[int, type[PolosError]]] = {
    400: InvalidRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    413: TooLarge,
    429: RateLimited,
    502: TryAgain,
    503: TryAgain,
    504: TryAgain,
}
_BY_CODE: Final[Mapping[str, type[PolosError]]] = {
    kind.code: kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, PolosError)
}
_FIELDS: Final = ("workflow_id", "known", "problems", "path", "hint", "retry_after", "request_id")
_HERE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is made at most, and the seconds in between: up to min(`cap`, `base` * 2**n)."""

    attempts: int = 5
    base: float = 0.1
    cap: float = 5.0

    def wait(self, repeat: int, asked: float) -> float:
        """Seconds before repeat number `repeat` (0, 1, ...); `asked`: what the server wants it to be at least."""
        spread = 0.5 + random.random() / 2
        return max(asked, spread * min(self.cap, self.base * 2.0**repeat))


DEFAULT_PATIENCE: Final = Patience()


class HttpTransport:
    """Makes requests to one API.

    Args:
        headers: Sent with every request.
        transport: An `httpx.AsyncBaseTransport` in place of the network.
        sleep: Waits between attempts.
    """

    def __init__(
        self,
        api_url: str,
        headers: Mapping[str, str],
        *,
        patience: Patience = DEFAULT_PATIENCE,
        transport: Any = None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        parts = urlsplit(api_url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InvalidDefinition(f"api_url={api_url!r}: expected an address such as http://localhost:8080")
        self.api_url = api_url.rstrip("/")
        self._headers = dict(headers)
        self._patience = patience
        self._transport = transport
        self._sleep = sleep
        # Connections belong to the event loop they were made in, and a program may have one after another.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()

    async def close(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Any = None,
        repeatable: bool = True,
    ) -> Any:
        """The answer's JSON. `repeatable`: made twice, the request does no more than made once.

        Raises:
            PolosError: The error that the API answered with, as its own class; `ServerUnreachable` if nobody answers.
        """
        repeat = 0
        while True:
            try:
                return await self._attempt(method, path, params, body)
            except _Failed as failed:
                safe = failed.undone or repeatable
                if failed.final or not safe or repeat + 1 >= self._patience.attempts:
                    raise failed.error from failed.__cause__
                asked = getattr(failed.error, "retry_after", 0.0)
            await self._sleep(self._patience.wait(repeat, asked))
            repeat += 1

    async def _attempt(self, method: str, path: str, params: Mapping[str, Any] | None, body: Any) -> Any:
        import httpx  # noqa: PLC0415 - half of what `import polos` may cost, for who needs no server

        content = None if body is None else json.dumps(body, ensure_ascii=False, allow_nan=False).encode()
        headers = {} if body is None else {"Content-Type": "application/json"}
        wanted = {name: value for name, value in (params or {}).items() if value is not None}
        try:
            answer = await self._client(httpx).request(
                method, self.api_url + path, params=wanted, content=content, headers=headers
            )
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise _Failed(self._unreachable(f"{error}"), undone=True) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise _Failed(self._unreachable(f"{error}"), final=True) from error
        except httpx.TransportError as error:
            raise _Failed(self._unreachable(f"it gave no answer: {error!r}")) from error
        return self._read(answer)

    def _client(self, httpx: Any) -> httpx.AsyncClient:
        loop = asyncio.get_running_loop()
        client = self._clients.get(loop)
        if client is None:
            timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
            limits = httpx.Limits(max_connections=100, max_keepalive_connections=20)
            client = httpx.AsyncClient(
                headers=self._headers, timeout=timeout, limits=limits, transport=self._transport
            )
            self._clients[loop] = client
        return client

    def _read(self, answer: httpx.Response) -> Any:
        told = _json(answer)
        if answer.is_success and told is not None:
            return told
        if not isinstance(told, dict) or answer.is_success:
            if answer.status_code < 500:
                raise _Failed(
                    self._unreachable(f"what answers there (HTTP {answer.status_code}) is no Polos API"),
                    final=True,
                )
            told = {}
        error = error_from(answer.status_code, told)
        undone = isinstance(error, RateLimited)
        raise _Failed(error, undone=undone, final=not undone and answer.status_code < 500)

    def _unreachable(self, reason: str) -> ServerUnreachable:
        local = urlsplit(self.api_url).hostname in _HERE
        advice = (
            "start one with `polos dev APP`, or run without a server: `async with Polos(): ...`"
            if local
            else "is the address right, and the stack deployed? To run without a server: `async with Polos(): ...`"
        )
        return ServerUnreachable(f"no server answers at {self.api_url} ({reason}); {advice}")


class _Failed(Exception):
    """An attempt that failed. `undone`: certainly nothing was done. `final`: another attempt would end the same."""

    def __init__(self, error: PolosError, *, undone: bool = False, final: bool = False) -> None:
        self.error = error
        self.undone = undone
        self.final = final
        super().__init__(str(error))


def error_from(status: int, told: Mapping[str, Any]) -> PolosError:
    """The error that a problem document stands for, as its class, with its fields; or what the status alone says."""
    kind = _BY_CODE.get(str(told.get("code")))
    if kind is None:
        kind = _BY_STATUS.get(status, ServerError)
    text = str(told.get("detail") or told.get("message") or f"the API answered with HTTP {status}")
    error = kind.__new__(kind)
    Exception.__init__(error, text)
    fields = {name: told[name] for name in _FIELDS if name in told}
    if "problems" in fields:
        fields["problems"] = tuple((str(path), str(problem)) for path, problem in fields["problems"])
    vars(error).update({"retry_after": 1.0} if kind is RateLimited else {}, **fields)
    return error


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None
