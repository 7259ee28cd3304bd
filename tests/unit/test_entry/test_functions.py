"""The Lambda functions: what they answer, what they do to visibility, and when they end their process."""

from __future__ import annotations

import importlib
import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from polos import WorkflowContext, workflow
from polos.adapters.aws.settings import AwsSettings
from polos.adapters.clock import VirtualClock
from polos.core.journal import Entry
from polos.core.messages import Message, MessageKind
from polos.entry import functions
from polos.entry.aws import AwsRuntime
from polos.entry.functions import Functions
from polos.errors import CannotLoad, StoreError
from polos.ports import Outgoing
from polos.runtime import names
from polos.runtime.lease import MessageLease
from polos.testing.event_source import LambdaContext, failed_items, sqs_event
from polos.testing.moto import Fault, MotoHarness
from polos.testing.moto.sqs import queue_of, times

ACCOUNT = "123456789012"
PROJECT = "shop"
HANDLERS = ("worker", "news", "dead", "sweeper")


def give() -> int:
    return 7


def stubborn() -> None:
    time.sleep(0.6)


@workflow(id="functions-simple")
async def simple(ctx: WorkflowContext) -> int:
    first = await ctx.step.run("first", give)
    return first + await ctx.step.run("second", give)


@workflow(id="functions-stubborn")
async def stubborn_workflow(ctx: WorkflowContext) -> None:
    await ctx.step.run("stubborn", stubborn, timeout=0.05, max_retries=0)


class NoBeat:
    """Notes whose leases are kept up."""

    def __init__(self) -> None:
        self.held: list[MessageLease] = []
        self.seen = 0

    def add(self, lease: MessageLease) -> None:
        self.held.append(lease)
        self.seen += 1

    def remove(self, lease: MessageLease) -> None:
        if lease in self.held:
            self.held.remove(lease)


class Stack:
    """The functions over moto, and hands to give them events."""

    def __init__(self, aws: MotoHarness) -> None:
        self.aws = aws
        self.clock = aws.clock
        assert isinstance(self.clock, VirtualClock)
        self.beat = NoBeat()
        self.exits: list[int] = []
        self.runtime = AwsRuntime(aws.settings, project=PROJECT, ports=aws.ports(), grace=0.05)
        self.functions = Functions(self.runtime, heartbeat=self.beat, exit=self.exits.append)
        self.sqs = aws.client("sqs")

    def put(self, queue: str, body: str) -> None:
        self.sqs.send_message(QueueUrl=self.aws.settings.queue_url(queue), MessageBody=body)

    def receive(self, queue: str, count: int = 10) -> list[Any]:
        answer = self.sqs.receive_message(
            QueueUrl=self.aws.settings.queue_url(queue),
            MaxNumberOfMessages=count,
            MessageSystemAttributeNames=["All"],
        )
        return list(answer.get("Messages", []))

    def event(self, queue: str, messages: list[Any]) -> dict[str, Any]:
        return sqs_event(messages, arn=self.aws.settings.queue_arn(queue), region="us-east-1")

    def call(self, function: str, queue: str, *, timeout: float = 900.0) -> tuple[list[Any], set[str]]:
        """Give it all that lies in the queue: the messages, and the bodies of those it reports as failed."""
        messages = self.receive(queue)
        context = LambdaContext(self.clock, self.clock.now() + timeout, function, "request")  # type: ignore[arg-type]
        answer = getattr(self.functions, function)(self.event(queue, messages), context)
        failed = failed_items(answer, messages)
        return messages, {message["Body"] for message in messages if message["MessageId"] in failed}

    def hidden_for(self, queue: str) -> list[float]:
        url = self.aws.settings.queue_url(queue)
        return sorted(round(at - self.clock.now(), 3) for at in times(queue_of(ACCOUNT, "us-east-1", url)))

    def bodies(self, queue: str) -> list[str]:
        url = self.aws.settings.queue_url(queue)
        return [message.body for message in queue_of(ACCOUNT, "us-east-1", url)._messages]

    def journal(self, execution: str) -> list[str]:
        log = self.runtime.ports.log.read(names.journal(PROJECT, execution))
        return [Entry.decode(text).identity for text in log]


