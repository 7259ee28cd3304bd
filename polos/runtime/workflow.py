"""`@workflow` and `@queue`: describing what runs, and calling it through a client."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Generic, ParamSpec, Protocol, Unpack, cast, overload

from pydantic import BaseModel
from typing_extensions import TypeVar

from polos.core.definitions import Compute, Definition, Queue, Schedule, Trigger, registry
from polos.core.hooks import HooksGiven, as_hooks
from polos.core.models import ExecutionHandle
from polos.core.signatures import Callee, CallOptions
from polos.errors import InvalidDefinition
from polos.runtime.client import Client, StartOptions, current_client

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
G = TypeVar("G", default=Any)
Payload = TypeVar("Payload")


class Workflow(Generic[P, R, G]):
    """A workflow: call it with a context and a payload as the plain function it is, or run it durably.

    `run` and `invoke` take a client as their first argument, or use the default one.

    To a type checker it is `Workflow[P, R, G]`: P and R are the signature of the function, as it was written, and G is
    what an execution gives: R itself, or what is awaited of it.
    """

    def __init__(self, definition: Definition) -> None:
        self.definition = definition
        self.__wrapped__ = definition.function
        self.__doc__ = definition.function.__doc__
        self.__name__ = getattr(definition.function, "__name__", definition.id)
        self.__module__ = definition.function.__module__

    @property
    def id(self) -> str:
        """The id it is registered under."""
        return self.definition.id

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The undecorated function: for unit tests of it."""
        return cast(R, self.definition.function(*args, **kwargs))

    def __repr__(self) -> str:
        return f"<{self.definition.kind} {self.id!r}>"

    def decode(self, text: str) -> G:
        """A result from what was stored of it. Raises `NotStorable` if it does not fit the annotation."""
        return cast(G, self.definition.result_codec.decode(text))

    @overload
    async def invoke(
        self: Callee[[Any], T], client: Client = ..., /, **options: Unpack[CallOptions]
    ) -> ExecutionHandle[T]: ...
    @overload
    async def invoke(
        self: Callee[[Any, None], T], client: Client = ..., /, **options: Unpack[CallOptions]
    ) -> ExecutionHandle[T]: ...
    @overload
    async def invoke(
        self: Callee[[Any, dict[str, Any]], T], client: Client = ..., /, **options: Unpack[CallOptions]
    ) -> ExecutionHandle[T]: ...
    @overload
    async def invoke(
        self: Callee[[Any, Payload], T],
        payload: Payload | Mapping[str, Any],
        **options: Unpack[CallOptions],
    ) -> ExecutionHandle[T]: ...
    @overload
    async def invoke(
        self: Callee[[Any, Payload], T],
        client: Client,
        /,
        payload: Payload | Mapping[str, Any],
        **options: Unpack[CallOptions],
    ) -> ExecutionHandle[T]: ...
    async def invoke(self, *args: Any, **options: Any) -> ExecutionHandle:
        """Start an execution: `invoke([client,] payload=None, queue=, concurrency_key=, session_id=, ...)`."""
        return await self._begin(args, options)

    @overload
    async def run(
        self: Callee[[Any], T],
        client: Client = ...,
        /,
        *,
        timeout: float | None = 600.0,
        **options: Unpack[CallOptions],
    ) -> T: ...
    @overload
    async def run(
        self: Callee[[Any, None], T],
        client: Client = ...,
        /,
        *,
        timeout: float | None = 600.0,
        **options: Unpack[CallOptions],
    ) -> T: ...
    @overload
    async def run(
        self: Callee[[Any, dict[str, Any]], T],
        client: Client = ...,
        /,
        *,
        timeout: float | None = 600.0,
        **options: Unpack[CallOptions],
    ) -> T: ...
    @overload
    async def run(
        self: Callee[[Any, Payload], T],
        payload: Payload | Mapping[str, Any],
        *,
        timeout: float | None = 600.0,
        **options: Unpack[CallOptions],
    ) -> T: ...
    @overload
    async def run(
        self: Callee[[Any, Payload], T],
        client: Client,
        /,
        payload: Payload | Mapping[str, Any],
        *,
        timeout: float | None = 600.0,
        **options: Unpack[CallOptions],
    ) -> T: ...
    async def run(self, *args: Any, timeout: float | None = 600.0, **options: Any) -> Any:
        """Start an execution and wait for its result.

        Raises `ExecutionFailed`, `ExecutionCancelled`, `ExecutionTimedOut` or `ExecutionStalled`, and `ResultTimeout`
        after `timeout` seconds: then the execution goes on.
        """
        return await self._finish(args, timeout, options)

    async def _begin(self, args: tuple[Any, ...], options: dict[str, Any]) -> ExecutionHandle:
        client, payload = _client_first(args, options)
        return await client.start(self.definition, payload, start_options(options))

    async def _finish(self, args: tuple[Any, ...], timeout: float | None, options: dict[str, Any]) -> Any:
        client, payload = _client_first(args, options)
        handle = await client.start(self.definition, payload, start_options(options))
        return await client.wait_result(handle.id, timeout)


def _client_first(args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Client, Any]:
    rest = list(args)
    client = rest.pop(0) if rest and hasattr(rest[0], "wait_result") else options.pop("client", None)
    payload = rest.pop(0) if rest else options.pop("payload", None)
    if rest:
        raise TypeError(f"expected ([client,] payload), got {len(args)} arguments; options are given by name")
    return client or current_client(), payload


