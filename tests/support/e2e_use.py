"""The uses of a deployed stack, one by one: each does one thing through the API and sees that it came about.

`make e2e` does all of them with the template's policies in force. For the ablation each names the statements that it
cannot do without.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, cast

import httpx

from polos.adapters.clock import VirtualClock
from polos.core.journal import Entry, Kind
from polos.core.messages import Message, MessageKind
from polos.entry.aws import AwsRuntime
from polos.ports import Outgoing, Queue
from polos.runtime import names
from polos.runtime.engine import Engine
from polos.runtime.executions import decode
from polos.runtime.host import Endless
from polos.runtime.http_client import PolosClient
from polos.runtime.http_transport import Patience
from polos.runtime.sweeper import SILENT_SECONDS
from polos.server.keys import ApiKeys
from polos.server.principals import Role
from support import e2e_app as app
from support.cloud import Deployment, until

_numbers = itertools.count(100)


@dataclass(frozen=True)
class Stage:
    """A stack, its API and a key of it. `within`: seconds in which a use comes about."""

    deployed: Deployment
    client: PolosClient
    url: str
    key: str
    within: float

    async def comes(self, holds: Callable[[], Any], what: str) -> Any:
        """Wait until something holds."""
        return await asyncio.to_thread(until, holds, what, within=self.within)

    async def result(self, execution: str) -> Any:
        """What an execution returned."""
        return await self.client.wait_result(execution, self.within)

    def journal(self, execution: str) -> list[Entry]:
        """The entries of an execution, read beside the API by the owner of the account."""
        return [
            Entry.decode(text)
            for text in self.deployed.service.ports.log.read(names.journal("default", execution))
        ]

    def has_timer(self, execution: str) -> bool:
        """Whether there is a one-shot schedule of an execution."""
        scheduler, group = self.deployed.cloud.client("scheduler"), self.deployed.outputs["ScheduleGroup"]
        found = [each["Name"] for each in scheduler.list_schedules(GroupName=group)["Schedules"]]
        for name in found:
            if name.startswith("t."):
                with suppress(scheduler.exceptions.ResourceNotFoundException):  # it was due meanwhile
                    if execution in scheduler.get_schedule(GroupName=group, Name=name)["Target"]["Input"]:
                        return True
        return False

    def status(self, execution: str) -> str:
        """The status of an execution, asked beside the API."""
        return str(self.deployed.service.latest(execution).status)


@asynccontextmanager
async def staged(deployed: Deployment, url: str, *, within: float, attempts: int = 5) -> AsyncIterator[Stage]:
    """A stage with a client that asks each thing up to `attempts` times."""
    ports = deployed.service.ports
    _, key = ApiKeys(ports.records, ports.clock).create("default", Role.ADMIN)
    async with PolosClient(url, key, "default", patience=Patience(attempts)) as client:
        yield Stage(deployed, client, url, key, within)


# --- workflows --------------------------------------------------------------------------------------------------------


async def steps(stage: Stage) -> None:
    """Steps, one after another."""
    assert await stage.result((await app.chain.invoke(stage.client, 3)).id) == 3


async def family(stage: Stage) -> None:
    """Children in two queues, a value in S3, and an event that comes when everything else has been."""
    number = next(_numbers)
    parent = await app.parent.invoke(stage.client, number)
    await stage.comes(lambda: _done(stage, parent.id) >= 3, "the parent waits for its event")
    await stage.client.publish_events(f"go-{number}", [("go", {"n": 1})])
    assert await stage.result(parent.id) == [2 * number, "waited", app.BIG, {"n": 1}]


def _done(stage: Stage, execution: str) -> int:
    return sum(entry.kind is Kind.DONE for entry in stage.journal(execution))


async def triggered(stage: Stage) -> None:
    """Events that start an execution."""

    def ended() -> int:
        records = stage.deployed.service.ports.records
        found = records.find("workflow", "default|workflow|on_trade", limit=100).records
        return sum(decode(record).status == "completed" for record in found)

    before = ended()
    await stage.client.publish_events("trades", [("trade", 1), ("trade", 2)])
    await stage.comes(lambda: ended() > before, "on_trade ran")


async def secret(stage: Stage) -> None:
    """A secret in a step and, behind a wait, in the body."""
    assert await stage.result((await app.asks_for_its_secret.invoke(stage.client)).id) > 0


async def large(stage: Stage) -> None:
    """A payload that no item of DynamoDB holds."""
    assert await stage.result((await app.large.invoke(stage.client, long_text())).id) == len(long_text())


async def long_wait(stage: Stage) -> None:
    """A wait that is a schedule, and is cancelled."""
    await _long(stage, app.long_wait)


async def long_wait_behind_another(stage: Stage) -> None:
    """A wait whose schedule is made by the function that wakes."""
    await _long(stage, app.waits_twice)


async def _long(stage: Stage, workflow: Any) -> None:
    await _waits(stage, (await workflow.invoke(stage.client, 60)).id)


async def _waits(stage: Stage, execution: str) -> None:
    await stage.comes(lambda: stage.has_timer(execution), "the wait has a schedule")
    await stage.client.cancel_execution(execution)
    await stage.comes(lambda: stage.status(execution) == "cancelled", "it is cancelled")


# --- the API ----------------------------------------------------------------------------------------------------------


async def lists(stage: Stage) -> None:
    """Lists of executions."""
    await steps(stage)
    assert (await stage.client.list_executions())["executions"]


async def timeline(stage: Stage) -> None:
    """What was recorded of an execution."""
    handle = await app.double.invoke(stage.client, 2)
    await stage.comes(lambda: stage.status(handle.id) == "completed", "it ends")
    assert await stage.client.get_timeline(handle.id)


async def queues(stage: Stage) -> None:
    """How many messages are in the queues."""
    assert await stage.client.list_queues()


async def events(stage: Stage) -> None:
    """Publish."""
    await stage.client.publish_events("news", [("e", 1)])


async def schedules(stage: Stage) -> None:
    """Schedules made, changed, paused and deleted at run time."""
    mine = {"workflow": "double", "key": "x"}
    await stage.client.schedules("create", **mine, cron="0 9 * * *", timezone="UTC", overlap="allow")
    await stage.client.schedules("pause", **mine)
    await stage.client.schedules("resume", **mine)
    await stage.client.schedules("create", **mine, cron="0 10 * * *", timezone="UTC", overlap="allow")
    await stage.client.schedules("delete", **mine)


async def every_route_that_reads(stage: Stage) -> None:
    """Each GET of the API's own description, so that no route needs more than the function's role allows."""
    handle = await app.double.invoke(stage.client, 2)
    await stage.result(handle.id)
    wanted = {"topic": "trades", "wait": "0", "timeout": "0", "session_id": "s", "agent_id": "clerk"}
    headers = {"Authorization": f"Bearer {stage.key}", "Last-Event-ID": "0"}
    async with httpx.AsyncClient(base_url=stage.url, headers=headers, timeout=stage.within) as http:
        paths = (await http.get("/openapi.json")).json()["paths"]
        for path in [path for path, verbs in paths.items() if "get" in verbs]:
            place = re.sub(r"[{<][a-z_]*id[}>]", handle.id, path)
            told = await http.get(re.sub(r"[{<][a-z_]+[}>]", "x", place), params=wanted)
            assert told.status_code < 500, (path, told.text)


# --- what the stack does by itself ------------------------------------------------------------------------------------


async def sweep(stage: Stage) -> None:
    """The sweeper finds the schedules of the code not recorded, and what has been silent for long."""
    for _ in range(2):  # a tick that comes in between records it too
        await stage.client.schedules("delete", workflow="every_minute", key="global")
        await _sweep(stage)


async def sweep_lost(stage: Stage) -> None:
    """The sweeper finds a start that was lost half an hour ago, and a journal that has been silent since."""
    past = losing(stage, ago=SILENT_SECONDS + 600)
    stuck = await begun(past, app.large, long_text())
    lost = past.service.start(app.double, 4).execution
    assert (stage.status(stuck), stage.status(lost)) == ("running", "queued")
    await _sweep(stage)
    assert await stage.result(lost) == 8
    assert await stage.result(stuck) == len(long_text())


async def _sweep(stage: Stage) -> None:
    name = physical(stage.deployed, "SweeperFunction")
    invoke = stage.deployed.cloud.client("lambda").invoke
    answer = await asyncio.to_thread(invoke, FunctionName=name, Payload=b"{}")
    told = json.loads(answer["Payload"].read())
    assert "kicked" in told, told


async def dead_kick(stage: Stage) -> None:
    """A message that no function could handle, as a queue puts it aside: it harms nothing that has ended."""
    service = stage.deployed.service
    info = service.start(app.double, 4)
    assert await stage.result(info.execution) == 8
    dead(stage, service.message(MessageKind.KICK, info).encode())
    await stage.comes(lambda: is_empty(stage, names.DEAD_QUEUE), "the dead letter was handled")


async def dead_start(stage: Stage) -> None:
    """A start that died goes on all the same."""
    assert await stage.result(_dead_start(stage, app.chain, 2)) == 2


async def dead_large(stage: Stage) -> None:
    """A start that died, with a payload that no item holds."""
    assert await stage.result(_dead_start(stage, app.large, long_text())) == len(long_text())


async def dead_secret(stage: Stage) -> None:
    """A start that died, of a workflow that begins with its secret."""
    assert await stage.result(_dead_start(stage, app.secret_first, None)) > 0


async def dead_long_wait(stage: Stage) -> None:
    """A start that died, of a workflow that begins with a long wait."""
    await _waits(stage, _dead_start(stage, app.long_wait, 60))


async def dead_step(stage: Stage) -> None:
    """A step of a child whose every attempt died: the child fails, and its parent is told."""
    there = losing(stage)
    parent = await begun(there, app.parent, next(_numbers))
    await handled(there, MessageKind.START)
    (step,) = sent(there, MessageKind.RUN)
    dead(stage, step)
    await stage.comes(lambda: stage.status(parent) == "failed", "the parent has failed with its child")


async def dead_again(stage: Stage) -> None:
    """A dead letter that nobody understands is put aside for later."""
    before = delayed(stage, names.DEAD_QUEUE)
    dead(stage, Message(MessageKind.KICK, "default", "of-nothing").encode())
    await stage.comes(lambda: delayed(stage, names.DEAD_QUEUE) > before, "it is put aside")


def _dead_start(stage: Stage, workflow: Any, payload: Any) -> str:
    there = losing(stage)
    info = there.service.start(workflow, payload)
    (start,) = sent(there, MessageKind.START)
    dead(stage, start)
    return info.execution


USES: tuple[Callable[[Stage], Awaitable[None]], ...] = (
    steps, family, triggered, secret, large, long_wait, long_wait_behind_another, lists, timeline, queues, events,
    schedules, every_route_that_reads, sweep, sweep_lost, dead_kick, dead_start, dead_large, dead_secret,
    dead_long_wait, dead_step, dead_again,
)  # fmt: skip


# --- what they need ---------------------------------------------------------------------------------------------------


class _Nowhere:
    """A queue that delivers nothing; `bodies` is what was sent to it."""

    max_delay = 900.0

    def __init__(self) -> None:
        self.bodies: list[str] = []

    def send(self, queue: str, messages: Sequence[Outgoing]) -> None:
        """Lose them."""
        self.bodies += [message.body for message in messages]


class _NoTime(Endless):
    """An invocation that can begin no step: it sends for another one."""

    def remaining(self) -> float:
        return 0.0


def losing(stage: Stage, *, ago: float = 0.0) -> AwsRuntime:
    """An engine over the stack's tables, some seconds ago, whose messages are lost."""
    ports = stage.deployed.service.ports
    clock = VirtualClock(ports.clock.now() - ago)
    theirs = dataclasses.replace(ports, clock=clock, queue=cast("Queue", _Nowhere()))
    registry = stage.deployed.service.registry
    return AwsRuntime(stage.deployed.settings, project="default", ports=theirs, registry=registry)