@pytest.fixture
def stack() -> Iterator[Stack]:
    queues = ["default", names.NEWS_QUEUE]
    with MotoHarness(queues=queues, dead_letters=names.DEAD_QUEUE, clock=VirtualClock()) as aws:
        made = Stack(aws)
        yield made
        made.runtime.close()


def kick(execution: str, token: str = "t") -> str:
    return Message(MessageKind.KICK, PROJECT, token, execution).encode()


# --- what is answered ------------------------------------------------------------------------------------------------


def test_what_was_handled_is_not_reported(stack: Stack) -> None:
    info = stack.runtime.service.start(simple)
    _, failed = stack.call("worker", "default")
    assert failed == set()
    assert stack.journal(info.execution) == ["$start", "run:first"]


def test_only_the_messages_of_the_execution_that_failed_are_reported(stack: Stack) -> None:
    good = stack.runtime.service.start(simple).execution
    stack.call("worker", "default")
    bad = stack.runtime.service.start(simple).execution
    stack.runtime.ports.log.append(names.journal(PROJECT, bad), 0, ["this is no entry"])
    for execution in (good, bad):
        stack.put(names.NEWS_QUEUE, kick(execution))
    _, failed = stack.call("news", names.NEWS_QUEUE, timeout=30)
    assert failed == {kick(bad)}


@pytest.mark.parametrize("body", ["hello", "{}", "polos+zlib+base64:!!!", '{"v":1,"kind":"dance"}'])
@pytest.mark.parametrize("function", ["worker", "news", "dead"])
def test_what_is_no_message_is_not_kept_and_its_neighbours_are_handled(
    stack: Stack, function: str, body: str
) -> None:
    info = stack.runtime.service.start(simple)
    stack.put("default", body)
    _, failed = stack.call(function, "default")
    assert failed == set()
    assert stack.journal(info.execution)[0] == "$start"


def test_a_message_of_a_newer_version_comes_again_and_its_neighbours_are_handled(stack: Stack) -> None:
    info = stack.runtime.service.start(simple)
    newer = json.dumps({**json.loads(kick("x")), "v": 2})
    stack.put("default", newer)
    _, failed = stack.call("worker", "default")
    assert failed == {newer}
    assert stack.journal(info.execution)[0] == "$start"


def test_an_event_of_a_queue_that_is_not_the_stacks_fails_and_says_so(stack: Stack) -> None:
    stack.put("default", kick("x"))
    event = stack.event("default", stack.receive("default"))
    event["Records"][0]["eventSourceARN"] = "arn:aws:sqs:us-east-1:123456789012:somebody-elses"
    with pytest.raises(StoreError, match="somebody-elses"):
        stack.functions.worker(event, LambdaContext(stack.clock, stack.clock.now() + 60, "worker", "r"))  # type: ignore[arg-type]


def test_a_dead_letter_runs_no_step(stack: Stack) -> None:
    info = stack.runtime.service.start(simple)
    stack.call("worker", "default")
    stack.call("dead", "default")
    assert stack.journal(info.execution) == ["$start", "run:first", "run:second", "$end"]
    meta = stack.runtime.service.meta(info.execution)
    assert meta.status == "failed"
    assert meta.error is not None
    assert "died at each try" in meta.error["message"]


def test_the_sweeper_says_how_many_it_kicked(stack: Stack) -> None:
    stack.runtime.service.start(simple)
    assert stack.functions.sweeper({}, None) == {"kicked": 0}
    stack.clock.sleep(1300)
    assert stack.functions.sweeper({}, None) == {"kicked": 1}


# --- leases ----------------------------------------------------------------------------------------------------------


