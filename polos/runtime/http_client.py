"""`PolosClient`: a project behind an HTTP API, with all that a client can do.

client = PolosClient("https://abc.execute-api.eu-central-1.amazonaws.com", api_key="polos_...")
handle = await client.invoke("report", {"month": "2026-11"})
print(await handle.result(timeout=60))
"""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

from polos.core.codec import DoesNotFit, codec_for, plain_json
from polos.core.definitions import Definition, Queue, Registry
from polos.core.definitions import registry as process_registry
from polos.core.models import EventPayload, ExecutionHandle, StreamEvent
from polos.errors import InvalidPayload, NotStorable, PolosError, ResultTimeout, TooLarge
from polos.runtime.client_verbs import ClientVerbs, filters
from polos.runtime.control import UNCHANGED
from polos.runtime.http_facts import Facts, path_of
from polos.runtime.http_transport import DEFAULT_PATIENCE, HttpTransport, Patience
from polos.runtime.service import ERRORS, StartOptions

DEFAULT_URL: Final = "http://localhost:8080"
LONGEST_WAIT: Final = 20.0
MOST_AT_ONCE: Final = 100
IMPATIENT_SECONDS: Final = 0.5
"""A server that answers "not yet" at once, because it has no time to wait, is asked again after this."""


@dataclass(frozen=True, slots=True)
class RunPart:
    """What is new in a run, in order. `cursor` continues behind it; `ended`: nothing will come any more."""

    events: list[StreamEvent]
    cursor: str
    ended: bool