def sent(runtime: AwsRuntime, kind: MessageKind) -> list[str]:
    """Take the messages of a kind that were lost."""
    queue = cast("_Nowhere", runtime.ports.queue)
    found = [body for body in queue.bodies if Message.decode(body).kind is kind]
    queue.bodies = [body for body in queue.bodies if body not in found]
    return found


async def begun(runtime: AwsRuntime, workflow: Any, payload: Any) -> str:
    """Start an execution and let it come as far as it does without another message."""
    info = runtime.service.start(workflow, payload)
    await handled(runtime, MessageKind.START)
    return info.execution


async def handled(runtime: AwsRuntime, kind: MessageKind) -> None:
    """Handle the lost messages of a kind here."""
    for body in sent(runtime, kind):
        message = Message.decode(body)
        handle = Engine(runtime.host).handle  # with a loop of its own: in a thread
        await asyncio.to_thread(handle, (message,), lease=_NoTime(), dead=False)


def long_text() -> str:
    """More than a record holds, and does not compress."""
    return random.Random(1).randbytes(150_000).hex()


def dead(stage: Stage, body: str) -> None:
    """Put a message to the dead letters."""
    url = stage.deployed.settings.queue_url(names.DEAD_QUEUE)
    stage.deployed.cloud.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def is_empty(stage: Stage, queue: str) -> bool:
    """Whether a queue holds nothing, also nothing that is being handled."""
    return _counts(stage, queue, "", "NotVisible") == 0


def delayed(stage: Stage, queue: str) -> int:
    """How many messages of a queue are yet to come."""
    return _counts(stage, queue, "Delayed")


def _counts(stage: Stage, queue: str, *kinds: str) -> int:
    wanted = [f"ApproximateNumberOfMessages{kind}" for kind in kinds]
    url = stage.deployed.settings.queue_url(queue)
    found = stage.deployed.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=wanted)
    return sum(int(found["Attributes"][name]) for name in wanted)


def physical(deployed: Deployment, logical: str) -> str:
    """The name that a resource of the stack has."""
    return deployed.resources()[logical][1]