def test_a_long_function_shortens_the_visibility_of_its_messages_before_anything_else(stack: Stack) -> None:
    stack.runtime.service.start(simple)
    hidden: list[list[float]] = []
    read = stack.runtime.ports.records.get
    stack.runtime.ports.records.get = lambda key: (hidden.append(stack.hidden_for("default")), read(key))[1]  # type: ignore[method-assign]
    stack.call("worker", "default")
    assert hidden[0] == [60.0]
    assert stack.beat.seen == 1
    assert stack.beat.held == [], "nothing is kept up behind an answer"


def test_a_short_function_leaves_the_visibility_alone(stack: Stack) -> None:
    info = stack.runtime.service.start(simple)
    stack.call("worker", "default")
    stack.put(names.NEWS_QUEUE, kick(info.execution))
    stack.aws.meter.reset()
    stack.call("news", names.NEWS_QUEUE, timeout=30)
    assert stack.hidden_for(names.NEWS_QUEUE) == [900.0]
    assert stack.aws.meter.calls["sqs", "ChangeMessageVisibility"] == 0


def test_a_message_that_is_no_longer_ours_is_not_touched(stack: Stack) -> None:
    info = stack.runtime.service.start(simple)
    first = stack.receive("default")
    stack.clock.sleep(901)
    stack.receive("default")  # somebody else has it now
    context = LambdaContext(stack.clock, stack.clock.now() + 900, "worker", "r")  # type: ignore[arg-type]
    answer = stack.functions.worker(stack.event("default", first), context)
    assert failed_items(answer, first) == {first[0]["MessageId"]}
    assert stack.journal(info.execution) == []
    assert stack.hidden_for("default") == [900.0], "its visibility is the other's business"


def test_what_failed_comes_again_soon_and_later_more_slowly(stack: Stack) -> None:
    info = stack.runtime.service.start(simple)
    stack.runtime.ports.log.append(names.journal(PROJECT, info.execution), 0, ["this is no entry"])
    waits = []
    for _ in range(4):
        stack.call("worker", "default")
        waits += stack.hidden_for("default")
        stack.clock.sleep(waits[-1])
    assert waits == [2.0, 4.0, 8.0, 16.0]


def test_an_extension_that_cannot_be_made_does_not_stop_the_work(stack: Stack) -> None:
    info = stack.runtime.service.start(simple)
    stack.aws.faults.add(Fault.THROTTLE, "ChangeMessageVisibility", times=100)
    _, failed = stack.call("worker", "default")
    assert failed == set()
    assert stack.journal(info.execution) == ["$start", "run:first"]


def test_no_step_is_begun_when_too_little_time_is_left(stack: Stack) -> None:
    info = stack.runtime.service.start(simple)
    stack.call("worker", "default", timeout=20)
    assert stack.journal(info.execution) == ["$start"]
    assert len(stack.bodies("default")) == 2, (
        "the start, which the poller deletes, and the step for somebody else"
    )


# --- a step that cannot be stopped -----------------------------------------------------------------------------------


def test_a_stuck_step_is_recorded_its_message_deleted_and_the_process_ended(stack: Stack) -> None:
    info = stack.runtime.service.start(stubborn_workflow)
    stack.call("worker", "default")
    assert stack.exits == [1]
    assert stack.journal(info.execution) == ["$start", "run:stubborn", "$end"]
    assert stack.bodies("default") == []


# --- from the environment --------------------------------------------------------------------------------------------


def test_all_missing_variables_are_named() -> None:
    with pytest.raises(StoreError, match=r"POLOS_LOG_TABLE.*POLOS_BUCKET.*AWS_REGION"):
        Functions.from_environment({})


@pytest.mark.parametrize("modules", ["", " , "])
def test_an_app_must_be_named(stack: Stack, modules: str) -> None:
    environ = {**stack.aws.settings.to_env(), "POLOS_APP": modules}
    with pytest.raises(CannotLoad, match="POLOS_APP cannot be loaded: it is not set"):
        Functions.from_environment(environ)


