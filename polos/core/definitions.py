"""What a decorator describes: plain frozen data, and the one registry that holds it.

Decorators only describe: nothing here reads the environment, the clock or the network.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from polos.core.codec import MISSING, Codec, codec_for, parameter_annotation, return_annotation
from polos.core.naming import check_id, check_name
from polos.errors import InvalidDefinition, UnknownWorkflow

DEFAULT_QUEUE: Final = "default"


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `limit` starts of steps in any window of `seconds`, per queue and concurrency key."""

    limit: int
    seconds: float

    def __post_init__(self) -> None:
        if self.limit < 1 or self.seconds <= 0:
            raise InvalidDefinition(
                f"rate limit {self.limit} per {self.seconds} s: give at least 1 per a positive time"
            )


def _nothing() -> dict[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class Compute:
    """What code needs of the Lambda function that it runs in, beside its size. Nowhere else does it mean anything.

    `policies`: statements of IAM, as dicts with `Action`, `Resource` and, if one of them is `*`, `Why`; or names and
    ARNs of managed policies. `environment`: variables; secrets have no place there, the template would show them.
    `layers`: ARNs. `vpc`: {"subnets": [...], "security_groups": [...]}.
    """

    policies: Sequence[str | Mapping[str, Any]] = field(default=(), hash=False)
    environment: Mapping[str, str] = field(default_factory=_nothing, hash=False)
    layers: Sequence[str] = field(default=(), hash=False)
    vpc: Mapping[str, Sequence[str]] = field(default_factory=_nothing, hash=False)

    def __bool__(self) -> bool:
        return bool(self.policies or self.environment or self.layers or self.vpc)


@dataclass(frozen=True, slots=True)
class Queue:
    """Where executions of a workflow run, how many at once, and on what size of machine.

    `concurrency_limit`: executions of this queue (and concurrency key) that run at the same time; None: no limit.
    `memory_mb`, `timeout` (seconds, at most 900), `architecture` ("arm64" or "x86_64"): the Lambda of this queue.
    `max_invocations`: invocations of it at the same time, 2 to 1000; None: as many as there is work for. The last four
    are for it too, see `Compute`.
    """

    name: str
    concurrency_limit: int | None = None
    rate_limit: RateLimit | None = None
    memory_mb: int | None = None
    timeout: int | None = None
    architecture: str | None = None
    max_invocations: int | None = None
    policies: Sequence[str | Mapping[str, Any]] = field(default=(), hash=False)
    environment: Mapping[str, str] = field(default_factory=_nothing, hash=False)
    layers: Sequence[str] = field(default=(), hash=False)
    vpc: Mapping[str, Sequence[str]] = field(default_factory=_nothing, hash=False)

    @property
    def compute(self) -> Compute:
        """What its function needs beside its size."""
        return Compute(self.policies, self.environment, self.layers, self.vpc)

    def __post_init__(self) -> None:
        check_id("a queue", self.name)
        if self.concurrency_limit is not None and self.concurrency_limit < 1:
            raise InvalidDefinition(
                f"queue {self.name!r}: concurrency_limit={self.concurrency_limit}; give 1 or more, or None for no limit"
            )
        if self.timeout is not None and not 1 <= self.timeout <= 900:
            raise InvalidDefinition(f"queue {self.name!r}: timeout={self.timeout} s; Lambda allows 1 to 900")
        if self.memory_mb is not None and not 128 <= self.memory_mb <= 10240:
            raise InvalidDefinition(
                f"queue {self.name!r}: memory_mb={self.memory_mb}; Lambda allows 128 to 10240"
            )
        if self.architecture not in (None, "arm64", "x86_64"):
            raise InvalidDefinition(
                f"queue {self.name!r}: architecture={self.architecture!r}; say 'arm64' or 'x86_64'"
            )
        if self.max_invocations is not None and not 2 <= self.max_invocations <= 1000:
            raise InvalidDefinition(
                f"queue {self.name!r}: max_invocations={self.max_invocations}; Lambda takes 2 to 1000 for a queue's "
                "poller. To run one execution at a time, say concurrency_limit=1"
            )


@dataclass(frozen=True, slots=True)
class Schedule:
    """`cron=None`: the workflow may be scheduled later, at run time.

    `overlap`: "allow" starts every tick; "skip" leaves out a tick while the run of an earlier one is under way.
    """

    cron: str | None = None
    timezone: str = "UTC"
    key: str = "global"
    overlap: str = "allow"


@dataclass(frozen=True, slots=True)
class Trigger:
    """Start on events of a topic, one by one or in batches of `batch_size` or what came in `batch_timeout` seconds."""

    topic: str
    batch_size: int = 1
    batch_timeout: float | None = None


@dataclass(frozen=True)
class Definition:
    """A workflow (an agent and a tool are workflows too): its code and its settings.

    `takes_payload`: whether the function has a second parameter. `steps_per_invocation`: how many steps an invocation
    may run itself, None for as many as fit. `kind` is "workflow", "agent" or "tool". `context` is the class of the
    context its function is given, `WorkflowContext` if None. `compute`: what it needs of its queue's Lambda function.
    """

    id: str
    function: Callable[..., Any]
    kind: str = "workflow"
    description: str = ""
    queue: Queue | None = None
    trigger: Trigger | None = None
    schedule: Schedule | None = None
    on_start: Sequence[Any] = ()
    on_end: Sequence[Any] = ()
    state_schema: Any = None
    steps_per_invocation: int | None = 1
    run_timeout: float | None = None
    compute_timeout: float | None = None
    context: Any = None
    compute: Compute = Compute()
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_id(f"a{'n' if self.kind == 'agent' else ''} {self.kind}", self.id)
        check_name("the topic", self.trigger.topic if self.trigger else None)

    @property
    def queue_name(self) -> str:
        """The queue its executions run in unless an invocation says otherwise."""
        return self.queue.name if self.queue else DEFAULT_QUEUE

    @cached_property
    def is_async(self) -> bool:
        """Whether the body is a coroutine function: only those can use durable verbs."""
        return inspect.iscoroutinefunction(self.function)

    @cached_property
    def takes_payload(self) -> bool:
        """Whether the function has a parameter for the payload."""
        return len(_positional(self.function)) > 1

    @cached_property
    def payload_annotation(self) -> Any:
        """What the function says that it takes; `MISSING` if it says nothing."""
        names = _positional(self.function)
        return parameter_annotation(self.function, names[1]) if len(names) > 1 else MISSING

    @cached_property
    def result_annotation(self) -> Any:
        """What the function says that it gives; `MISSING` if it says nothing."""
        return return_annotation(self.function)

    @cached_property
    def payload_codec(self) -> Codec[Any]:
        """How payloads are checked and stored. Built when first used: decorators must stay cheap."""
        return codec_for(self.payload_annotation, root="payload")

    @cached_property
    def outside_codec(self) -> Codec[Any]:
        """How payloads are read that come as JSON from outside, in which nothing is taken for a stored type."""
        return codec_for(self.payload_annotation, root="payload", trusted=False)

    @cached_property
    def result_codec(self) -> Codec[Any]:
        """How results are stored."""
        return codec_for(self.result_annotation, root="result")

    @property
    def place(self) -> str:
        """`file:line` of the function, for error messages."""
        code = getattr(inspect.unwrap(self.function), "__code__", None)
        return f"{code.co_filename}:{code.co_firstlineno}" if code else repr(self.function)


def _positional(function: Callable[..., Any]) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p.name for p in inspect.signature(function).parameters.values() if p.kind in kinds]


