"""The simulated world: one store in memory, processes that handle its messages, and an eye on every port call."""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from typing import Any, Final, cast

from polos.adapters.memory import MemoryStore
from polos.core.definitions import Registry
from polos.core.journal import Entry
from polos.core.loop import ReplayLoop
from polos.core.messages import Message, MessageKind
from polos.errors import LeaseLost, TryAgain
from polos.ports import Delivery, Outgoing
from polos.runtime import names
from polos.runtime.delivery import MAX_RECEIVES, Batch, Intake
from polos.runtime.engine import Engine
from polos.runtime.executions import Meta, decode
from polos.runtime.host import Host, Settings
from polos.runtime.service import Service
from polos.testing.faults import Call, Crash
from support.simulation.chance import Chance
from support.simulation.steps import SimulatedRunner
from support.simulation.tasks import Task
from support.simulation.watching import short, shown, watched

PROJECT: Final = "sim"
HELD: Final = 1e6
"""Seconds a received message stays hidden: it expires when the schedule says so, never by itself."""
ANSWERS: Final = frozenset({"log.append", "records.write"})
"""Calls whose lost answer may look like a refusal to a caller whose adapter tried again."""
READS: Final = frozenset({
    "log.read", "log.tail", "records.get", "records.get_many", "records.query", "records.find", "queue.depth",
})  # fmt: skip
RunKey = tuple[str, str, int]
"""One attempt of one step: execution, address, attempt."""


@contextmanager
def quiet() -> Iterator[None]:
    """While the simulation runs, the worker's log is no news to a reader of the test's output."""
    log = logging.getLogger("polos.worker")
    log.disabled, before = True, log.disabled
    try:
        yield
    finally:
        log.disabled = before


class SimulatedLease:
    """The right to work on the messages of one delivery. `blind`: its clock stands still, it notices nothing."""

    def __init__(self, world: World, *, hurried: bool, blind: bool) -> None:
        self._world = world
        self._hurried = hurried
        self._blind = blind
        self.lost = False

    def check(self) -> None:
        if not self._world.gaps:
            self._world.pause("check")
        if self.lost and not self._blind:
            raise LeaseLost("the simulated visibility of this message has run out")

    def remaining(self) -> float:
        return 1.0 if self._hurried else 600.0

    def meanwhile(self, sign: Callable[[], object]) -> None:
        """No step takes long here."""


_LOOPS: Final[list[ReplayLoop]] = []


class _Host(Host):
    """A host whose clean loops outlive it: thousands of processes live on one thread here."""

    def _spare_loops(self) -> list[ReplayLoop]:
        return _LOOPS


class Process:
    """One worker process: what it keeps warm dies with it."""

    def __init__(self, world: World, number: int) -> None:
        self.name = f"p{number}"
        self.host = _Host(
            world.ports,
            world.registry,
            token=world.token,
            runner=lambda: SimulatedRunner(world, world.now_working()),
            settings=world.settings,
        )
        self.engine = _Watched(world, self.host)
        self.intake = Intake(self.engine)
        self.at_work: list[Working] = []


class _Watched(Engine):
    """The engine; what it raises beyond the expected is kept, since `Intake` only logs it."""

    def __init__(self, world: World, host: Host) -> None:
        super().__init__(host)
        self._world = world

    def handle(self, messages: Sequence[Message], *, lease: Any = None, dead: bool = False) -> None:
        try:
            super().handle(messages, lease=lease, dead=dead)
        except (Crash, LeaseLost, TryAgain):
            raise
        except BaseException as error:
            self._world.mistakes.append(error)
            raise


class Working(Task):
    """A delivery being handled: by whom, of which messages."""

    def __init__(
        self, name: str, work: Callable[[], None], *, process: Process, batch: Batch, lease: SimulatedLease
    ) -> None:
        super().__init__(name, work)
        self.process = process
        self.batch = batch
        self.lease = lease
        self.tokens = tuple(message.token for message in batch.messages)
        self.acknowledged = False


