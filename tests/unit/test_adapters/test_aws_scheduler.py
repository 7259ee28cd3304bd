"""Timers on EventBridge Scheduler: names, times, inputs, and schedules that stand already."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from polos.adapters.aws.settings import AwsSettings
from polos.errors import InvalidSchedule, TryAgain
from polos.ports import TICK, Ports
from polos.testing.moto import Fault, MotoHarness

Q = "p/q"
HOUR = 3600.0


@pytest.fixture
def aws() -> Iterator[MotoHarness]:
    with MotoHarness(queues=[Q]) as harness:
        yield harness


@pytest.fixture
def ports(aws: MotoHarness) -> Ports:
    ports = aws.ports()
    aws.meter.reset()
    return ports


def schedules(aws: MotoHarness) -> list[dict[str, Any]]:
    client, group = aws.client("scheduler"), aws.settings.schedule_group
    names = [each["Name"] for each in client.list_schedules(GroupName=group)["Schedules"]]
    return [client.get_schedule(GroupName=group, Name=name) for name in sorted(names)]


def came(ports: Ports) -> list[str]:
    found = ports.queue.receive([Q], limit=100)
    ports.queue.delete(found)
    return sorted(delivery.body for delivery in found)


# --- one shot ---------------------------------------------------------------------------------------------------------


def test_it_comes_up_to_two_minutes_early_and_never_late(aws: MotoHarness, ports: Ports) -> None:
    for offset in range(0, 121, 7):
        due = aws.clock.now() + HOUR + offset + 0.5
        ports.timers.at(f"p/t{offset}", due, Q, "x")
        aws.advance(due - aws.clock.now() - 120)
        assert came(ports) == []
        aws.advance(60)  # the minute that Scheduler may take is left to it
        assert came(ports) == ["x"]


@pytest.mark.parametrize("ahead", [-100.0, 0.0, 1.0, 90.0, 149.0])
def test_what_is_due_too_soon_for_scheduler_is_on_the_queue_at_once(
    aws: MotoHarness, ports: Ports, ahead: float
) -> None:
    ports.timers.at("p/t", aws.clock.now() + ahead, Q, "x")
    assert schedules(aws) == []
    aws.advance(max(0.0, ahead - 1))
    assert came(ports) == (["x"] if ahead <= 0 else [])
    aws.advance(1)
    assert came(ports) == ([] if ahead <= 0 else ["x"])


@pytest.mark.parametrize("ahead", [151.0, 200.0, 269.0, 271.0])
def test_no_schedule_is_made_for_a_time_that_may_be_past_when_it_is_made(
    aws: MotoHarness, ports: Ports, ahead: float
) -> None:
    ports.timers.at("p/t", aws.clock.now() + ahead, Q, "x")
    for schedule in schedules(aws):
        moment = schedule["ScheduleExpression"]
        assert re.fullmatch(r"at\(\d{4}-\d\d-\d\dT\d\d:\d\d:00\)", moment)
    aws.advance(ahead)
    assert came(ports) == ["x"]


def test_a_schedule_says_all_that_scheduler_needs() -> None:
    with MotoHarness(queues=[Q]) as aws:
        settings = aws.settings
        aws.settings = AwsSettings(
            **{name: getattr(settings, name) for name in settings.__slots__ if name != "schedule_dlq_arn"},
            schedule_dlq_arn="arn:aws:sqs:us-east-1:123456789012:dead",
        )
        aws.ports().timers.at("p/t", aws.clock.now() + HOUR, Q, '{"a":1}')
        (schedule,) = schedules(aws)
    assert schedule["ActionAfterCompletion"] == "DELETE"
    assert schedule["ScheduleExpressionTimezone"] == "UTC"
    assert schedule["FlexibleTimeWindow"] == {"Mode": "OFF"}
    assert schedule["Target"]["Arn"] == settings.queue_arn(Q)
    assert schedule["Target"]["RoleArn"] == settings.schedule_role_arn
    assert schedule["Target"]["Input"] == '{"a":1}'
    assert schedule["Target"]["DeadLetterConfig"] == {"Arn": "arn:aws:sqs:us-east-1:123456789012:dead"}
    assert schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"] == 185


def test_names_are_what_scheduler_takes_and_distinct(aws: MotoHarness, ports: Ports) -> None:
    names = ["p/t", "p t", "p-t", "ü" * 400, "x" * 900, "x" * 899, "p/t#1", "P/T", "\x01"]
    for name in names:
        ports.timers.at(name, aws.clock.now() + HOUR, Q, "x")
        ports.timers.repeat(name, cron="0 0 1 * 1", timezone="UTC", queue=Q, body="{}")
    found = [schedule["Name"] for schedule in schedules(aws)]
    assert len(found) == len(set(found)) == 3 * len(names)
    assert all(re.fullmatch(r"[0-9a-zA-Z\-_.]{1,64}", name) for name in found)


def test_a_lost_answer_makes_no_second_timer(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.LOST, "CreateSchedule", times=2)
    ports.timers.at("p/t", aws.clock.now() + HOUR, Q, "x")
    assert len(schedules(aws)) == 1
    aws.faults.add(Fault.LOST, "DeleteSchedule")
    ports.timers.cancel("p/t")
    assert schedules(aws) == []


def test_one_that_has_fired_and_is_not_yet_deleted_does_not_stand_in_the_way(
    aws: MotoHarness, ports: Ports
) -> None:
    ports.timers.at("p/t", aws.clock.now() + HOUR, Q, "first")
    (old,) = schedules(aws)
    aws.advance(HOUR + 60)
    assert came(ports) == ["first"]
    aws.client("scheduler").create_schedule(  # AWS takes its time to delete it
        Name=old["Name"],
        GroupName=aws.settings.schedule_group,
        ScheduleExpression=old["ScheduleExpression"],
        FlexibleTimeWindow={"Mode": "OFF"},
        State="DISABLED",
        Target=old["Target"],
    )
    ports.timers.at("p/t", aws.clock.now() + HOUR, Q, "second")
    aws.advance(HOUR)
    assert came(ports) == ["second"]


def test_a_body_keeps_its_text_whatever_scheduler_would_read_in_it(aws: MotoHarness, ports: Ports) -> None:
    for number, body in enumerate(["<aws.scheduler.scheduled-time>", "\x00", "日本語", TICK]):
        ports.timers.at(f"p/{number}", aws.clock.now() + HOUR, Q, body)
        aws.advance(HOUR)
        assert came(ports) == [body]


def test_an_input_larger_than_scheduler_takes_is_refused_here(aws: MotoHarness, ports: Ports) -> None:
    ports.timers.at("p/t", aws.clock.now() + HOUR, Q, "x" * 262_144)
    with pytest.raises(ValueError, match="262144"):
        ports.timers.at("p/u", aws.clock.now() + HOUR, Q, "x" * 262_145)


def test_throttled_for_good_is_try_again(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.THROTTLE, "CreateSchedule", times=100)
    with pytest.raises(TryAgain):
        ports.timers.at("p/t", aws.clock.now() + HOUR, Q, "x")


# --- again and again --------------------------------------------------------------------------------------------------


def test_a_line_that_means_or_becomes_two_schedules_which_stop_together(
    aws: MotoHarness, ports: Ports
) -> None:
    ports.timers.repeat("p/r", cron="0 9 1 * 1", timezone="Europe/Berlin", queue=Q, body="{}")
    assert [schedule["ScheduleExpression"] for schedule in schedules(aws)] == [
        "cron(0 9 1 * ? *)",
        "cron(0 9 ? * MON *)",
    ]
    assert {schedule["ScheduleExpressionTimezone"] for schedule in schedules(aws)} == {"Europe/Berlin"}
    ports.timers.stop("p/r")
    assert schedules(aws) == []


def test_a_new_line_replaces_the_old_one_whole(aws: MotoHarness, ports: Ports) -> None:
    ports.timers.repeat("p/r", cron="0 9 1 * 1", timezone="UTC", queue=Q, body='{"old":1}')
    ports.timers.repeat("p/r", cron="*/5 * * * *", timezone="Asia/Tokyo", queue=Q, body='{"new":1}')
    (schedule,) = schedules(aws)
    assert schedule["ScheduleExpression"] == "cron(0/5 * * * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Asia/Tokyo"
    assert schedule["Target"]["Input"] == '{"new":1}'


def test_a_tick_brings_its_due_time_and_leaves_the_rest_alone(aws: MotoHarness, ports: Ports) -> None:
    value = {
        "due": TICK,
        "also": f"at {TICK}",
        "text": "<aws.scheduler.execution-id> <b> ü 🙂",
        "odd": "\ufffe",
    }
    body = json.dumps(value, ensure_ascii=False)
    ports.timers.repeat("p/r", cron="0 * * * *", timezone="UTC", queue=Q, body=body)
    aws.advance(HOUR)
    (text,) = came(ports)
    due = "2026-11-18T12:00:00Z"
    assert json.loads(text) == {**value, "due": due, "also": f"at {due}"}


def test_bad_lines_and_zones_are_refused_before_anything_is_sent(aws: MotoHarness, ports: Ports) -> None:
    for cron, zone in [("0 0 */2 * 1", "UTC"), ("nonsense", "UTC"), ("0 9 * * *", "Mars/Olympus")]:
        with pytest.raises(InvalidSchedule):
            ports.timers.repeat("p/r", cron=cron, timezone=zone, queue=Q, body="{}")
    assert aws.meter.calls == {}


def test_a_lost_answer_makes_no_second_schedule(aws: MotoHarness, ports: Ports) -> None:
    aws.faults.add(Fault.LOST, "CreateSchedule")
    aws.faults.add(Fault.LOST, "UpdateSchedule")
    ports.timers.repeat("p/r", cron="0 * * * *", timezone="UTC", queue=Q, body="{}")
    assert len(schedules(aws)) == 1
    aws.advance(HOUR)
    assert came(ports) == ["{}"]
