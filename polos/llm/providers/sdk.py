"""One thin shell around the vendors' SDKs, which are built alike: call, stream, and say what went wrong.

The knowledge of a wire format is in its pure half (`Wire`): a request to a JSON body, and JSON chunks to events.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import ssl
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, Final, Protocol
from urllib.parse import urlsplit

from polos.llm.errors import ModelError, ProviderUnavailable
from polos.llm.events import Done, StreamEvent
from polos.llm.guard import RequestGuard, guard
from polos.llm.port import Capabilities, events_of
from polos.llm.providers.connections import LoopClients, load_sdk, read_key
from polos.llm.providers.failures import Complaint, to_error
from polos.llm.request import ModelRequest
from polos.llm.types import ModelResponse

CONNECT_TIMEOUT: Final = 10.0
"""Seconds to reach the provider at all."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider is and who may ask: its name, SDK package, extra, address and the keys' variables.

    The address is the request's `base_url`, else the first of `url_envs` that is set, else `url`.
    """

    name: str
    package: str
    extra: str
    url: str
    url_envs: tuple[str, ...]
    key_envs: tuple[str, ...]
    key_optional: bool = False
    path: str = ""
    """Added to an address that has no path of its own."""

    def address(self, request: ModelRequest, environ: Mapping[str, str]) -> str:
        """The base url of this request, without the `/` at its end."""
        named = next((environ[name] for name in self.url_envs if environ.get(name)), "")
        address = request.base_url or named or self.url
        if not address:
            raise ProviderUnavailable(
                f"no address: give the agent a provider_base_url, or set {' or '.join(self.url_envs)}",
                provider=self.name,
            )
        return address.rstrip("/") + ("" if urlsplit(address).path.strip("/") else self.path)


class Wire(Protocol):
    """The pure half of an adapter, for one request."""

    def body(self) -> dict[str, Any]:
        """The request as the provider's JSON."""
        ...

    def feed(self, chunk: dict[str, Any]) -> Iterable[StreamEvent]:
        """What a chunk of the stream says, and nothing yet about the end."""
        ...

    def finish(self) -> ModelResponse:
        """The answer, once the stream has ended. Raises `Broken` if it is not whole."""
        ...

    def whole(self, answer: dict[str, Any]) -> ModelResponse:
        """An answer that came in one piece."""
        ...


class Broken(Exception):
    """A wire's word for an answer that is not whole, or an error told in it."""

    def __init__(self, message: str, *, code: str = "", body: Any = None) -> None:
        self.message, self.code, self.body = message, code, body
        super().__init__(message)


class SdkProvider(ABC):
    """A provider reached by an SDK. Keeps connections between calls, and nothing else."""

    _named: ClassVar[tuple[str, ...]]
    """The parameters that the SDK's method wants by name."""

    def __init__(
        self, endpoint: Endpoint, *, requests: RequestGuard = guard, environ: Mapping[str, str] = os.environ
    ) -> None:
        self._endpoint = endpoint
        self._guard = requests
        self._environ = environ
        self._clients = LoopClients()

    @property
    def name(self) -> str:
        """What agents call it."""
        return self._endpoint.name

    @abstractmethod
    def capabilities(self, model: str) -> Capabilities:
        """What that model can do here."""

    @abstractmethod
    def _wire(self, request: ModelRequest) -> Wire:
        """The pure half for this request."""

    @abstractmethod
    def _client(self, sdk: Any, **options: Any) -> Any:
        """A new async client of the SDK, with these options."""

    @abstractmethod
    def _method(self, client: Any) -> Any:
        """The client's method that makes the call."""

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        """Ask, and yield what comes; see `polos.llm.port.Provider.stream`."""
        wire = self._wire(request)
        body = merged(wire.body(), request.extra)
        async with self._session(request) as (sdk, client):
            options = {name: body.pop(name) for name in ("extra_headers", "extra_query") if name in body}
            timeout = sdk.Timeout(request.timeout, connect=min(CONNECT_TIMEOUT, request.timeout))
            # The rest by `extra_body`: the SDKs' types lag behind, and Anthropic's leave out `temperature`.
            named = {name: body.pop(name) for name in self._named}
            answer = await self._method(client)(
                **named, extra_body=body, stream=request.stream, timeout=timeout, **options
            )
            if not request.stream or not hasattr(answer, "__aiter__"):
                for event in events_of(_identified(wire.whole(_json(answer)), answer)):
                    yield event
                return
            async with answer:
                async for chunk in answer:
                    for event in wire.feed(_json(chunk)):
                        yield event
            yield Done(_identified(wire.finish(), answer))

    @asynccontextmanager
    async def _session(self, request: ModelRequest) -> AsyncGenerator[tuple[Any, Any], None]:
        """The SDK and a client; what goes wrong inside comes out as one of our errors."""
        endpoint = self._endpoint
        url = endpoint.address(request, self._environ)
        self._guard.check(endpoint.name, url)
        names = (request.api_key_env,) if request.api_key_env else endpoint.key_envs
        optional = endpoint.key_optional and not request.api_key_env
        key, key_env = read_key(endpoint.name, names, environ=self._environ, optional=optional)
        # In a thread: the first import takes half a second, and the loop has heartbeats to send.
        sdk = await asyncio.to_thread(load_sdk, endpoint.name, endpoint.package, endpoint.extra)
        client = await self._clients.get((url, key), lambda: self._new(sdk, key, url))
        try:
            yield sdk, client
        except ModelError:
            raise
        except Exception as error:
            complaint = self._complaint(sdk, error, key_env)
            if complaint is None:
                raise  # a bug, of ours or of the SDK: not to be retried, and to be seen as it is
            # Not chained: the SDK's errors print the response's body, which may quote the key or the prompt.
            raise to_error(complaint, request=request, key=key) from None

    def _new(self, sdk: Any, key: str, url: str) -> Any:
        """A client whose own retries are off: ours are durable and visible.

        The SDK's default transport as an object of its own is not closed in whatever loop runs when it is collected.
        """
        transport = sdk.DefaultAsyncHttpxClient
        http = transport(verify=_certificates(_library(transport)))
        client = self._client(sdk, api_key=key or "none", base_url=url, max_retries=0, http_client=http)
        self._method(
            client
        )  # loads the SDK's types, half a second of work, in this thread and not in the loop
        return client

    def _complaint(self, sdk: Any, error: Exception, key_env: str) -> Complaint | None:
        name = self._endpoint.name
        if isinstance(error, Broken):
            return Complaint(name, error.message, code=error.code, body=error.body, key_env=key_env)
        if isinstance(error, sdk.APIStatusError):
            code, message = error_in(error.body)
            status = error.status_code if error.status_code >= 400 else None  # told in the stream of a 200
            return Complaint(
                name,
                message,
                code=code,
                status=status,
                request_id=error.request_id,
                headers=dict(error.response.headers) if status else {},
                key_env=key_env,
                body=error.body,
            )
        if isinstance(error, sdk.APITimeoutError):
            return Complaint(name, "it did not answer in time")
        if isinstance(error, sdk.APIConnectionError):
            return Complaint(name, "it could not be reached, or the connection broke off")
        if isinstance(error, sdk.APIError):
            code, message = error_in(error.body)
            return Complaint(name, message or "the answer was no valid one", code=code, body=error.body)
        return Complaint(name, "the answer broke off") if _is_transport(error) else None


