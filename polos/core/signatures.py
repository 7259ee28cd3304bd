"""What type checkers know of workflows: whose payload is checked, and what a call of it gives.

A decorated function keeps its signature `(ctx, payload) -> result`, and these protocols read payload and result off it.
Nothing here is looked at when a program runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ParamSpec, Protocol, TypedDict, TypeVar

from polos.core.definitions import Definition, Queue

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Callee(Protocol[P, T_co]):
    """A workflow: P is the signature of its function, T_co what an execution of it gives."""

    @property
    def definition(self) -> Definition: ...
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Any: ...
    def decode(self, text: str) -> T_co: ...


class CalleeTool(Protocol[T_co]):
    """A tool: it is called with its arguments in a mapping or a model, whatever its function takes."""

    @property
    def definition(self) -> Definition: ...
    @property
    def parameters(self) -> dict[str, Any]: ...
    def decode(self, text: str) -> T_co: ...


Bare = Callee[[Any], T] | Callee[[Any, None], T] | Callee[[Any, dict[str, Any]], T]
"""A workflow that may be called without a payload: it takes none, or None, or an empty dict."""


class ChildOptions(TypedDict, total=False):
    """How a workflow starts another one, beside its payload; see `ctx.step.invoke`."""

    initial_state: Any
    queue: str | Queue | None
    concurrency_key: str | None
    run_timeout_seconds: float | None


class CallOptions(TypedDict, total=False):
    """How a client starts an execution, beside its payload; see `StartOptions`."""

    client: Any
    queue: str | Queue | None
    queue_name: str | None
    concurrency_key: str | None
    session_id: str | None
    user_id: str | None
    deployment: str | None
    initial_state: Any
    run_timeout_seconds: float | None
    compute_timeout: float | None
    idempotency_key: str | None
    on_conflict: str
    priority: int
    attributes: Mapping[str, str]
