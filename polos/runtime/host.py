"""What all invocations of one worker process share: the ports, the code, limits, and what is kept warm.

Kept warm are prefixes of journals, which never change, and clean event loops; never a coroutine (rule 16).
"""

from __future__ import annotations

import copy
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, TypeVar, cast

from polos.core.context import make_body
from polos.core.definitions import DEFAULT_QUEUE, Definition, Registry
from polos.core.journal import Entry, Journal
from polos.core.loop import ReplayLoop
from polos.core.replay import Replay
from polos.core.start import StartInfo
from polos.ports import Ports
from polos.runtime import names
from polos.runtime.executions import Executions
from polos.runtime.logs import body_logger
from polos.runtime.spilling import spilling
from polos.runtime.step_logs import listen
from polos.runtime.steps import StepRunner
from polos.runtime.tracing import Tracer

T = TypeVar("T")

LONGEST_RUN_SECONDS: Final = 366 * 86_400.0
"""How long an execution may run before its first entries may be forgotten (with retention set)."""

log = logging.getLogger("polos.worker")


class Lease(Protocol):
    """The right to work on the messages at hand."""

    def check(self) -> None:
        """Raise `LeaseLost` if it has run out. Called before each write, send and step (rule 8)."""
        ...

    def remaining(self) -> float:
        """Seconds this invocation may still run; no new step is begun when too few are left."""
        ...

    def meanwhile(self, sign: Callable[[], object]) -> None:
        """Call `sign` now and then while the work goes on."""
        ...


class Endless:
    """The lease of somebody who owns the whole store: nobody else can take the message."""

    def check(self) -> None:
        """Always good."""

    def remaining(self) -> float:
        """As long as it takes."""
        return float("inf")

    def meanwhile(self, sign: Callable[[], object]) -> None:
        """Never: it is nobody's business."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits of the engine.

    `max_hops`: messages in one chain before the runaway guard stalls the execution. `spare_seconds`: no step is begun
    inline when fewer are left. `max_deaths`: dead letters of one message before the execution stalls. `cold`: replay
    anew after every append and compare, to catch code that is not deterministic. `retention_seconds`: how long an
    execution's records are kept after its end, None for ever; its journal and what its run has told go with the store's
    own expiry.
    `stack_schedules`: the template of a stack has the timers of schedules that decorators describe. `step_log_bytes`:
    how much of what an attempt logs is kept with it, 0: nothing.
    """

    max_hops: int = 100_000
    spare_seconds: float = 30.0
    max_deaths: int = 3
    cold: bool = False
    cache_executions: int = 500
    retention_seconds: float | None = 90 * 86_400.0
    stack_schedules: bool = False
    step_log_bytes: int = 4096

    @property
    def keep_seconds(self) -> float | None:
        """How long entries are kept that are written now: until long after the record of their execution is gone."""
        return None if self.retention_seconds is None else self.retention_seconds + LONGEST_RUN_SECONDS


DEFAULT: Final = Settings()


