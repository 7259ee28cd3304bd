"""Amazon Bedrock over Converse (boto3): no key, the role of the function or the machine signs.

boto3 is synchronous: each event is fetched in a thread of the provider's own, so that many streams wait side by side
without taking the threads of sync tools.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib import import_module
from typing import Any, Final

from polos.llm.errors import ModelError
from polos.llm.events import Done, StreamEvent
from polos.llm.guard import RequestGuard, guard
from polos.llm.port import Capabilities, events_of
from polos.llm.providers.anthropic import bindable, binds_schemas
from polos.llm.providers.bedrock_wire import BedrockWire, caches, chooses
from polos.llm.providers.conversation import with_schema_in_prompt
from polos.llm.providers.failures import Complaint, to_error
from polos.llm.providers.sdk import CONNECT_TIMEOUT, Broken, merged
from polos.llm.request import ModelRequest
from polos.llm.types import ModelResponse

_THREADS: Final = 64
_END: Final = object()

_MEANS: Final = {
    "throttlingexception": 429,
    "toomanyrequestsexception": 429,
    "servicequotaexceededexception": 429,
    "modelnotreadyexception": 503,
    "serviceunavailableexception": 503,
    "modeltimeoutexception": 408,
    "modelerrorexception": 500,
    "modelstreamerrorexception": 500,
    "internalserverexception": 500,
    "validationexception": 400,
    "resourcenotfoundexception": 404,
    "accessdeniedexception": 403,
    "expiredtokenexception": 401,
    "unrecognizedclientexception": 401,
    "invalidsignatureexception": 401,
}
"""Bedrock's errors as the statuses others use; the names come with and without a capital, in a stream and before it."""

_ROLE: Final = (
    "the role needs bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream on the model (and, for a "
    "cross-Region profile, on the profile and the model in each Region), and the account access to the model"
)


def make_client(*, url: str | None, region: str | None, timeout: float) -> Any:
    """A `bedrock-runtime` client whose own retries are off: ours are durable and visible."""
    config = import_module("botocore.config").Config(
        retries={"total_max_attempts": 1},
        connect_timeout=min(CONNECT_TIMEOUT, timeout),
        read_timeout=timeout,
        max_pool_connections=_THREADS,
    )
    return import_module("boto3").client(
        "bedrock-runtime", endpoint_url=url, region_name=region, config=config
    )


class Bedrock:
    """Models on Amazon Bedrock, with credentials and Region as boto3 finds them."""

    name = "bedrock"

    def __init__(
        self,
        *,
        requests: RequestGuard = guard,
        environ: Mapping[str, str] = os.environ,
        make: Callable[..., Any] = make_client,
    ) -> None:
        self._guard = requests
        self._environ = environ
        self._make = make
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, float], Any] = {}
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="polos-bedrock")

    def capabilities(self, model: str) -> Capabilities:
        """By the family in the model's id; what is not known is left to the prompt."""
        native = "claude" in model and binds_schemas(model)
        return Capabilities(
            native_schema=native,
            tools_with_schema=native,
            tool_choice=chooses(model),
            prompt_cache=caches(model),
        )

    async def stream(self, request: ModelRequest) -> AsyncGenerator[StreamEvent, None]:
        """Ask, and yield what comes; see `polos.llm.port.Provider.stream`."""
        url, region = self._place(request)
        self._guard.check(self.name, url or f"https://bedrock-runtime.{region}.amazonaws.com")
        async with self._failures(request):
            client = await self._run(self._client, url, region, request.timeout)
            known = client.meta.service_model.operation_model("ConverseStream").input_shape.members
            wire = BedrockWire(self._told(request, known), cache=_knows_cache(known))
            body = _with_extra(wire.body(), request.extra, known)
            if not request.stream:
                answer = await self._run(partial(client.converse, **body))
                for event in events_of(_identified(wire.whole(answer), answer)):
                    yield event
                return
            answer = await self._run(partial(client.converse_stream, **body))
            chunks = answer["stream"]
            try:
                pull = iter(chunks)
                while (chunk := await self._run(next, pull, _END)) is not _END:
                    for event in wire.feed(chunk):
                        yield event
            finally:
                self._leave(chunks)
            yield Done(_identified(wire.finish(), answer))

    async def _run(self, function: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(function, *args))

    def _leave(self, chunks: Any) -> None:
        """Close a stream that a thread may be reading: wake the reader, and close it after that in a thread.

        Closing at once would wait for the reader, and the event loop with it, until the next chunk comes.
        """
        with suppress(
            Exception
        ):  # an ended stream has no socket to shut down; botocore's stream hides the rest
            chunks._raw_stream.shutdown()
        self._threads.submit(chunks.close)

    def _place(self, request: ModelRequest) -> tuple[str, str]:
        named = ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL")
        url = request.base_url or next((self._environ[name] for name in named if self._environ.get(name)), "")
        region = self._environ.get("AWS_REGION") or self._environ.get("AWS_DEFAULT_REGION") or ""
        return url, region

    def _client(self, url: str, region: str, timeout: float) -> Any:
        with self._lock:
            key = (url, region, timeout)
            if key not in self._clients:
                self._clients[key] = self._make(url=url or None, region=region or None, timeout=timeout)
            return self._clients[key]

    def _told(self, request: ModelRequest, known: Mapping[str, Any]) -> ModelRequest:
        """The request, its schema in the prompt where model, schema or this boto3 (before `outputConfig`) need it."""
        if request.output is None:
            return request
        native = self.capabilities(request.model).native_schema and "outputConfig" in known
        return request if native and bindable(request.output.schema) else with_schema_in_prompt(request)

    @asynccontextmanager
    async def _failures(self, request: ModelRequest) -> AsyncGenerator[None, None]:
        try:
            yield
        except ModelError:
            raise
        except Exception as error:
            complaint = _complaint(error)
            if complaint is None:
                raise
            # Not chained: botocore's errors print the parameters, and with them the prompt.
            raise to_error(complaint, request=request) from None