class Registry:
    """The definitions of this process by id."""

    def __init__(self) -> None:
        self._definitions: dict[str, Definition] = {}
        self.queues: dict[str, Queue] = {}
        self.secrets: set[str] = set()
        """The names that `secret(...)` was called with: what the code may be granted to read."""

    def add(self, definition: Definition) -> None:
        """Register. Two definitions with one id are an error, unless it is the same function reloaded."""
        known = self._definitions.get(definition.id)
        if known is not None and not _same_source(known.function, definition.function):
            raise InvalidDefinition(
                f"two workflows have the id {definition.id!r}: {known.place} and {definition.place}; "
                "give one of them another id"
            )
        if definition.queue is not None:
            self.add_queue(definition.queue)
        self._definitions[definition.id] = definition

    def add_queue(self, queue: Queue) -> None:
        """Register a queue. Two that differ under one name are an error."""
        known = self.queues.setdefault(queue.name, queue)
        if known != queue:
            raise InvalidDefinition(
                f"queue {queue.name!r} is described twice, differently: {known} and {queue}"
            )

    def get(self, workflow_id: str) -> Definition:
        """The definition; `UnknownWorkflow` names what is registered."""
        try:
            return self._definitions[workflow_id]
        except KeyError:
            raise UnknownWorkflow(workflow_id, tuple(self._definitions)) from None

    def find(self, workflow_id: str) -> Definition | None:
        """The definition, or None."""
        return self._definitions.get(workflow_id)

    def remove(self, workflow_id: str) -> None:
        """Forget a definition; unknown ids are ignored."""
        self._definitions.pop(workflow_id, None)

    def adopt(self, other: Registry) -> None:
        """Hold what another registry holds now, in place of what this one held: how a running process gets new code."""
        self._definitions = dict(other._definitions)
        self.queues, self.secrets = dict(other.queues), set(other.secrets)

    def __iter__(self) -> Iterator[Definition]:
        return iter(sorted(self._definitions.values(), key=lambda d: d.id))

    def __contains__(self, workflow_id: object) -> bool:
        return workflow_id in self._definitions

    def __len__(self) -> int:
        return len(self._definitions)


def _same_source(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """The same function, imported twice: same file and name. `__main__` and its module name are the same file."""
    first, second = inspect.unwrap(one), inspect.unwrap(other)
    codes = getattr(first, "__code__", None), getattr(second, "__code__", None)
    if codes[0] is None or codes[1] is None:
        return first is second
    return (codes[0].co_filename, first.__qualname__) == (codes[1].co_filename, second.__qualname__)


registry: Final = Registry()
"""The one import-time global: what the decorators of this process have described."""
