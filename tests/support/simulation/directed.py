"""A schedule told step by step: who takes which message, how far each gets, who dies, what is delivered again.

    stage = Stage(row)
    stage.start("row")
    worker = stage.take("a")
    stage.until(worker, "queue.send")      # a is recorded, b is not sent yet
    stage.crash(worker)
    stage.rest()                           # everything else, in the order it was sent
    assert stage.ended() == ("completed", [1, 2, 3])

Nothing breaks by chance here, and steps begin and end when their worker is told to go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from polos.core.definitions import Registry
from polos.core.messages import Message
from polos.ports import Delivery, Outgoing
from polos.runtime import names
from polos.runtime.service import StartOptions
from polos.runtime.sweeper import SILENT_SECONDS, sweep
from support.simulation.chance import Chance, Odds
from support.simulation.checks import check
from support.simulation.schedule import Failed
from support.simulation.tasks import Task
from support.simulation.world import HELD, Working, World

ROUNDS = 500


class Stage:
    """The world of one schedule. Workers stand before every port call, and before a step begins and ends."""

    def __init__(self, registry: Registry) -> None:
        self.world = World(registry, Chance(Random(0), Odds(hurry=0.0)), gaps=True, traced=True)
        self._queues = [names.NEWS_QUEUE, names.DEAD_QUEUE, "default", *registry.queues]
        self._inbox: list[Delivery] = []
        self._receives: dict[str, int] = {}

    # --- outside ----------------------------------------------------------------------------------------------------

    def start(self, workflow: str, payload: Any = None, *, key: str = "one") -> str:
        """Start an execution; its id."""
        return self.world.service.start(workflow, payload, StartOptions(idempotency_key=key)).execution

    def client(self, act: Callable[[], object]) -> Task:
        """Somebody who calls from outside and can be stopped in between."""

        def work() -> None:
            act()

        return Task("client", work)

    def sweep(self) -> None:
        """The sweeper comes, after everybody has been silent for long."""
        self.world.store.clock.advance(SILENT_SECONDS + 1)
        sweep(self.world.service)

    # --- who takes what -----------------------------------------------------------------------------------------------

    def take(
        self, *keys: str, of: str | None = None, dead: bool = False, number: int = 1, **manner: bool
    ) -> Working:
        """A worker receives the messages for these operations ("a", "$start", "kick") and stands at its beginning.

        `of`: the workflow of their execution. `dead`: from the dead letters. `number`: which of those that fit.
        `manner`: `hurried`, `blind`.
        """
        self._collect()
        found = [self._find(key, of, dead=dead, number=number) for key in keys]
        return self._deliver(found, **manner)

    def again(self, working: Working, **manner: bool) -> Working:
        """Its messages are received once more, by a process that knows nothing."""
        return self._deliver(list(working.batch.deliveries), **manner)

    def twin(self, key: str) -> None:
        """The queue holds a second copy of this message."""
        self._collect()
        self.world.duplicate(self._find(key, None, dead=False))
        self._collect()

    def to_dead_letters(self, working: Working) -> None:
        """Its message was received too often: the queue moves it to the dead letters."""
        for delivery in working.batch.deliveries:
            self._inbox.remove(self._of(delivery))
            self.world.store.queue.send(names.DEAD_QUEUE, [Outgoing(delivery.body)])
            self.world.store.queue.delete([delivery])

    def drop(self, working: Working) -> None:
        """Its messages are gone: another worker has acknowledged them."""
        for delivery in working.batch.deliveries:
            self._inbox.remove(self._of(delivery))

    def _collect(self) -> None:
        for queue in self._queues:
            while found := self.world.store.queue.receive([queue], limit=10, visibility=HELD):
                self._inbox += found
        self._inbox.sort(key=lambda delivery: int(delivery.handle.partition(":")[0]))

    def _find(self, key: str, workflow: str | None, *, dead: bool, number: int = 1) -> Delivery:
        for delivery in self._inbox:
            message = Message.decode(delivery.body)
            about = (message.key, message.key.partition(":")[2], message.kind.value)
            fits = key in about and workflow in (None, message.workflow)
            number -= fits and dead == (delivery.queue == names.DEAD_QUEUE)
            if number == 0:
                return delivery
        waiting = [f"{m.kind.value} {m.key} of {m.workflow}" for m in map(self._message, self._inbox)]
        raise Failed(f"nobody has sent {key!r}; the queues hold {waiting}")

    @staticmethod
    def _message(delivery: Delivery) -> Message:
        return Message.decode(delivery.body)

    def _of(self, delivery: Delivery) -> Delivery:
        return next(one for one in self._inbox if one.handle == delivery.handle)

    def _deliver(self, deliveries: list[Delivery], **manner: bool) -> Working:
        counted = []
        for delivery in deliveries:
            self._receives[delivery.handle] = self._receives.get(delivery.handle, 0) + 1
            counted.append(replace(delivery, receives=self._receives[delivery.handle]))
        (batch,) = self.world.batches(counted)
        return self.world.work(batch, self.world.new_process(), **manner)

    # --- how far they get ---------------------------------------------------------------------------------------------

    def until(self, task: Task, point: str, times: int = 1) -> None:
        """Let it go on until it stands before `point` ("log.append", "end run:a", "ack"), for the `times`th time."""
        if not self.reaches(task, point, times):
            raise Failed(f"{task.name} was over ({task.broke!r}) before it came to {point!r}")

    def reaches(self, task: Task, point: str, times: int = 1) -> bool:
        """The same; False if it was over before."""
        while True:
            self.world.run(task)
            if task.over:
                self._settle(task)
                return False
            times -= task.at.startswith(point)
            if times == 0:
                return True

    def finish(self, task: Task) -> None:
        """Let it go on to its end, whatever that is."""
        while not task.over:
            self.world.run(task)
        self._settle(task)

    def crash(self, task: Task) -> None:
        """It dies where it stands."""
        self.world.strike(task, "crash")
        self.world.kill(task)

    def expire(self, working: Working) -> None:
        """Its messages become visible to others, although it is alive."""
        self.world.strike(working, "visibility runs out")
        working.lease.lost = True

    def mislead(self, task: Task) -> None:
        """The call before which it stands is applied, and reported to it as refused."""
        self.world.strike(task, f"the answer of {task.at} was lost")
        self.world.misled.add(task)

    def _settle(self, task: Task) -> None:
        if self.world.mistakes:
            raise self.world.mistakes[0]
        if isinstance(task, Working) and task.acknowledged:
            gone = {delivery.handle for delivery in task.batch.deliveries}
            self._inbox = [delivery for delivery in self._inbox if delivery.handle not in gone]

    def rest(self) -> None:
        """Deliver whatever there is, one after the other in the order it was sent, until nothing comes any more."""
        for _ in range(ROUNDS):
            self.world.store.timers.fire_due()
            self._collect()
            if self._inbox:
                self.finish(self._deliver(self._inbox[:1]))
                continue
            due = self.world.store.next_event()
            if due is None:
                return
            self.world.store.clock.advance_to(due)
        raise Failed(f"after {ROUNDS} deliveries there are still messages: {self._inbox}")

    # --- what has come of it ------------------------------------------------------------------------------------------

    def check(self) -> None:
        """Raise `Failed` unless every promise of the engine was kept."""
        check(self.world)

    def ended(self, workflow: str | None = None) -> tuple[str, Any]:
        """Status and result of the root execution, or of the only one of a workflow."""
        for meta in self.world.metas():
            if meta.info.workflow == workflow or (workflow is None and meta.info.parent_execution is None):
                return meta.status, self.world.service.result(meta) if meta.status == "completed" else None
        raise Failed(f"there is no execution of {workflow or 'a root workflow'}")

    def begun(self, key: str) -> int:
        """How often this step was begun, all attempts together."""
        return sum(times for (_, address, _), times in self.world.begun.items() if address == f"run:{key}")

    def identities(self, execution: str) -> list[str]:
        """What its journal holds, in order."""
        return [entry.identity for entry in self.world.journal(execution)]
