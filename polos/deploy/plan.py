"""Plan: the stack of an app as frozen data. Nothing is read or written here but the data of `infra/`.

for each Polos queue      an SQS queue, a function with its size, a role
for the stack             a queue for news and its function; a dead-letter queue and its function; the API's
                          function; the sweeper's, woken every few minutes
for each schedule         one EventBridge schedule, or two for a line that restricts both day fields
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from polos.adapters.aws.tables import NEWS_VISIBILITY
from polos.core.cron import Cron, to_eventbridge
from polos.core.definitions import Compute, Queue
from polos.deploy.collect import App
from polos.deploy.naming import logical_name
from polos.deploy.permissions import Permission, permissions, role_permissions, secret_permissions
from polos.errors import InvalidDefinition, InvalidSchedule
from polos.runtime import names
from polos.runtime.delivery import MAX_RECEIVES
from polos.runtime.schedules import ScheduleRecord, code_schedules

WORKER_TIMEOUT: Final = 900
WORKER_MEMORY: Final = 1024
NEWS_TIMEOUT: Final = NEWS_VISIBILITY - 10
API_TIMEOUT: Final = 30
SWEEPER_TIMEOUT: Final = 300
SMALL_MEMORY: Final = 512
VISIBILITY_MARGIN: Final = 60
SWEEP_MINUTES: Final = 5
NEWS_BATCH: Final = 10
LONGEST_STACK_NAME: Final = 128
_RUNS_BODIES: Final = (
    "news",
    "dead",
)  # workers apart: they replay workflows, whose bodies may ask for secrets


@dataclass(frozen=True, slots=True)
class Options:
    """What a build is told. `target`: "lambda", or "host" for an emulator that runs functions on this machine."""

    name: str
    stage: str = "dev"
    target: str = "lambda"
    runtime: str = "python3.13"
    tracing: bool = False

    def __post_init__(self) -> None:
        length = len(f"{self.name}-{self.stage}")
        if length > LONGEST_STACK_NAME:
            raise InvalidDefinition(
                f"the stack {self.name[:20]}...-{self.stage} would have a name of {length} characters; CloudFormation "
                f"takes {LONGEST_STACK_NAME}: give a shorter --name"
            )


@dataclass(frozen=True, slots=True)
class QueuePlan:
    """An SQS queue. `name` is what the engine calls it; times are seconds; `max_receives` None: it has no redrive."""

    id: str
    name: str
    visibility: int
    max_receives: int | None = MAX_RECEIVES


@dataclass(frozen=True, slots=True)
class FunctionPlan:
    """A Lambda function. `role`, `logs`, `source`: ids of its role, log group and event source.

    `queue`: what it consumes. `memory` is in MB, `timeout` in seconds, `batch` in messages.
    """

    id: str
    kind: str
    about: str
    memory: int
    timeout: int
    architecture: str
    role: str
    logs: str
    permissions: tuple[Permission, ...]
    queue: QueuePlan | None = None
    source: str = ""
    batch: int = 1
    max_invocations: int | None = None
    environment: tuple[tuple[str, str], ...] = ()
    layers: tuple[str, ...] = ()
    managed_policies: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """One EventBridge schedule of a workflow."""

    id: str
    record: ScheduleRecord
    expression: str


@dataclass(frozen=True, slots=True)
class StackPlan:
    """Everything of a stack that depends on the app."""

    options: Options
    modules: tuple[str, ...]
    queues: tuple[QueuePlan, ...]
    functions: tuple[FunctionPlan, ...]
    schedules: tuple[SchedulePlan, ...]
    schedule_permissions: tuple[Permission, ...] = ()
    sweep_permissions: tuple[Permission, ...] = ()
    secrets: tuple[str, ...] = ()

    @property
    def architectures(self) -> tuple[str, ...]:
        """The processors that a package is needed for."""
        return tuple(sorted({function.architecture for function in self.functions}))

    @property
    def step_queues(self) -> tuple[QueuePlan, ...]:
        """The queues of workflows, without those of the stack itself."""
        return tuple(queue for queue in self.queues if not queue.name.startswith("$"))


def plan(app: App, options: Options) -> StackPlan:
    """The stack of an app.

    Raises:
        InvalidDefinition: A setting that AWS does not allow; the message names the place and the fix.
    """
    secrets = secret_permissions(app.secrets)
    by_queue = {queue.name: _compute_of(queue, app) for queue in app.queues}
    steps = [(_step_queue(queue), queue) for queue in app.queues]
    news = QueuePlan("NewsQueue", names.NEWS_QUEUE, NEWS_VISIBILITY)
    dead = QueuePlan("DeadQueue", names.DEAD_QUEUE, NEWS_VISIBILITY, None)
    shared = _shared([compute for asked in by_queue.values() for _, compute in asked])

    def stack_function(kind: str, about: str, queue: QueuePlan | None = None) -> FunctionPlan:
        own = permissions(kind, tracing=options.tracing) + (secrets if kind in _RUNS_BODIES else ())
        return replace(_stack_function(kind, about, queue), permissions=own, **shared)

    functions = [
        *(
            _worker(plan, queue, compute=by_queue[queue.name], options=options, secrets=secrets)
            for plan, queue in steps
        ),
        stack_function("news", "Timers, ends of children, signals and events; it runs no steps.", news),
        stack_function(
            "dead", "What no function could handle: recorded, so that its execution goes on.", dead
        ),
        stack_function("api", "The HTTP API."),
        stack_function("sweeper", "Kicks what has been silent for too long; keeps records of the schedules."),
    ]
    return StackPlan(
        options,
        app.modules,
        (*(queue for queue, _ in steps), news, dead),
        tuple(functions),
        tuple(_schedules(app)),
        role_permissions("schedule"),
        role_permissions("sweep"),
        app.secrets,
    )


def _step_queue(queue: Queue) -> QueuePlan:
    timeout = queue.timeout or WORKER_TIMEOUT
    return QueuePlan(f"Queue{logical_name(queue.name)}", queue.name, timeout + VISIBILITY_MARGIN)


def _worker(
    queue_plan: QueuePlan,
    queue: Queue,
    *,
    compute: Sequence[tuple[str, Compute]],
    options: Options,
    secrets: tuple[Permission, ...],
) -> FunctionPlan:
    name = logical_name(queue.name)
    statements, managed = _grants(compute)
    vpc = _vpc(compute, queue.name)
    own = permissions("worker", tracing=options.tracing, vpc=bool(vpc))
    return FunctionPlan(
        id=f"Worker{name}",
        kind="worker",
        about=f"Starts and steps of the queue {queue.name!r}.",
        memory=queue.memory_mb or WORKER_MEMORY,
        timeout=queue.timeout or WORKER_TIMEOUT,
        architecture=queue.architecture or "arm64",
        role=f"Role{name}",
        logs=f"Logs{name}",
        permissions=own + secrets + statements,
        queue=queue_plan,
        source=f"Source{name}",
        max_invocations=queue.max_invocations,
        environment=_environment(compute, queue.name),
        layers=tuple(dict.fromkeys(layer for _, each in compute for layer in each.layers)),
        managed_policies=managed,
        subnets=tuple(vpc.get("subnets", ())),
        security_groups=tuple(vpc.get("security_groups", ())),
    )


def _shared(asked: Sequence[Compute]) -> dict[str, Any]:
    """What the stack's own functions have of what users ask for: they import the app's modules too.

    Layers with what those import, and variables, but for one that differs from queue to queue. No policies: they run no
    steps.
    """
    values: dict[str, set[str]] = {}
    for compute in asked:
        for name, value in compute.environment.items():
            values.setdefault(name, set()).add(value)
    return {
        "environment": tuple((name, values[name].pop()) for name in sorted(values) if len(values[name]) == 1),
        "layers": tuple(dict.fromkeys(layer for compute in asked for layer in compute.layers)),
    }


def _stack_function(kind: str, about: str, queue: QueuePlan | None = None) -> FunctionPlan:
    name = kind.capitalize()
    return FunctionPlan(
        id=f"{name}Function",
        kind=kind,
        about=about,
        memory=SMALL_MEMORY,
        timeout={"api": API_TIMEOUT, "sweeper": SWEEPER_TIMEOUT}.get(kind, NEWS_TIMEOUT),
        architecture="arm64",
        role=f"{name}Role",
        logs=f"{name}Logs",
        permissions=(),
        queue=queue,
        source=f"{name}Source" if queue else "",
        batch=NEWS_BATCH,
    )


# --- what users ask for, on queues and decorators ---------------------------------------------------------------------


def _compute_of(queue: Queue, app: App) -> list[tuple[str, Compute]]:
    """(who asks, what for) of everything that runs in the function of a queue."""
    asked = [(f"queue {queue.name!r}", queue.compute)]
    asked += [
        (f"{definition.kind} {definition.id!r} ({definition.place})", definition.compute)
        for definition in app.definitions
        if definition.queue_name == queue.name
    ]
    return [(who, compute) for who, compute in asked if compute]


def _grants(asked: Sequence[tuple[str, Compute]]) -> tuple[tuple[Permission, ...], tuple[str, ...]]:
    statements: list[Permission] = []
    managed: list[str] = []
    for who, compute in asked:
        for policy in compute.policies:
            if isinstance(policy, str):
                managed.append(policy if policy.startswith("arn:") else f"aws:{policy}")
            else:
                statements.append(Permission.of_user(policy, who=who, number=len(statements) + 1))
    return tuple(statements), tuple(dict.fromkeys(managed))


def _environment(asked: Sequence[tuple[str, Compute]], queue: str) -> tuple[tuple[str, str], ...]:
    found: dict[str, tuple[str, str]] = {}
    for who, compute in asked:
        for name, value in compute.environment.items():
            if name.startswith(("POLOS_", "AWS_")):
                raise InvalidDefinition(
                    f"{who}: environment variable {name} belongs to polos or Lambda; rename it"
                )
            before = found.setdefault(name, (value, who))
            if before[0] != value:
                raise InvalidDefinition(
                    f"the function of queue {queue!r} gets {name}={before[0]!r} from {before[1]} and {value!r} from "
                    f"{who}; give one of them a queue of its own"
                )
    return tuple((name, found[name][0]) for name in sorted(found))


def _vpc(asked: Sequence[tuple[str, Compute]], queue: str) -> Mapping[str, Sequence[str]]:
    wanted = {who: compute.vpc for who, compute in asked if compute.vpc}
    for who, vpc in wanted.items():
        if set(vpc) != {"subnets", "security_groups"} or not all(vpc.values()):
            raise InvalidDefinition(
                f"{who}: vpc={dict(vpc)!r}; give both: {{'subnets': ['subnet-...'], 'security_groups': ['sg-...']}}"
            )
    if len({str(sorted((key, tuple(value)) for key, value in vpc.items())) for vpc in wanted.values()}) > 1:
        raise InvalidDefinition(
            f"the function of queue {queue!r} cannot be in two networks: {', '.join(wanted)}; "
            "give one a queue of its own"
        )
    return next(iter(wanted.values()), {})


# --- schedules --------------------------------------------------------------------------------------------------------


def _schedules(app: App) -> Iterator[SchedulePlan]:
    places: dict[str, Any] = {definition.id: definition.place for definition in app.definitions}
    for record in code_schedules(app.definitions):
        try:
            expressions = to_eventbridge(Cron.parse(record.cron))
        except InvalidSchedule as error:
            raise InvalidSchedule(
                f"workflow {record.workflow!r} ({places[record.workflow]}): {error}"
            ) from error
        name = logical_name(record.workflow if record.key == "global" else f"{record.workflow}|{record.key}")
        for prefix, expression in zip(("Schedule", "SecondSchedule"), expressions, strict=False):
            yield SchedulePlan(f"{prefix}{name}", record, expression)