def test_a_module_that_is_not_there_is_named(stack: Stack) -> None:
    environ = {**stack.aws.settings.to_env(), "POLOS_APP": "json, shop.nowhere"}
    with pytest.raises(CannotLoad, match=r"shop\.nowhere"):
        Functions.from_environment(environ)


def test_settings_survive_the_environment(stack: Stack) -> None:
    assert AwsSettings.from_env(stack.aws.settings.to_env()) == AwsSettings(
        **{
            name: getattr(stack.aws.settings, name)
            for name in AwsSettings.__dataclass_fields__
            if name != "queues"
        },
        queues=dict(stack.aws.settings.queues),
    )


@pytest.fixture
def load_handlers(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> Iterator[Callable[[], dict[str, Any]]]:
    """Imports the modules of `handlers/`, in an environment as the template makes it."""
    logger = logging.getLogger("polos")
    before, fresh = dict(vars(logger)), logging.Logger("polos")
    fresh.parent = logger.parent
    vars(logger).clear()
    vars(logger).update(vars(fresh))
    (tmp_path / "handled_app.py").write_text(
        "import logging\n"
        "from polos import workflow\n"
        "def one():\n"
        "    logging.getLogger('polos.app').info('in a step')\n"
        "    return 0\n"
        "@workflow(id='handled')\n"
        "async def handled(ctx):\n"
        "    ctx.logger.info('working')\n"
        "    return await ctx.step.run('one', one)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    for name, value in {
        **stack.aws.settings.to_env(),
        "POLOS_APP": "handled_app",
        "POLOS_PROJECT_ID": PROJECT,
    }.items():
        monkeypatch.setenv(name, value)
    functions.process_functions.cache_clear()
    yield _import_handlers
    functions.process_functions.cache_clear()
    for name in HANDLERS:
        sys.modules.pop(f"handlers.{name}", None)
    vars(logger).clear()
    vars(logger).update(before)


def _import_handlers() -> dict[str, Any]:
    return {name: importlib.import_module(f"handlers.{name}").handler for name in HANDLERS}


def test_the_handlers_run_the_app_and_log_and_count_with_ids(
    stack: Stack, load_handlers: Callable[[], dict[str, Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    handlers = load_handlers()
    info = stack.runtime.service.start("handled")
    messages = stack.receive("default")
    context = LambdaContext(stack.clock, stack.clock.now() + 900, "polos-worker", "request-7")  # type: ignore[arg-type]
    assert handlers["worker"](stack.event("default", messages), context) == {"batchItemFailures": []}
    assert stack.runtime.service.result(stack.runtime.service.meta(info.execution)) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    logged = {line["message"]: line for line in lines if "message" in line}
    for message in ("working", "in a step"):
        assert logged[message]["execution_id"] == info.execution
        assert logged[message]["workflow_id"] == "handled"
        assert logged[message]["function_request_id"] == "request-7"
    assert logged["in a step"]["step"] == "one"
    assert "step" not in logged["working"]
    metrics = {
        name: line[name]
        for line in lines
        if "_aws" in line
        for name in ("Messages", "MessagesFailed")
        if name in line
    }
    assert metrics == {"Messages": [1.0], "MessagesFailed": [0.0]}
    assert handlers["sweeper"]({}, context) == {"kicked": 0}


def test_every_handler_is_a_function_of_one_process(load_handlers: Callable[[], dict[str, Any]]) -> None:
    handlers, made = load_handlers(), functions.process_functions()
    assert handlers == {name: getattr(made, name) for name in handlers}


def test_a_message_is_sent_with_its_delay(stack: Stack) -> None:
    stack.runtime.ports.queue.send("default", [Outgoing(kick("x"), 5)])
    assert stack.receive("default") == []
    stack.clock.sleep(5)
    assert len(stack.receive("default")) == 1
