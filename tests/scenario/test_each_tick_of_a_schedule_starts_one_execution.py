"""Schedules: every tick once, with the time it was due; pause, overlap and the clock change as they are described."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from polos import InvalidSchedule, NotFound, SchedulePayload, WorkflowContext, workflow
from polos.errors import TryAgain
from polos.runtime.schedules import ScheduleRecord, Schedules, apply_code
from polos.testing.harness import Harness
from polos.testing.local import MemoryHarness, SqliteHarness
from support.outcomes import of
from support.scenario import did, effects


class Refusing:
    """Timers that are throttled."""

    def repeat(self, name: str, **_: str) -> None:
        raise TryAgain(f"{name}: too many requests")


def work(what: str) -> None:
    did(what)


@workflow(id="tick-report", schedule=True)
async def report(ctx: WorkflowContext, payload: SchedulePayload) -> SchedulePayload:
    await ctx.step.run("work", work, payload.timestamp.isoformat())
    return payload


@workflow(id="long-report", schedule=True)
async def long_report(ctx: WorkflowContext, payload: SchedulePayload) -> None:
    await ctx.step.wait_for("long", minutes=150)


@workflow(id="nightly", schedule={"cron": "30 2 * * *", "timezone": "Europe/Berlin"})
async def nightly(ctx: WorkflowContext, payload: SchedulePayload) -> datetime:
    return payload.timestamp


def to_the_hour(world: Harness) -> datetime:
    """Let time pass to the next full hour."""
    world.advance(3600 - world.clock.now() % 3600)
    return datetime.fromtimestamp(round(world.clock.now()), UTC)


def create(world: Harness, workflow: str, cron: str, **fields: str) -> None:
    given = {"timezone": "UTC", "key": "global", **fields}
    world.service.schedule_action("create", workflow=workflow, cron=cron, **given)


def payloads(world: Harness, workflow: str = "tick-report") -> list[SchedulePayload]:
    metas = [world.service.meta(one.id) for one in of(world, workflow)]
    return [SchedulePayload.model_validate_json(meta.info.payload) for meta in metas]


def at(world: Harness, moment: str) -> None:
    world.clock.advance_to(datetime.fromisoformat(moment).timestamp())


def test_every_hour(tell) -> None:
    def story(world: Harness) -> object:
        hour = to_the_hour(world)
        create(world, "tick-report", "15 * * * *")
        world.advance(2.5 * 3600)
        world.advance(1800)
        return [payload.timestamp - hour for payload in payloads(world)]

    tell(story)


def test_no_tick_is_left_out_and_none_comes_twice(world: Harness) -> None:
    hour = to_the_hour(world)
    create(world, "tick-report", "*/10 * * * *")
    world.deliver_twice()
    world.advance(3 * 3600 + 120)
    found = payloads(world)
    assert [p.timestamp for p in found] == [hour + timedelta(minutes=10 * n) for n in range(1, 19)]
    assert {one.status for one in of(world, "tick-report")} == {"completed"}
    assert set(effects().values()) == {1}


def test_the_payload_tells_of_this_tick_the_last_and_the_next(world: Harness) -> None:
    hour = to_the_hour(world)
    create(world, "tick-report", "0 * * * *", timezone="Asia/Kolkata", key="k1")
    world.advance(2 * 3600)
    first, second = payloads(world)
    half = timedelta(minutes=30)
    assert (first.timestamp, first.last_timestamp) == (hour + half, None)
    assert (second.timestamp, second.last_timestamp) == (hour + 3 * half, hour + half)
    assert second.upcoming == hour + 5 * half
    assert (second.timezone, second.key, second.schedule_id) == ("Asia/Kolkata", "k1", "tick-report:k1")


def test_pause_resume_change_and_delete(world: Harness) -> None:
    to_the_hour(world)
    create(world, "tick-report", "0 * * * *")
    world.advance(3700)
    assert len(payloads(world)) == 1
    world.service.schedule_action("pause", workflow="tick-report", key="global")
    world.advance(3 * 3600)
    assert len(payloads(world)) == 1
    world.service.schedule_action("resume", workflow="tick-report", key="global")
    world.advance(3600)
    assert len(payloads(world)) == 2, "what was due meanwhile is not made up for"
    create(world, "tick-report", "0,30 * * * *")
    world.advance(3600)
    assert len(payloads(world)) == 4
    assert world.service.schedule_action("delete", workflow="tick-report", key="global")
    world.advance(86_400)
    assert len(payloads(world)) == 4
    assert not world.service.schedule_action("delete", workflow="tick-report", key="global")
    with pytest.raises(NotFound):
        world.service.schedule_action("pause", workflow="tick-report", key="global")


def test_overlap_is_skipped_per_key(world: Harness) -> None:
    to_the_hour(world)
    create(world, "long-report", "0 * * * *", key="skips", overlap="skip")
    create(world, "long-report", "0 * * * *", key="allows")
    world.advance(4 * 3600 + 120)
    keys = [payload.key for payload in payloads(world, "long-report")]
    assert (keys.count("skips"), keys.count("allows")) == (2, 4)


def test_a_line_that_cannot_be_kept_is_refused(world: Harness) -> None:
    for cron in ("* * * *", "61 * * * *", "0 0 31 2 *"):
        with pytest.raises(InvalidSchedule):
            create(world, "tick-report", cron)
    with pytest.raises(InvalidSchedule):
        create(world, "tick-report", "0 * * * *", timezone="Mars/Olympus")


def test_both_day_fields_mean_either_and_a_day_that_is_both_ticks_once(world: Harness) -> None:
    at(world, "2027-01-31T00:00:00+00:00")
    create(world, "tick-report", "0 12 1,5 * FRI")
    world.advance(timedelta(days=13))
    days = [payload.timestamp.day for payload in payloads(world)]
    assert days == [1, 5, 12], "the 5th of February 2027 is a Friday: once"


@pytest.mark.parametrize("open_world", [MemoryHarness, SqliteHarness])
def test_a_time_that_the_clock_change_leaves_out_has_no_tick_and_one_it_repeats_has_one(open_world) -> None:
    with open_world() as world:
        at(world, "2027-03-26T12:00:00+00:00")
        apply_code(world.service.host, "test")
        world.advance(timedelta(days=3))
        assert [p.timestamp.isoformat() for p in payloads(world, "nightly")] == [
            "2027-03-27T01:30:00+00:00",
            "2027-03-29T00:30:00+00:00",
        ]
    with open_world() as world:
        at(world, "2027-10-30T12:00:00+00:00")
        apply_code(world.service.host, "test")
        world.advance(timedelta(days=2))
        autumn = [payload.timestamp.date().isoformat() for payload in payloads(world, "nightly")]
        assert autumn == ["2027-10-31", "2027-11-01"]


def test_one_bad_schedule_does_not_stop_the_others(world: Harness) -> None:
    to_the_hour(world)
    create(world, "long-report", "0 * * * *")
    create(world, "tick-report", "0 * * * *")
    world.redeploy("long-report")
    world.advance(3700)
    assert len(payloads(world)) == 1


def test_what_could_not_be_set_is_set_when_it_is_asked_for_again(world: Harness) -> None:
    ports = world.service.ports
    refusing = Schedules(replace(ports, timers=Refusing()), "test")
    record = ScheduleRecord("tick-report", "global", "0 * * * *", "UTC")
    to_the_hour(world)
    with pytest.raises(TryAgain):
        refusing.put(record)
    create(world, "tick-report", "0 * * * *")
    with pytest.raises(TryAgain):
        refusing.put(replace(record, cron="0,30 * * * *"))
    world.advance(3700)
    assert len(payloads(world)) == 1, "the change was not made"
    create(world, "tick-report", "0,30 * * * *")
    world.advance(3600)
    assert len(payloads(world)) == 3
    world.service.schedule_action("pause", workflow="tick-report", key="global")
    with pytest.raises(TryAgain):
        refusing.pause("tick-report", "global", paused=False)
    world.service.schedule_action("resume", workflow="tick-report", key="global")
    world.advance(3600)
    assert len(payloads(world)) == 5