class PolosClient(ClientVerbs, Facts):
    """A client of one project of one deployment. May be used from several event loops, one after another.

    Args:
        api_url: Where the API is; else `POLOS_API_URL`, else `http://localhost:8080`.
        api_key: Names project and role; else `POLOS_API_KEY`. Not needed for a local server in local mode.
        project_id: The project meant, else `POLOS_PROJECT_ID`: a key of another one is refused. The key decides.
        deployment_id: Noted on what is started; else `POLOS_DEPLOYMENT_ID`.
        registry: The workflows whose payloads and results have types here.
        transport: An `httpx.AsyncBaseTransport` in place of the network.
        sleep: Waits between attempts.
    """

    def __init__(
        self,
        api_url: str | None = None,
        api_key: str | None = None,
        project_id: str | None = None,
        deployment_id: str | None = None,
        *,
        registry: Registry = process_registry,
        patience: Patience = DEFAULT_PATIENCE,
        transport: Any = None,
        sleep: Callable[[float], Awaitable[Any]] = asyncio.sleep,
    ) -> None:
        environ = os.environ
        key = api_key or environ.get("POLOS_API_KEY")
        project = project_id or environ.get("POLOS_PROJECT_ID")
        self.project_id = project
        self.deployment_id = deployment_id or environ.get("POLOS_DEPLOYMENT_ID")
        self._registry = registry
        self._sleep = sleep
        headers = {"Accept": "application/json"}
        headers |= {"Authorization": f"Bearer {key}"} if key else {}
        headers |= {"Polos-Project": project} if project else {}
        url = api_url or environ.get("POLOS_API_URL") or DEFAULT_URL
        self._http = HttpTransport(url, headers, patience=patience, transport=transport, sleep=sleep)

    @property
    def api_url(self) -> str:
        """Where the API is."""
        return self._http.api_url

    def __repr__(self) -> str:
        return f"PolosClient({self.api_url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections of this event loop. The client may go on to be used."""
        await self._http.close()

    # --- starting ---------------------------------------------------------------------------------------------------

    async def start(self, workflow: Definition | str, payload: Any, options: StartOptions) -> ExecutionHandle:
        """Start an execution (the `Client` protocol). Without an idempotency key it gets one, so that a request whose
        answer was lost can be made again.
        """
        body = self._start(workflow, payload, options)
        body.setdefault("idempotency_key", f"request:{uuid.uuid4().hex}")
        safe = options.on_conflict != "reject"
        return self._handle(await self._http.request("POST", "/v1/executions", body=body, repeatable=safe))

    async def start_batch(
        self, starts: Sequence[tuple[Definition | str, Any, StartOptions]]
    ) -> list[ExecutionHandle]:
        """Start several, up to 100 in a request: each payload of a request is checked before any of it is started."""
        bodies = [self._start(*start) for start in starts]
        handles: list[ExecutionHandle] = []
        for first in range(0, len(bodies), MOST_AT_ONCE):
            body = {
                "executions": bodies[first : first + MOST_AT_ONCE],
                "idempotency_key": f"request:{uuid.uuid4().hex}",
            }
            answer = await self._http.request("POST", "/v1/executions/batch", body=body)
            handles += [self._handle(one) for one in answer["executions"]]
        return handles

    def _start(self, workflow: Definition | str, payload: Any, options: StartOptions) -> dict[str, Any]:
        definition = workflow if isinstance(workflow, Definition) else self._registry.find(str(workflow))
        queue = options.queue
        body = {
            "workflow_id": definition.id if definition else str(workflow),
            "payload": _payload(definition, payload),
            "queue_name": queue.name if isinstance(queue, Queue) else queue,
            "queue_concurrency_limit": queue.concurrency_limit if isinstance(queue, Queue) else None,
            "concurrency_key": options.concurrency_key,
            "session_id": options.session,
            "user_id": options.user,
            "deployment_id": options.deployment or self.deployment_id,
            "initial_state": _state(definition, options.initial_state),
            "run_timeout_seconds": options.run_timeout,
            "compute_timeout_seconds": options.compute_timeout,
            "idempotency_key": options.idempotency_key,
            "on_conflict": options.on_conflict if options.on_conflict != "return" else None,
            "priority": options.priority or None,
            "attributes": dict(options.attributes) or None,
        }
        return {name: value for name, value in body.items() if value is not None}

    def _handle(self, told: Mapping[str, Any]) -> ExecutionHandle:
        return ExecutionHandle.model_validate(told).bind(self)

    # --- looking ----------------------------------------------------------------------------------------------------

    async def wait_result(self, execution_id: str, timeout: float | None = None) -> Any:
        """Wait for an execution's end: its result, or what happened, raised.

        Raises:
            ExecutionFailed, ExecutionCancelled, ExecutionTimedOut, ExecutionStalled: It ended so.
            ResultTimeout: After `timeout` seconds; the execution goes on.
        """
        clock = asyncio.get_running_loop()
        deadline = None if timeout is None else clock.time() + timeout
        while True:
            asked = clock.time()
            left = LONGEST_WAIT if deadline is None else min(LONGEST_WAIT, deadline - asked)
            params = {"timeout": round(max(0.0, left), 3), "stored": "true"}
            told = await self._http.request("GET", f"{path_of(execution_id)}/wait", params=params)
            if told["ended"] or told["status"] == "stalled":
                return self._outcome(told)
            if deadline is not None and clock.time() >= deadline:
                raise ResultTimeout(
                    f"execution {execution_id} of {told['workflow_id']!r} has not ended after {timeout} s (it is "
                    f"{told['status']}); it goes on: ask again with its handle"
                )
            if clock.time() - asked < min(left, IMPATIENT_SECONDS):
                await self._sleep(IMPATIENT_SECONDS)

    def _outcome(self, told: Mapping[str, Any]) -> Any:
        kind = ERRORS.get(told["status"])
        if kind is not None:
            error = dict(told.get("error") or {})
            text = (
                error.get("message") or f"execution {told['id']} of {told['workflow_id']!r}: {told['status']}"
            )
            raise kind(text, execution_id=told["id"], error=error)
        return self._result(told)

    def _result(self, told: Mapping[str, Any]) -> Any:
        """The result with its types, where the workflow's code is here; else as plain JSON."""
        if "result" in told.get("omitted", ()):
            raise TooLarge(
                f"the result of execution {told['id']} is too large for an answer of the API; let the workflow put it "
                "into a bucket, and return its address"
            )
        definition = self._registry.find(told["workflow_id"])
        text = (told.get("stored") or {}).get("result")
        return (
            told.get("result") if definition is None or text is None else definition.result_codec.decode(text)
        )

    async def get_execution(self, execution_id: str) -> dict[str, Any]:
        """An execution: status, payload, result (rebuilt as its model where the workflow is known here), error ..."""
        told: dict[str, Any] = await self._http.request(
            "GET", path_of(execution_id), params={"stored": "true"}
        )
        result = self._result(told) if told["status"] == "completed" else None
        return {name: value for name, value in told.items() if name != "stored"} | {"result": result}

    async def list_executions(
        self, *, limit: int = 50, cursor: str | None = None, **wanted: Any
    ) -> dict[str, Any]:
        """A page of executions, newest first: `executions`, and the `next_cursor` to go on with (None: that was all).

        Filters: status, workflow_id, root_execution_id, session_id, user_id, kind, queue, roots_only, id_prefix,
        attributes, created_after, created_before. A page may hold fewer than `limit` and still have a next one.
        """
        params = {**filters(**wanted), "limit": limit, "cursor": cursor}
        page: dict[str, Any] = await self._http.request("GET", "/v1/executions", params=params)
        return page

    async def iter_executions(self, **wanted: Any) -> AsyncIterator[dict[str, Any]]:
        """All executions that fit the filters of `list_executions`, page by page."""
        cursor = None
        while True:
            page = await self.list_executions(limit=200, cursor=cursor, **wanted)
            for execution in page["executions"]:
                yield execution
            cursor = page["next_cursor"]
            if cursor is None:
                return

    async def get_timeline(self, execution_id: str) -> dict[str, Any]:
        """The operations of an execution, each with its attempts."""
        offset: int | None = 0
        told: dict[str, Any] = {}
        while offset is not None:
            params = {"offset": offset, "limit": 2000}
            page = await self._http.request("GET", f"{path_of(execution_id)}/timeline", params=params)
            operations = [*told.get("operations", ()), *page["operations"]]
            told, offset = {**page, "operations": operations}, page.get("next_offset")
        return told

    async def get_journal(self, execution_id: str, after: int = 0, limit: int = 100) -> dict[str, Any]:
        """`entries` of the journal from a position on, and the `next` one (None: that was the tail)."""
        params = {"after": after, "limit": limit}
        told: dict[str, Any] = await self._http.request(
            "GET", f"{path_of(execution_id)}/journal", params=params
        )
        return told

    async def list_suspensions(self, execution_id: str) -> list[dict[str, Any]]:
        """The steps that wait for an answer: step_key, data, due."""
        told = await self._http.request("GET", f"{path_of(execution_id)}/suspensions")
        return list(told["suspensions"])

    async def list_definitions(self) -> list[dict[str, Any]]:
        """What can be started, with the JSON schemas of payloads and results."""
        return list((await self._http.request("GET", "/v1/definitions"))["definitions"])

    async def list_queues(self, concurrency_key: str | None = None) -> list[dict[str, Any]]:
        """The queues with their limits, and how full they are."""
        params = {"concurrency_key": concurrency_key}
        return list((await self._http.request("GET", "/v1/queues", params=params))["queues"])

    async def whoami(self) -> dict[str, Any]:
        """The project and role of the key."""
        told: dict[str, Any] = await self._http.request("GET", "/v1/me")
        return told

    # --- acting -----------------------------------------------------------------------------------------------------

    async def cancel_execution(self, execution_id: str) -> bool:
        """Ask an execution to stop. False: it has ended."""
        told = await self._http.request("POST", f"{path_of(execution_id)}/cancel")
        return bool(told["cancelled"])

    async def resume(
        self, suspend_workflow_id: str, suspend_execution_id: str, suspend_step_key: str, data: Any = None
    ) -> EventPayload:
        """Answer a suspended step; see `ClientVerbs.resume`."""
        body = {"workflow_id": suspend_workflow_id, "step_key": suspend_step_key, "data": _plain(data)}
        told = await self._http.request("POST", f"{path_of(suspend_execution_id)}/resume", body=body)
        return EventPayload.model_validate(told)

    async def retry_execution(self, execution_id: str) -> ExecutionHandle:
        """Go on where it failed, as a new execution; a stalled one goes on itself."""
        told = await self._http.request("POST", f"{path_of(execution_id)}/retry", repeatable=False)
        return self._handle(told)

    async def fork_execution(
        self, execution_id: str, *, from_step: str | None = None, payload: Any = UNCHANGED
    ) -> ExecutionHandle:
        """A new execution with what was recorded before `from_step`; `payload` replaces the input."""
        body: dict[str, Any] = {"from_step": from_step}
        if payload is not UNCHANGED:
            body["payload"] = _plain(payload)
        told = await self._http.request("POST", f"{path_of(execution_id)}/fork", body=body, repeatable=False)
        return self._handle(told)

    async def pause_execution(self, execution_id: str) -> None:
        """Begin nothing more, until `unpause_execution`."""
        await self._http.request("POST", f"{path_of(execution_id)}/pause")

    async def unpause_execution(self, execution_id: str) -> None:
        """Go on."""
        await self._http.request("POST", f"{path_of(execution_id)}/unpause")

    async def approval_link(self, execution_id: str, step_key: str, *, expires_in: int = 7 * 86_400) -> str:
        """A link by which a person answers a suspended step, once, within `expires_in` seconds."""
        body = {"execution_id": execution_id, "step_key": step_key, "expires_in": expires_in}
        return str((await self._http.request("POST", "/v1/approvals", body=body))["url"])

    # --- events and schedules ---------------------------------------------------------------------------------------

    async def publish_events(self, topic: str, events: Sequence[tuple[str | None, Any]]) -> list[int]:
        """Publish (type, data) pairs in order; their sequence ids. Not repeated when the answer is lost."""
        body = {
            "topic": topic,
            "events": [{"event_type": kind, "data": _plain(data)} for kind, data in events],
        }
        told = await self._http.request("POST", "/v1/events", body=body, repeatable=False)
        return list(told["sequence_ids"])

    async def read_events(self, topic: str, after: int, limit: int, wait: float) -> list[EventPayload]:
        """Events with a sequence above `after`; waits up to `wait` seconds (20 at most) for the first."""
        params = {"topic": topic, "after": after, "limit": min(limit, 100), "wait": min(wait, LONGEST_WAIT)}
        told = await self._http.request("GET", "/v1/events", params=params)
        return [EventPayload.model_validate(event) for event in told["events"]]

    async def read_run(self, execution_id: str, cursor: str | None, wait: float) -> RunPart:
        """What is new in a run behind `cursor`; waits up to `wait` seconds (20 at most) for something to be."""
        params = {"cursor": cursor, "wait": min(wait, LONGEST_WAIT)}
        told = await self._http.request("GET", f"{path_of(execution_id)}/events", params=params)
        events = [StreamEvent.model_validate(event) for event in told["events"]]
        return RunPart(events, told["cursor"], ended=told["ended"])

    async def schedules(self, action: str, **fields: Any) -> Any:
        """create, list, pause, resume or delete schedules; each as a dict."""
        renamed = {("workflow_id" if name == "workflow" else name): value for name, value in fields.items()}
        match action:
            case "list":
                return (await self._http.request("GET", "/v1/schedules"))["schedules"]
            case "create":
                return await self._http.request("PUT", "/v1/schedules", body=renamed)
            case "pause" | "resume":
                return await self._http.request("POST", f"/v1/schedules/{action}", body=renamed)
            case "delete":
                return (await self._http.request("DELETE", "/v1/schedules", params=renamed))["deleted"]
            case _:
                raise PolosError(f"unknown action {action!r}; known: create, list, pause, resume, delete")


def _payload(definition: Definition | None, payload: Any) -> Any:
    """The payload as JSON from which the workflow's annotation reads the same; what would not survive is refused."""
    if definition is None:
        return _plain(payload)
    codec = definition.outside_codec
    try:
        return json.loads(codec.encode(codec.coerce(payload)))
    except DoesNotFit as error:
        raise InvalidPayload(definition.id, error.problems) from error
    except NotStorable as error:
        text = str(error).removeprefix(f"{error.path}: ")
        raise InvalidPayload(definition.id, [(error.path, text)]) from error


def _state(definition: Definition | None, state: Any) -> Any:
    if state is None or definition is None or definition.state_schema is None:
        return _plain(state)
    codec = codec_for(definition.state_schema, root="initial_state", trusted=False)
    return json.loads(codec.encode(codec.coerce(state)))


def _plain(value: Any) -> Any:
    return json.loads(plain_json(value))
