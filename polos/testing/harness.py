"""Run workflows in a test, on a clock that the test holds: what the fixtures `polos_aws` and `polos_local` give.

    def test_an_order_is_charged_once(polos_aws):
        order = polos_aws.start(process_order, {"sku": "a1"})
        polos_aws.crash_after(3)                       # the sandbox dies when its third write has been applied
        assert order.result() == {"status": "paid"}    # messages are delivered, time passes, until it has ended
        assert charges == ["a1"]

Nothing runs by itself: `result`, `run`, `pump` and `advance` deliver messages, one after another, in this thread. Time
stands still meanwhile and then jumps to the next thing that is due, so that a workflow that waits for a day takes
milliseconds. (Inside of a step time is real: a step that sleeps, sleeps.) After every step the workflow is replayed
from its journal, and one whose code is not deterministic stalls with an error that names the operation.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Final, Self

from polos.adapters.clock import VirtualClock
from polos.core.definitions import Definition, Queue, Registry
from polos.core.definitions import registry as process_registry
from polos.core.journal import Entry
from polos.entry.identity import new_execution_id, new_token
from polos.errors import PolosError, ReplayMismatch
from polos.ports import Delivery, Ports
from polos.runtime import names
from polos.runtime.client import activate, deactivate
from polos.runtime.executions import Meta
from polos.runtime.host import Host, Settings
from polos.runtime.schedules import apply_code
from polos.runtime.service import Service
from polos.runtime.steps import StepRunner
from polos.runtime.topics import Event
from polos.runtime.workflow import start_options
from polos.testing.client import HarnessClient
from polos.testing.deaths import Deaths, Process

PROJECT: Final = "test"
MOST_DELIVERIES: Final = 100_000
MOST_SECONDS: Final = 400 * 86_400.0


class NothingHappens(PolosError):
    """An execution has not ended, and nothing is due that could bring it on."""

    code = "nothing_happens"


class RunsForEver(PolosError):
    """Messages lead to messages without end, or time has passed without end."""

    code = "runs_for_ever"


@dataclass(frozen=True, slots=True)
class Started:
    """An execution that a test has started."""

    harness: Harness
    id: str
    workflow_id: str

    @property
    def status(self) -> str:
        """`queued`, `running`, `waiting`, `completed` ..."""
        return self.harness.status(self)

    @property
    def steps(self) -> list[str]:
        """The keys of the steps and waits that have been answered, in order, as the journal holds them."""
        return [
            entry.address.partition(":")[2] for entry in self.harness.journal(self) if ":" in entry.address
        ]

    def result(self) -> Any:
        """Let it run to its end; see `Harness.finish`."""
        return self.harness.finish(self)

    def resume(self, key: str, data: Any = None) -> None:
        """Answer `ctx.step.suspend(key)`."""
        self.harness.resume(self, key, data)

    def cancel(self) -> bool:
        """Ask it to stop."""
        return self.harness.cancel(self)


Execution = Started | str
"""An execution: as `start` gave it, or its id."""


class Harness(ABC):
    """A runtime in this process, on a virtual clock.

    Args:
        registry: The workflows; those of this process unless given. What a test defines is forgotten at its end.
        settings: Limits of the engine; with `cold`, a replay is forced after every step.

    Attributes:
        clock: The time; `advance` moves it and delivers what comes due.
        deliveries: How many messages, or batches of them, were handled.
        sweeps: How often the sweeper ran: only when a test calls `sweep`.
    """

    def __init__(
        self,
        ports: Ports,
        clock: VirtualClock,
        *,
        registry: Registry = process_registry,
        settings: Settings | None = None,
    ) -> None:
        self.clock = clock
        self.registry = registry
        self.settings = settings or Settings(cold=True)
        self.deliveries = 0
        self.sweeps = 0
        self.deaths = Deaths()
        self._copies: set[tuple[str, str]] | None = None
        self._host = Host(ports, registry, token=new_token, runner=_no_runner, settings=self.settings)
        self.service = Service(self._host, PROJECT, new_id=new_execution_id)
        self._known: tuple[list[Definition], dict[str, Queue]] = (list(registry), dict(registry.queues))
        self._client = HarnessClient(self)

    # --- life -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        activate(self._client)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it. Workflows that were defined since it began are forgotten."""
        deactivate(self._client)
        self.restart()
        definitions, queues = self._known
        for definition in list(self.registry):
            self.registry.remove(definition.id)
        self.registry.queues.clear()
        self.registry.queues.update(queues)
        for definition in definitions:
            self.registry.add(definition)

    # --- what a test does -------------------------------------------------------------------------------------------

    def start(self, workflow: Any, payload: Any = None, **options: Any) -> Started:
        """Start an execution; nothing is handled yet. Options as those of `Workflow.invoke`."""
        info = self.service.start(workflow, payload, start_options(options))
        return Started(self, info.execution, info.workflow)

    def run(self, workflow: Any, payload: Any = None, **options: Any) -> Any:
        """Start an execution and let it run to its end: its result, or the error it ended with, raised."""
        return self.start(workflow, payload, **options).result()

    def finish(self, execution: Execution) -> Any:
        """Deliver, and let time pass, until it has ended: its result, or what happened, raised.

        One that goes on as a new one has not ended: the last of them gives the result.

        Raises:
            ExecutionFailed, ExecutionCancelled, ExecutionTimedOut, ExecutionStalled: It ended so.
            NothingHappens: It waits for something that only the test can bring: a resume, an event, a repair.
        """
        return self.service.result(self.reach_end(_id(execution)))

    def reach_end(self, execution: str) -> Meta:
        """The same, for the record of the execution, or of the last one that it went on as. Stalled is an end too."""
        end = self.clock.now() + MOST_SECONDS
        while True:
            self.pump()
            meta = self.service.latest(execution)
            if meta.ended or meta.status == "stalled":
                return meta
            due = self._next_due()
            if due is None:
                raise self._nothing_happens(meta)
            if due > end:
                raise RunsForEver(
                    f"execution {meta.info.execution} has not ended after {MOST_SECONDS / 86_400:.0f} days"
                )
            self._go_to(due)

    def go_on(self) -> bool:
        """Deliver what is ready; if nothing is, let time pass until something is. False: nothing ever will be."""
        if self.pump():
            return True
        due = self._next_due()
        if due is None:
            return False
        self._go_to(due)
        return True

    def pump(self) -> int:
        """Deliver what is ready until nothing is, without letting time pass; how many deliveries that were."""
        _check_thread()
        before = self.deliveries
        while self._deliver():
            if self.deliveries - before > MOST_DELIVERIES:
                raise RunsForEver(f"{MOST_DELIVERIES} deliveries, and there are always more")
        return self.deliveries - before

    def advance(self, time: float | timedelta) -> None:
        """Let `time` (seconds) pass, with everything that comes due being handled at its moment."""
        seconds = time.total_seconds() if isinstance(time, timedelta) else time
        end = self.clock.now() + seconds
        self.pump()
        while (due := self._next_due()) is not None and due <= end:
            self._go_to(due)
            self.pump()
        self._go_to(end)
        self.pump()

    def schedule(self) -> None:
        """Begin the schedules that the decorators describe, as a deployment does: from now on their ticks are due."""
        apply_code(self._host, PROJECT)

    def sweep(self) -> int:
        """Let the sweeper run once (rule 14); how many executions it kicked."""
        _check_thread()
        self.sweeps += 1
        return self._sweep()

    def resume(self, execution: Execution, key: str, data: Any = None) -> None:
        """Answer `ctx.step.suspend(key)` of an execution. It may come before the code asks."""
        self.service.resume(_id(execution), key, data)

    def cancel(self, execution: Execution) -> bool:
        """Ask an execution to stop. False if it has ended."""
        return self.service.cancel(_id(execution))

    def kick(self, execution: Execution) -> None:
        """Dispatch whatever is pending: how a stalled execution goes on once its cause is mended."""
        self.service.kick(_id(execution))

    def publish(self, topic: str, data: Any = None, event_type: str = "") -> Event:
        """Publish an event to a topic."""
        return self.service.publish(topic, [(event_type, data)])[0]

    # --- what a test looks at ---------------------------------------------------------------------------------------

    def status(self, execution: Execution) -> str:
        """`queued`, `running`, `waiting`, `completed` ..."""
        return self.service.meta(_id(execution)).status

    def journal(self, execution: Execution) -> list[Entry]:
        """What is recorded of an execution, in order."""
        log = names.journal(PROJECT, _id(execution))
        return [Entry.decode(text) for text in self.service.ports.log.read(log)]

    def waits_for(self, execution: Execution) -> list[str]:
        """What the workflow's code is waiting for now, as addresses: `run:charge`, `suspend:approve`."""
        journal = self._host.read_journal(self.service.ports, PROJECT, _id(execution))
        if not journal.started:
            return []
        definition = self.registry.get(self.service.meta(_id(execution)).info.workflow)
        replay = self._host.new_replay(journal, definition)
        try:
            replay.advance()
            return sorted(issued.address for issued in replay.issued.values() if issued.pending)
        finally:
            self._host.close_replay(replay)

    @property
    def writes(self) -> int:
        """How many writes processes have made so far: by this, choose the numbers for `crash_before`."""
        return self.deaths.writes

    # --- faults -----------------------------------------------------------------------------------------------------

    def crash_before(self, number: int) -> None:
        """Let the process at work die before the `number`th write from now (1 is the next one)."""
        self.deaths.plan(number, "before")

    def crash_after(self, number: int) -> None:
        """Let it die when the `number`th write from now has been applied, before it learns of that."""
        self.deaths.plan(number, "after")

    def deliver_twice(self) -> None:
        """From now on each message is delivered once more than it was sent, as SQS may do."""
        self._copies = self._copies or set()

    def die(self) -> None:
        """For the code under test: the process that runs this dies here, as if out of memory."""
        self._process().die()

    def work(self, seconds: float) -> None:
        """For the code under test: this takes so long. The process keeps its messages meanwhile, while it may run."""
        self._process().work(seconds)

    def redeploy(self, *workflows: Any) -> None:
        """Forget the code of these workflows, and end all processes: what is defined next under their ids is run."""
        for workflow in workflows:
            self.registry.remove(str(getattr(workflow, "id", workflow)))
        self.restart()

    @abstractmethod
    def restart(self) -> None:
        """End all processes, between deliveries: what follows begins cold."""

    # --- what a kind of runtime knows -------------------------------------------------------------------------------

    @abstractmethod
    def _deliver(self) -> bool:
        """Hand over what is ready of one queue. False: nothing is ready."""

    @abstractmethod
    def _next_due(self) -> float | None:
        """When something becomes ready next (epoch seconds, in the future); None: never."""

    @abstractmethod
    def _go_to(self, at: float) -> None:
        """Let time pass until then, and fire what came due."""

    @abstractmethod
    def _sweep(self) -> int:
        """Run the sweeper."""

    @abstractmethod
    def _process(self) -> Process:
        """The process at work."""

    @abstractmethod
    def _send_copy(self, queue: str, body: str) -> None:
        """Put an independent copy of a message beside it."""

    def _duplicate(self, deliveries: Sequence[Delivery]) -> None:
        if self._copies is None:
            return
        for delivery in deliveries:
            copy = (delivery.queue, delivery.body)
            if copy not in self._copies:
                self._copies.add(copy)
                self._send_copy(*copy)

    def _nothing_happens(self, meta: Meta) -> NothingHappens:
        try:
            waits = ", ".join(self.waits_for(meta.info.execution)) or "nothing that is known"
        except ReplayMismatch as error:
            waits = f"its code, which does not fit its journal: {error}"
        return NothingHappens(
            f"execution {meta.info.execution} of {meta.info.workflow!r} is {meta.status}, no message is on its way and "
            f"no time is due. It waits for {waits}. Bring it with resume(), publish(), cancel() or kick(), or let "
            "sweep() look for what was lost"
        )


def _id(execution: Execution) -> str:
    return execution.id if isinstance(execution, Started) else execution


def _no_runner() -> StepRunner:
    raise AssertionError("the test's own side runs no steps")


def _check_thread() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise PolosError(
        "messages are delivered in this thread, where an event loop is running: call this from a plain `def test`, or "
        "with `await asyncio.to_thread(...)`, or use the client: `await workflow.run(...)`"
    )