class World:
    """See the module. `gaps`: a worker may stand between the check of its lease and the call (else both are one)."""

    def __init__(
        self,
        registry: Registry,
        chance: Chance,
        *,
        gaps: bool = False,
        max_delay: float = 900.0,
        max_receives: int | None = None,
        settings: Settings | None = None,
        traced: bool = False,
    ) -> None:
        self.chance = chance
        self.rng: Random = chance.rng
        self.registry = registry
        self.gaps = gaps
        self.max_receives = max_receives
        self.settings = settings or Settings()
        self.store = MemoryStore.virtual(choose=self.rng.randrange)
        self.store.queue.max_delay = max_delay
        self.ports = watched(self.store.ports, self._around)
        self.task: Task | None = None
        self.trace: list[str] | None = [] if traced else None
        self.sent: dict[str, Message] = {}
        self.senders: dict[str, tuple[str, ...]] = {}
        self.addressed: set[tuple[str, str]] = (
            set()
        )  # token and execution: a cancellation is sent on with its token
        self.struck: Counter[str] = Counter()  # faults by the token of the message whose handling they hit
        self.begun: Counter[RunKey] = Counter()
        self.deliveries = self.refused = self.kicks = self.sweeps = 0
        self.mistakes: list[BaseException] = []
        self.misled: set[Task] = set()
        self.about_to: dict[object, Call] = {}
        self.begun_at: list[tuple[RunKey, float]] = []
        self.in_step: list[tuple[Task, RunKey]] = []
        self.most_at_once = 0  # executions that ran steps at the same time
        self._numbers = itertools.count(1)
        self._processes = itertools.count(1)
        self.service = Service(Process(self, 0).host, PROJECT, new_id=lambda _: f"x{next(self._numbers)}")
        self._intake = Intake(Engine(self.service.host))

    # --- what the engine is given ---------------------------------------------------------------------------------

    def token(self) -> str:
        """A new token, told apart by number: a seed gives the same ones again."""
        return f"t{next(self._numbers)}"

    def now_working(self) -> Working:
        """The delivery whose code runs now."""
        return cast("Working", self.task)

    def pause(self, point: str) -> None:
        """Let others work before whoever runs now goes on."""
        if self.task is not None:
            self.task.stand(point)

    def _around(self, call: Call, apply: Callable[[], Any]) -> Any:
        task = self.task
        if task is None:
            result = apply()
            self._note(None, call, result)
            return result
        if self.gaps or not isinstance(task, Working):
            self.about_to[task] = call
            task.stand(call.name)
        self._before(task, call)
        result = apply()
        self._note(task, call, result)
        return self._after(task, call, result, apply)

    def _before(self, task: Task, call: Call) -> None:
        if self.chance.strikes("crash"):
            self.strike(task, f"crash before {call.name}")
            raise Crash(call.name)
        if self.chance.strikes("throttle"):
            self.strike(task, f"throttled {call.name}")
            raise TryAgain(f"simulated: {call.name} was throttled")

    def _after(self, task: Task, call: Call, result: Any, apply: Callable[[], Any]) -> Any:
        if call.name == "queue.send" and self.chance.strikes("produced"):
            apply()
            for outgoing in call.args[1]:
                self.struck[Message.decode(outgoing.body).token] += 1
            self.say(task, "sent twice")
        if task in self.misled:
            self.misled.discard(task)
            return False
        if self.chance.strikes("crash"):
            self.strike(task, f"crash after {call.name}")
            raise Crash(call.name)
        if call.name not in READS and self.chance.strikes("lost"):
            self.strike(task, f"the answer of {call.name} was lost")
            if result is True and call.name in ANSWERS and self.chance.even():
                return False
            raise TryAgain(f"simulated: {call.name} was applied, its answer was lost")
        return result

    def _note(self, task: Task | None, call: Call, result: Any) -> None:
        match call.name:
            case "queue.send":
                bodies = [outgoing.body for outgoing in call.args[1]]
            case "timers.at":
                bodies = [call.args[3]]
            case "log.append":
                self.refused += result is False
                bodies = []
            case _:
                bodies = []
        for body in bodies:
            self._note_sent(task, Message.decode(body))
        if self.trace is not None:
            self.say(task, shown(call, result))

    def _note_sent(self, task: Task | None, message: Message) -> None:
        self.addressed.add((message.token, message.execution))
        if message.token not in self.sent:
            self.sent[message.token] = message
            self.senders[message.token] = task.tokens if isinstance(task, Working) else ()

    # --- what happens to it -----------------------------------------------------------------------------------------

    def strike(self, task: Task, what: str) -> None:
        """Note that a fault has hit the messages this task works on."""
        if isinstance(task, Working):
            self.struck.update(task.tokens)
        self.say(task, what.upper())

    def say(self, task: Task | None, what: str) -> None:
        """One line of the trace."""
        if self.trace is not None:
            who = task.name if task is not None else "-"
            self.trace.append(f"{self.store.clock.monotonic():9.2f} {who:28s} {what}")

    @property
    def patience(self) -> int:
        """Deliveries of a message that end in nothing before it is a dead letter."""
        return MAX_RECEIVES if self.max_receives is None else min(self.max_receives, MAX_RECEIVES)

    def begin_step(self, run: RunKey) -> None:
        """A step's function is called now."""
        self.begun[run] += 1
        self.begun_at.append((run, self.store.clock.now()))
        self.in_step.append((self.now_working(), run))
        self.most_at_once = max(self.most_at_once, len({execution for _, (execution, _, _) in self.in_step}))
        self.say(self.task, f"RUNS {run[1]} attempt {run[2]}")

    def end_step(self, run: RunKey) -> None:
        """It has returned."""
        self.in_step.remove((self.now_working(), run))

    def duplicate(self, delivery: Delivery) -> None:
        """Put an independent copy of this message beside it, with its token."""
        message = Message.decode(delivery.body)
        self.struck[message.token] += 1
        self.say(None, f"a duplicate of {message.kind.value} {message.key}/{message.token}")
        self.store.queue.send(delivery.queue, [Outgoing(delivery.body)])

    def new_process(self) -> Process:
        """A cold worker process."""
        return Process(self, next(self._processes))

    def batches(self, deliveries: Sequence[Delivery]) -> list[Batch]:
        """What was received, as the intake groups it; what died too often goes to the dead letters."""
        living = []
        for delivery in deliveries:
            if self._died(delivery):
                self.store.queue.send(names.DEAD_QUEUE, [Outgoing(delivery.body)])
                self.store.queue.delete([delivery])
            else:
                living.append(delivery)
        intake = self._intake
        dead = [d for d in living if d.queue == names.DEAD_QUEUE]
        return intake.batches([d for d in living if d not in dead]) + intake.batches(dead, dead=True)

    def _died(self, delivery: Delivery) -> bool:
        limit = self.max_receives
        return limit is not None and delivery.receives > limit and delivery.queue != names.DEAD_QUEUE

    def work(self, batch: Batch, process: Process, *, blind: bool = False, hurried: bool = False) -> Working:
        """A delivery at its beginning. Drive it with `run`; at its end it acknowledges if it may."""
        self.deliveries += 1
        lease = SimulatedLease(self, hurried=hurried, blind=blind)
        what = "+".join(
            f"{m.kind.value} {m.key.partition(':')[2] or m.key}/{m.token}" for m in batch.messages
        )
        who = f"d{self.deliveries}@{process.name}{' DEAD' if batch.dead else ''} {what}"

        def handle() -> None:
            if not process.intake.handle(batch, lease):
                return
            self.pause("ack")
            if self.chance.strikes("crash"):
                self.strike(working, "crash before acknowledging")
                raise Crash("ack")
            self.store.queue.delete(batch.deliveries)
            working.acknowledged = True

        working = Working(who, handle, process=process, batch=batch, lease=lease)
        process.at_work.append(working)
        self.kicks += sum(m.kind is MessageKind.KICK for m in batch.messages)
        self.say(working, f"takes it, of {short(batch.messages[0].execution)}")
        return working

    def run(self, task: Task) -> None:
        """Let `task` go on to its next point, in this world."""
        self._as(task, task.go_on)

    def kill(self, task: Task) -> None:
        """Let `task` die where it stands."""
        self.say(task, f"DIES at {task.at}")
        self._as(task, lambda: task.die(Crash(task.at)))

    def _as(self, task: Task, move: Callable[[], None]) -> None:
        self.task = task
        try:
            move()
        finally:
            self.task = None
            if task.over and isinstance(task, Working) and task in task.process.at_work:
                task.process.at_work.remove(task)
                self.in_step = [one for one in self.in_step if one[0] is not task]

    def expire(self, working: Working, after: float = 0.0) -> None:
        """Its messages may be given to others after so many seconds."""
        for delivery in working.batch.deliveries:
            self.store.queue.extend(delivery, after)

    # --- what stands at the end -------------------------------------------------------------------------------------

    def metas(self) -> list[Meta]:
        """The records of all executions, in order of creation."""
        found: list[Meta] = []
        cursor = None
        while True:
            page = self.store.records.find("created", f"{PROJECT}|executions", cursor=cursor)
            found += [decode(record) for record in page.records]
            cursor = page.cursor
            if cursor is None:
                return found

    def journal(self, execution: str) -> list[Entry]:
        """The entries of an execution."""
        return [Entry.decode(text) for text in self.store.log.read(names.journal(PROJECT, execution))]