def _library(transport: type) -> str:
    """The HTTP library under an SDK's transport: httpx, or httpx2 for newer SDKs."""
    roots = [kind.__module__.partition(".")[0] for kind in transport.__mro__]
    return next(root for root in roots if root.startswith("httpx"))


@cache
def _certificates(library: str) -> Any:
    """The default TLS context of the SDK's HTTP library, loaded once: a tenth of a second that loops can share."""
    return importlib.import_module(library).create_ssl_context()


def _is_transport(error: Exception) -> bool:
    """Whether it comes from the network below the SDK, which does not wrap all of it when streaming."""
    modules = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    broken_data = isinstance(error, json.JSONDecodeError | UnicodeDecodeError | ssl.SSLError | OSError)
    return broken_data or bool(modules & {"httpx", "httpx2", "httpcore", "httpcore2", "h11", "anyio"})


def error_in(body: Any) -> tuple[str, str]:
    """The code and the message in an error's body, in any of the shapes providers give it."""
    if isinstance(body, list) and body:
        body = body[0]
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping | str):
        body = body["error"]
    if isinstance(body, str):
        return "", "" if body.lstrip().startswith("<") else body.strip()
    if not isinstance(body, Mapping):
        return "", ""
    words = [body.get(name) for name in ("code", "type", "status")]
    code = next((word for word in words if isinstance(word, str) and word), "")
    message = body.get("message")
    return code, message if isinstance(message, str) else ""


def merged(body: dict[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """`body` with `extra` over it; objects are merged, so that one more option of `text` keeps its format."""
    result = dict(body)
    for name, value in extra.items():
        old = result.get(name)
        both = isinstance(old, dict) and isinstance(value, Mapping)
        result[name] = merged(old or {}, value) if both else value
    return result


def _json(item: Any) -> dict[str, Any]:
    """What the provider wrote, with every field it set, known to the SDK or not, and no other.

    Raises:
        Broken: It is nothing of the SDK's: a page of a proxy's, say, or JSON of another shape.
    """
    if not hasattr(item, "to_dict"):
        raise Broken(f"the answer was no valid one, but {type(item).__name__}")
    plain: dict[str, Any] = item.to_dict(mode="json", warnings=False)
    return plain


def _identified(response: ModelResponse, answer: Any) -> ModelResponse:
    """The response with the id the provider gave to the request."""
    http = getattr(answer, "response", None)
    headers: Mapping[str, str] = getattr(http, "headers", {})
    given = headers.get("x-request-id") or headers.get("request-id") or getattr(answer, "_request_id", None)
    return response.model_copy(update={"request_id": given}) if given else response


def each(value: Any) -> Iterator[dict[str, Any]]:
    """The objects of a JSON list that may be missing or null."""
    return (item for item in value or () if isinstance(item, dict))
