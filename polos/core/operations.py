"""The operations a workflow's code can issue, as plain data.

Those in `Operation` are answered by an entry of the journal; an `Effect` needs no answer: its result is known when it
is issued, and whoever appended the entry that made the code issue it carries it out, at least once, idempotently.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from polos.core.codec import Codec
from polos.core.retry import RetryPolicy


@dataclass(
    slots=True
)  # not frozen: made at every step of every replay, and frozen ones take three times as long
class RunStep:
    """Call a function. `inline`: wherever it becomes runnable, without a message or an invocation of its own.

    `codec` encodes its result; `queue` names other compute; `timeout` is in seconds per attempt.
    """

    key: str
    function: Callable[..., Any]
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    codec: Codec[Any] | None = None
    retry: RetryPolicy = field(default_factory=RetryPolicy)
    timeout: float | None = None
    queue: str | None = None
    inline: bool = False


@dataclass(frozen=True, slots=True)
class Timer:
    """Wait until `due` (epoch seconds)."""

    due: float


@dataclass(frozen=True, slots=True)
class Suspend:
    """Wait for a resume. `data` (JSON text) is published as `suspend_<key>`; `due`: when it times out."""

    data: str
    due: float | None


@dataclass(frozen=True, slots=True)
class AwaitEvent:
    """Wait for the next event of a topic that this execution has not consumed and that `match` accepts.

    `since`: "start" takes events published since this execution began, "now" those since this wait began.
    """

    topic: str
    match: Callable[[Any], bool] | Mapping[str, Any] | None
    since: str
    due: float | None


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """Another execution to start. Its id is derived: starting it twice starts it once. `payload` is JSON text.

    `limit`: that of `queue`, if a `Queue` was given.
    """

    execution: str
    workflow: str
    payload: str
    queue: str | None = None
    limit: int | None = None
    concurrency_key: str | None = None
    initial_state: str | None = None
    run_timeout: float | None = None
    session: str | None = None
    user: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CallChild:
    """Start a child and wait for its outcome; `codec` reads its result."""

    child: ChildSpec
    codec: Codec[Any] | None = None


@dataclass(frozen=True, slots=True)
class AwaitChild:
    """Wait for the outcome of a child that was started before."""

    execution: str
    workflow: str
    codec: Codec[Any] | None = None


Operation = RunStep | Timer | Suspend | AwaitEvent | CallChild | AwaitChild


@dataclass(frozen=True, slots=True)
class StartChild:
    """Start a child and do not wait."""

    child: ChildSpec


@dataclass(frozen=True, slots=True)
class Publish:
    """Append an event to a topic, once by its id."""

    topic: str
    event_id: str
    event_type: str
    data: str


@dataclass(frozen=True, slots=True)
class ResumeOther:
    """Resume a suspended operation of another execution with `data` (JSON text)."""

    execution: str
    workflow: str
    key: str
    data: str
    event_id: str


Effect = StartChild | Publish | ResumeOther