def _knows_cache(known: Mapping[str, Any]) -> bool:
    """Whether this boto3 has cache points (since the end of 2024); an older one rejects the whole request."""
    block = getattr(known.get("system"), "member", None)
    return "cachePoint" in getattr(block, "members", ())


def _with_extra(body: dict[str, Any], extra: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """What Converse knows is put beside our own, the rest goes to the model's own parameters."""
    of_model = {name: value for name, value in extra.items() if name not in known}
    mine = {name: value for name, value in extra.items() if name in known}
    if of_model:
        mine = merged(mine, {"additionalModelRequestFields": of_model})
    return merged(body, mine)


def _identified(response: ModelResponse, answer: Mapping[str, Any]) -> ModelResponse:
    given = (answer.get("ResponseMetadata") or {}).get("RequestId", "")
    return response.model_copy(update={"request_id": given, "response_id": given})


def _complaint(error: Exception) -> Complaint | None:
    exceptions = import_module("botocore.exceptions")
    modules = {kind.__module__.split(".")[0] for kind in type(error).__mro__}
    match error:
        case Broken():
            return Complaint("bedrock", error.message, code=error.code)
        case exceptions.ClientError():
            return _of_answer(error)
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return Complaint(
                "bedrock", code="accessdenied", status=401, advice="no AWS credentials were found"
            )
        case exceptions.NoRegionError():
            return Complaint("bedrock", "no Region: set AWS_REGION", status=400)
        case exceptions.ParamValidationError():
            return Complaint("bedrock", str(error), status=400)
        case exceptions.HTTPClientError() | exceptions.ConnectionError() | OSError():
            return Complaint("bedrock", f"the connection failed ({type(error).__name__})")
        case _:
            broken = "urllib3" in modules or type(error).__module__ == "botocore.eventstream"
            return Complaint("bedrock", "the answer broke off") if broken else None


def _of_answer(error: Any) -> Complaint:
    facts = error.response.get("Error") or {}
    metadata = error.response.get("ResponseMetadata") or {}
    code = str(facts.get("Code") or "")
    means = _MEANS.get(code.lower())
    return Complaint(
        "bedrock",
        str(facts.get("Message") or facts.get("message") or ""),
        code=code,
        status=metadata.get("HTTPStatusCode"),
        request_id=metadata.get("RequestId"),
        headers=metadata.get("HTTPHeaders") or {},
        means=means,
        advice=_ROLE if means == 403 else "",
    )
