"""The truths about AWS, one line each, and the tests that hold the code to it; what no other test shows is here.

stops a chain after 16 hops                        deploy/test_template.py, e2e/test_sam.py (`RecursiveLoop`)
                                                   scenario/test_a_runaway_is_stopped.py (ours)
delivers a message twice                           every story of scenario/ told `aws-twice`
delivers it after its work was done                `test_messages_that_come_after_the_end_do_nothing`
two timers fire for one wait                       `test_two_timers_for_one_wait_are_one_wait`
ends a page of a query at 1 MB                     unit/test_adapters/test_aws_log.py
                                                   contract/test_log.py
                                                   contract/test_records.py
leaves items unprocessed, throttles                unit/test_adapters/test_aws_records.py
                                                   `test_throttles_and_lost_answers_everywhere_cost_time_only`
a visibility shorter than the work                 unit/test_entry/test_functions.py
                                                   `test_work_longer_than_the_visibility_is_done_once`
a poison message blocks                            unit/test_runtime/test_delivery.py
                                                   `test_poison_stops_nobody_and_does_not_stay`
a partial failure of a batch fails the good ones   unit/test_entry/test_functions.py
an item passes 400 KB after the side effect        unit/test_adapters/test_aws_log.py
                                                   `test_a_large_result_is_kept_after_one_side_effect`
fires up to a minute late                          unit/test_adapters/test_aws_scheduler.py
                                                   scenario/test_a_wait_of_a_day_takes_no_compute.py
fires again on retry                               `test_two_timers_for_one_wait_are_one_wait`
                                                   scenario/test_each_tick_of_a_schedule_starts_one_execution.py
a cold start imports everything                    architecture/test_cold_start.py
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest

from polos import WorkflowContext, workflow
from polos.core.messages import Message, MessageKind
from polos.ports import Outgoing
from polos.runtime import names
from polos.testing.aws import AwsHarness
from polos.testing.harness import PROJECT
from polos.testing.moto import Fault
from support.scenario import did, effects, steps, times

TESTS = Path(__file__).parents[1]
at_work: list[AwsHarness] = []


def send_letter() -> str:
    did("letter")
    return "sent"


def work_long() -> str:
    did("long work")
    at_work[-1].work(600)
    return "done"


def large() -> str:
    did("large")
    return "".join(chr(33 + (number * number * 7919) % 90) for number in range(900_000))


@workflow(id="letter-and-wait")
async def letter_and_wait(ctx: WorkflowContext) -> str:
    first = await ctx.step.run("first", send_letter)
    await ctx.step.wait_for("wait", days=2)
    await ctx.step.run("second", send_letter)
    return first


@workflow(id="works-ten-minutes")
async def works_ten_minutes(ctx: WorkflowContext) -> str:
    return await ctx.step.run("long", work_long)


@workflow(id="large-result")
async def large_result(ctx: WorkflowContext) -> int:
    return len(await ctx.step.run("large", large))


def message(execution: str, kind: MessageKind, key: str, workflow: str = "letter-and-wait") -> str:
    return Message(kind, PROJECT, f"again-{kind}-{key}", execution, workflow, key).encode()


def test_messages_that_come_after_the_end_do_nothing(polos_aws: AwsHarness) -> None:
    polos_aws.deliver_twice()
    started = polos_aws.start(letter_and_wait)
    assert started.result() == "sent"
    before = polos_aws.journal(started)
    late = [
        (names.NEWS_QUEUE, message(started.id, MessageKind.TIMER, "wait_for:wait")),
        (names.NEWS_QUEUE, message(started.id, MessageKind.KICK, "")),
        ("default", message(started.id, MessageKind.START, "$start")),
        ("default", message(started.id, MessageKind.RUN, "run:first")),
    ]
    for queue, body in late:
        polos_aws.service.ports.queue.send(queue, [Outgoing(body)])
    polos_aws.advance(3600)
    assert polos_aws.journal(started) == before
    assert effects() == {"letter": 2}


def test_two_timers_for_one_wait_are_one_wait(polos_aws: AwsHarness) -> None:
    started = polos_aws.start(letter_and_wait)
    polos_aws.advance(3600)
    queue = polos_aws.service.ports.queue
    polos_aws.deliver_twice()
    polos_aws.advance(2 * 86_400 - 3600)
    queue.send(names.NEWS_QUEUE, [Outgoing(message(started.id, MessageKind.TIMER, "wait_for:wait"))])
    assert started.result() == "sent"
    assert steps(polos_aws, started) == ["run:first", "wait_for:wait", "run:second"]
    assert times("letter") == 2


@pytest.mark.parametrize("operation", ["PutItem", "GetItem", "Query", "TransactWriteItems"])
def test_throttles_and_lost_answers_everywhere_cost_time_only(polos_aws: AwsHarness, operation: str) -> None:
    polos_aws.start(letter_and_wait).result()
    started = polos_aws.start(letter_and_wait)
    for skip in range(6):
        polos_aws.faults.add(Fault.THROTTLE, operation, skip=skip, times=2)
        polos_aws.faults.add(Fault.LOST, operation, skip=skip + 1, times=1)
    assert started.result() == "sent"
    polos_aws.faults.clear()
    assert steps(polos_aws, started) == ["run:first", "wait_for:wait", "run:second"]
    assert times("letter") == 4


def test_work_longer_than_the_visibility_is_done_once(polos_aws: AwsHarness) -> None:
    at_work.append(polos_aws)
    begun = polos_aws.clock.now()
    assert polos_aws.run(works_ten_minutes) == "done"
    assert polos_aws.clock.now() - begun >= 600
    assert effects() == {"long work": 1}


def test_poison_stops_nobody_and_does_not_stay(
    polos_aws: AwsHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    queue = polos_aws.service.ports.queue
    for name in (names.NEWS_QUEUE, "default"):
        for body in ("not json", '{"v": 1}', '{"v": 1, "kind": "nonsense"}', "[]"):
            queue.send(name, [Outgoing(body)])
    started = polos_aws.start(letter_and_wait)
    assert started.result() == "sent"
    polos_aws.advance(86_400)
    assert all(not polos_aws._times(name) for name in polos_aws._queues()), "nothing is left on any queue"


def test_a_large_result_is_kept_after_one_side_effect(polos_aws: AwsHarness) -> None:
    assert polos_aws.run(large_result) == 900_000
    assert effects() == {"large": 1}


def test_every_test_that_the_table_names_exists() -> None:
    text = __doc__ or ""
    for file in re.findall(r"[a-z0-9_]+/[a-z0-9_/]+\.py", text):
        assert (TESTS / file).is_file(), file
    for name in re.findall(r"`(test_[a-z0-9_]+)`", text):
        assert name in globals(), name