def start_options(options: Mapping[str, Any]) -> StartOptions:
    """The options of a call by name, in the words of the contract. TypeError for one that is not known."""
    names = {
        "session_id": "session",
        "user_id": "user",
        "run_timeout_seconds": "run_timeout",
        "queue_name": "queue",
    }
    renamed = {names.get(name, name): value for name, value in options.items()}
    unknown = sorted(set(renamed) - set(StartOptions.__dataclass_fields__))
    if unknown:
        raise TypeError(
            f"unknown option {unknown[0]!r}; known: {', '.join(sorted(StartOptions.__dataclass_fields__))}"
        )
    return StartOptions(**renamed)


class Decorator(Protocol):
    """`@workflow(...)`: keeps the function's signature."""

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, T]], /
    ) -> Workflow[P, Coroutine[Any, Any, T], T]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Workflow[P, R, R]: ...


@overload
def workflow(function: Callable[P, Coroutine[Any, Any, T]], /) -> Workflow[P, Coroutine[Any, Any, T], T]: ...
@overload
def workflow(function: Callable[P, R], /) -> Workflow[P, R, R]: ...
@overload
def workflow(
    *,
    id: str | None = None,
    description: str | None = None,
    queue: str | Queue | Mapping[str, Any] | None = None,
    trigger_on_event: str | None = None,
    batch_size: int = 1,
    batch_timeout_seconds: float | None = None,
    schedule: bool | str | Mapping[str, Any] | None = None,
    on_start: HooksGiven = None,
    on_end: HooksGiven = None,
    state_schema: type[BaseModel] | None = None,
    steps_per_invocation: int | None = 1,
    run_timeout_seconds: float | None = None,
    compute_timeout_seconds: float | None = None,
    policies: Sequence[str | Mapping[str, Any]] = (),
    environment: Mapping[str, str] | None = None,
    layers: Sequence[str] = (),
    vpc: Mapping[str, Sequence[str]] | None = None,
) -> Decorator: ...
def workflow(
    function: Callable[..., Any] | None = None,
    /,
    *,
    id: str | None = None,  # the contract's name
    description: str | None = None,
    queue: str | Queue | Mapping[str, Any] | None = None,
    trigger_on_event: str | None = None,
    batch_size: int = 1,
    batch_timeout_seconds: float | None = None,
    schedule: bool | str | Mapping[str, Any] | None = None,
    on_start: HooksGiven = None,
    on_end: HooksGiven = None,
    state_schema: type[BaseModel] | None = None,
    steps_per_invocation: int | None = 1,
    run_timeout_seconds: float | None = None,
    compute_timeout_seconds: float | None = None,
    policies: Sequence[str | Mapping[str, Any]] = (),
    environment: Mapping[str, str] | None = None,
    layers: Sequence[str] = (),
    vpc: Mapping[str, Sequence[str]] | None = None,
) -> Any:
    """Register a function as a workflow, bare or called.

    The function takes a context and, if it wants, a payload. Sync functions run as one recorded call.
    `steps_per_invocation`: how many steps one Lambda invocation may run (None: as many as fit). `run_timeout_seconds`
    is wall clock from the start. `policies`, `environment`, `layers`, `vpc`: what it needs of the Lambda function of
    its queue, see `polos.core.definitions.Compute`. Raises `InvalidDefinition` for settings that cannot work.
    """
    if trigger_on_event is not None and schedule:
        raise InvalidDefinition("a workflow has a schedule or trigger_on_event, not both")
    if steps_per_invocation is not None and steps_per_invocation < 1:
        raise InvalidDefinition(
            f"steps_per_invocation={steps_per_invocation}: 1 or more, or None for as many as fit"
        )
    trigger = None
    if trigger_on_event is not None:
        trigger = Trigger(trigger_on_event, batch_size, batch_timeout_seconds)

    def register(target: Callable[..., Any]) -> Workflow[Any, Any]:
        name = getattr(target, "__name__", None) if id is None else id
        if name is None:
            raise InvalidDefinition(f"{target!r} has no name: give the workflow an id")
        definition = Definition(
            id=name,
            function=target,
            description=description or (target.__doc__ or "").strip(),
            queue=queue_of(queue, name),
            trigger=trigger,
            schedule=_schedule(schedule),
            on_start=as_hooks(on_start),
            on_end=as_hooks(on_end),
            state_schema=state_schema,
            steps_per_invocation=steps_per_invocation,
            run_timeout=run_timeout_seconds,
            compute_timeout=compute_timeout_seconds,
            compute=Compute(policies, environment or {}, layers, vpc or {}),
        )
        registry.add(definition)
        return Workflow(definition)

    return register if function is None else register(function)


def queue(name: str, concurrency_limit: int | None = None, **settings: Any) -> Queue:
    """A queue; the same as `Queue(...)`."""
    return Queue(name, concurrency_limit, **settings)


def queue_of(given: str | Queue | Mapping[str, Any] | None, workflow_id: str) -> Queue | None:
    match given:
        case None | Queue():
            return given
        case str():
            return Queue(given)
        case Mapping():
            settings = dict(given)
            unknown = sorted(set(settings) - set(Queue.__dataclass_fields__))
            if unknown:
                raise InvalidDefinition(f"queue of {workflow_id!r}: unknown setting {unknown[0]!r}")
            return Queue(**{"name": workflow_id, **settings})
        case _:
            raise InvalidDefinition(
                f"queue of {workflow_id!r}: expected a name, a Queue or a dict, got {given!r}"
            )


def _schedule(given: bool | str | Mapping[str, Any] | None) -> Schedule | None:
    match given:
        case None | False:
            return None
        case True:
            return Schedule()
        case str():
            return Schedule(given)
        case Mapping():
            return Schedule(**given)
        case _:
            raise InvalidDefinition(
                f"schedule: expected True, a cron line or a dict with 'cron', got {given!r}"
            )
