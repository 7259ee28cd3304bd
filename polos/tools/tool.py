"""`@tool`: a function that a model may call. A tool is a workflow, so each call of it is an execution of its own.

    @tool
    def get_weather(ctx, city: str, days: int = 1) -> str:
        '''The weather forecast of a city.

        Args:
            city: Name of the city, in English.
        '''

What the model is shown comes from the name, the docstring and the annotations. An async tool may use `ctx.step`; a
sync one runs in a thread, as one recorded step.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, ParamSpec, Protocol, Unpack, cast, overload

from pydantic import BaseModel
from typing_extensions import TypeVar

from polos.core.codec import return_annotation
from polos.core.context import WorkflowContext
from polos.core.definitions import Definition, Queue, registry
from polos.core.hooks import HooksGiven, as_hooks, is_async
from polos.core.models import ExecutionHandle
from polos.core.signatures import CallOptions
from polos.errors import InvalidDefinition
from polos.runtime.client import Client
from polos.runtime.workflow import Workflow, queue_of
from polos.tools.approval import ask_approval
from polos.tools.docstrings import read
from polos.tools.parameters import Parameters

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")
G = TypeVar("G", default=Any)

Arguments = Mapping[str, Any] | BaseModel | None
"""The arguments of a tool, as one value."""

APPROVALS: Final = (None, "none", "always")


@dataclass(frozen=True)
class ToolDefinition(Definition):
    """The definition of a tool: its payload is the model of its parameters, its result what the function returns."""

    called: Callable[..., Any] = field(kw_only=True)
    parameters: Parameters = field(kw_only=True)

    @cached_property
    def takes_payload(self) -> bool:
        """Always: its arguments, none of them if it has no parameters."""
        return True

    @cached_property
    def payload_annotation(self) -> Any:
        """What its arguments are checked by."""
        return self.parameters.model

    @cached_property
    def result_annotation(self) -> Any:
        """What the function says that it gives."""
        return return_annotation(self.called)


class Tool(Workflow[P, R, G]):
    """A tool: call it with a context and its arguments as the plain function it is, or let a model call it.

    `run(arguments)` and `invoke(arguments)`, with a dict of arguments, execute it durably without a model.
    """

    def __init__(
        self, definition: ToolDefinition, *, function: Callable[..., Any], parameters: Parameters
    ) -> None:
        super().__init__(definition)
        self.function = function
        self._parameters = parameters
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """The undecorated function."""
        return cast(R, self.function(*args, **kwargs))

    async def invoke(self, *args: Client | Arguments, **options: Unpack[CallOptions]) -> ExecutionHandle[G]:
        """Start an execution without a model: `invoke([client,] arguments, ...)`."""
        return await self._begin(args, dict(options))

    async def run(
        self, *args: Client | Arguments, timeout: float | None = 600.0, **options: Unpack[CallOptions]
    ) -> G:
        """Start an execution without a model, `run([client,] arguments, ...)`, and wait for its result."""
        return cast(G, await self._finish(args, timeout, dict(options)))

    @property
    def description(self) -> str:
        """What the model is told of it."""
        return self.definition.description

    @property
    def parameters(self) -> dict[str, Any]:
        """The JSON schema of its arguments."""
        return self._parameters.schema

    @property
    def approval(self) -> str | None:
        """ "always" if a person has to approve each call."""
        return cast("str | None", self.definition.options.get("approval"))


class Decorator(Protocol):
    """`@tool(...)`: keeps the function's signature."""

    @overload
    def __call__(
        self, function: Callable[P, Coroutine[Any, Any, T]], /
    ) -> Tool[P, Coroutine[Any, Any, T], T]: ...
    @overload
    def __call__(self, function: Callable[P, R], /) -> Tool[P, R, R]: ...


@overload
def tool(function: Callable[P, Coroutine[Any, Any, T]], /) -> Tool[P, Coroutine[Any, Any, T], T]: ...
@overload
def tool(function: Callable[P, R], /) -> Tool[P, R, R]: ...
@overload
def tool(
    *,
    id: str | None = None,
    description: str | None = None,
    queue: str | Queue | Mapping[str, Any] | None = None,
    on_start: HooksGiven = None,
    on_end: HooksGiven = None,
    approval: str | None = None,
    run_timeout_seconds: float | None = None,
) -> Decorator: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    id: str | None = None,  # the contract's name
    description: str | None = None,
    queue: str | Queue | Mapping[str, Any] | None = None,
    on_start: HooksGiven = None,
    on_end: HooksGiven = None,
    approval: str | None = None,
    run_timeout_seconds: float | None = None,
) -> Any:
    """Register `f(ctx, ...)` as a tool, bare or called: any number of typed parameters, or one pydantic model.

    `approval="always"`: each call waits for a person. `queue`: where its calls run, and how many at once.

    Raises:
        InvalidDefinition: The function cannot be called by a model: no context, `*args`, a clash of ids.
    """
    if approval not in APPROVALS:
        raise InvalidDefinition(f"approval={approval!r}: say 'always', or leave it out")

    def register(target: Callable[..., Any]) -> Tool[Any, Any]:
        name = id or getattr(target, "__name__", None)
        if not name or name == "<lambda>":
            raise InvalidDefinition(f"{target!r} has no name: give the tool an id")
        described = read(target.__doc__)
        about = description or described.text
        parameters = Parameters(target, name, described.parameters)
        asks = approval == "always"
        definition = ToolDefinition(
            id=name,
            function=_body(target, name, parameters, about=about if asks else None),
            kind="tool",
            description=about,
            queue=queue_of(queue, name),
            on_start=as_hooks(on_start),
            on_end=as_hooks(on_end),
            run_timeout=run_timeout_seconds,
            options={"approval": approval} if asks else {},
            called=target,
            parameters=parameters,
        )
        registry.add(definition)
        return Tool(definition, function=target, parameters=parameters)

    return register if function is None else register(function)


def _body(
    target: Callable[..., Any], name: str, parameters: Parameters, *, about: str | None
) -> Callable[[WorkflowContext, Any], Any]:
    """The workflow around the function. `about`: what to tell a person who has to approve; None: nobody has to."""

    @functools.wraps(target)
    async def body(ctx: WorkflowContext, payload: Any) -> Any:
        if about is not None:
            await ask_approval(ctx, name, description=about, arguments=_shown(payload))
        args, kwargs = parameters.call(payload)
        if is_async(target):
            return await target(ctx, *args, **kwargs)
        call = functools.partial(target, ctx, *args, **kwargs)
        return await ctx.step.run("call", call, max_retries=0)

    return body


def _shown(payload: Any) -> dict[str, Any]:
    if isinstance(payload, BaseModel):
        return payload.model_dump(mode="json", by_alias=True)
    return dict(payload)