class Host:
    """One worker's world.

    `runner` makes the step runner of an invocation; `token` mints message tokens. `exclusive(execution)` may keep the
    threads of one process from deciding about one execution at the same time: not needed for correctness, the log is
    the fence, but each conflict costs a replay. `on_end(project, execution)` is told of ends. `logger(replay, info)`
    makes what workflows find as `ctx.logger`.
    """

    def __init__(
        self,
        ports: Ports,
        registry: Registry,
        *,
        token: Callable[[], str],
        runner: Callable[[], StepRunner],
        resolve: Callable[[Any], Definition] | None = None,
        settings: Settings = DEFAULT,
        logger: Callable[[Replay, StartInfo], Any] | None = None,
        tracer: Tracer | None = None,
        on_end: Callable[[str, str], None] | None = None,
        exclusive: Callable[[str], AbstractContextManager[Any]] | None = None,
    ) -> None:
        self.ports = spilling(ports)
        self.registry = registry
        self.token = token
        self.runner = runner
        self.settings = settings
        self.executions = Executions(self.ports.records)
        self.logger = logger or body_logger()
        self.tracer = tracer
        self.on_end = on_end
        self.exclusive = exclusive or (lambda execution: nullcontext())
        self.resolve = resolve or resolver(registry)
        self._journals: OrderedDict[str, Journal] = OrderedDict()
        self._lock = threading.Lock()
        self._loops = threading.local()
        self._stubborn: set[str] = set()
        if settings.step_log_bytes > 0:
            listen()

    def under(self, check: Callable[[], None]) -> Host:
        """The same host with `check` before each port call: for work that is no execution's turn (rule 8)."""
        view = copy.copy(self)
        view.ports = guarded(self.ports, check)
        view.executions = Executions(view.ports.records)
        return view

    def steps_queue(self, queue: str) -> str:
        """The message queue for starts and steps of a Polos queue: its own if it has compute, else the default one."""
        return queue if queue in self.registry.queues else DEFAULT_QUEUE

    def read_journal(self, ports: Ports, project: str, execution: str) -> Journal:
        """The journal up to its tail now: the immutable prefix from the cache, the rest from the log.

        The caller owns it until it gives it back with `keep_journal`.
        """
        name = names.journal(project, execution)
        with self._lock:
            journal = self._journals.pop(name, None) or Journal()
        journal.extend(Entry.decode(text) for text in ports.log.read(name, len(journal)))
        return journal

    def keep_journal(self, project: str, execution: str, journal: Journal) -> None:
        """Remember a prefix; forget it when the execution has ended."""
        name = names.journal(project, execution)
        with self._lock:
            self._journals.pop(name, None)
            if journal.end is None and len(journal):
                self._journals[name] = journal
                while len(self._journals) > self.settings.cache_executions:
                    self._journals.popitem(last=False)

    def new_replay(self, journal: Journal, definition: Definition) -> Replay:
        """A replay of the journal, on a loop of this thread's."""
        body = make_body(definition, resolve=self.resolve, logger=self.logger)
        return Replay(journal, definition, body, loop=self._take_loop())

    def close_replay(self, replay: Replay) -> None:
        """Take a replay down and keep its loop for the next one if it is clean."""
        loop = replay.close()
        if loop is not None:
            self._spare_loops().append(loop)
        if replay.stubborn and replay.definition.id not in self._stubborn:
            self._stubborn.add(replay.definition.id)
            log.warning(
                "workflow %r catches BaseException in a loop, and so what takes its code down between invocations; "
                "it was left where it was. Catch Exception, which is all that steps raise",
                replay.definition.id,
            )

    def _spare_loops(self) -> list[ReplayLoop]:
        if not hasattr(self._loops, "spare"):
            self._loops.spare = []
        return cast(list[ReplayLoop], self._loops.spare)

    def _take_loop(self) -> ReplayLoop:
        spare = self._spare_loops()
        return spare.pop() if spare else ReplayLoop()


def resolver(registry: Registry) -> Callable[[Any], Definition]:
    """How verbs find a workflow: an object that carries its definition, or an id that is registered."""

    def resolve(workflow: Any) -> Definition:
        definition = getattr(workflow, "definition", workflow)
        return definition if isinstance(definition, Definition) else registry.get(str(workflow))

    return resolve


class _Guarded:
    """A port that asks the lease before each call."""

    def __init__(self, port: Any, check: Callable[[], None]) -> None:
        self._port = port
        self._check = check

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._port, name)
        if not callable(value):
            return value
        check = self._check

        def call(*args: Any, **kwargs: Any) -> Any:
            check()
            return value(*args, **kwargs)

        setattr(self, name, call)
        return call


def guarded(ports: Ports, check: Callable[[], None]) -> Ports:
    """The same ports, each call preceded by `check` (rule 8)."""

    def wrap(port: T) -> T:
        return cast(T, _Guarded(port, check))

    return replace(
        ports,
        log=wrap(ports.log),
        records=wrap(ports.records),
        queue=wrap(ports.queue),
        timers=wrap(ports.timers),
    )
