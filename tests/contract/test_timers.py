"""`polos.ports.Timers`, sentence by sentence."""

from datetime import datetime

import pytest

from contract.adapters import World
from contract.samples import ODD_NAMES, at_once
from polos.errors import InvalidSchedule
from polos.ports import TICK

EARLY = 120.0
"""Seconds a one-shot timer may be early."""

HOUR = 3_600.0
DAY = 86_400.0


def came(world: World, queue: str) -> list[str]:
    """The bodies that lie in `queue`, taken out: what came twice is in it once."""
    bodies: set[str] = set()
    while found := world.ports.queue.receive([queue], limit=10):
        bodies.update(delivery.body for delivery in found)
        world.ports.queue.delete(found)
    return sorted(bodies)


def wait_until(world: World, text: str) -> None:
    """Let time pass until an instant such as 2026-12-01T09:00:00Z."""
    at = datetime.fromisoformat(text).timestamp()
    assert at >= world.now(), "the virtual clock begins before every date used here"
    world.advance(at - world.now())


# --- one-shot -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [200.0, HOUR, 3 * DAY, 300 * DAY])
def test_a_timer_comes_at_its_time_and_not_much_earlier(world: World, seconds: float) -> None:
    queue = world.name("q")
    world.ports.timers.at(world.name("t"), world.now() + seconds, queue, "body")
    world.fire()
    assert came(world, queue) == []
    world.advance(seconds - EARLY - 1)
    assert came(world, queue) == []
    world.advance(EARLY + 2)
    assert came(world, queue) == ["body"]
    world.advance(DAY)
    assert came(world, queue) == []


@pytest.mark.parametrize("seconds", [0.0, -1.0, -400 * DAY])
def test_a_timer_in_the_past_comes_at_once(world: World, seconds: float) -> None:
    queue = world.name("q")
    world.ports.timers.at(world.name("t"), world.now() + seconds, queue, "body")
    world.fire()
    assert came(world, queue) == ["body"]


def test_a_repeat_with_the_same_name_does_nothing(world: World) -> None:
    queue, other, timer = world.name("q"), world.name("other"), world.name("t")
    due = world.now() + HOUR
    world.ports.timers.at(timer, due, queue, "first")
    world.ports.timers.at(timer, due, queue, "first")
    world.ports.timers.at(timer, due - HOUR / 2, queue, "sooner")
    world.ports.timers.at(timer, due, other, "elsewhere")
    world.ports.timers.at(timer, world.now() - 5, queue, "past")
    world.advance(HOUR + 1)
    assert came(world, queue) == ["first"]
    world.advance(HOUR)
    assert came(world, queue) == came(world, other) == []


def test_a_name_that_has_fired_may_be_used_again(world: World) -> None:
    queue, timer = world.name("q"), world.name("t")
    world.ports.timers.at(timer, world.now() + HOUR, queue, "first")
    world.advance(HOUR + EARLY)
    assert came(world, queue) == ["first"]
    world.ports.timers.at(timer, world.now() + HOUR, queue, "second")
    world.advance(HOUR + EARLY)
    assert came(world, queue) == ["second"]
    world.ports.timers.at(timer, world.now() - 1, queue, "third")
    world.fire()
    assert came(world, queue) == ["third"]


def test_a_timer_may_be_set_again_while_its_message_is_worked_on(world: World) -> None:
    queue, timer = world.name("q"), world.name("t")
    world.ports.timers.at(timer, world.now() + HOUR, queue, "first")
    world.advance(HOUR + EARLY)
    working = world.receive(queue, count=1)
    world.ports.timers.at(timer, world.now() + HOUR, queue, "second")
    world.ports.queue.delete(working)
    world.advance(HOUR + EARLY)
    assert "second" in came(world, queue)


def test_a_timer_may_be_set_again_while_its_message_still_lies_in_the_queue(world: World) -> None:
    queue, timer = world.name("q"), world.name("t")
    world.ports.timers.at(timer, world.now() + HOUR, queue, "first")
    world.advance(HOUR + EARLY)
    world.ports.timers.at(timer, world.now() + HOUR, queue, "second")
    assert came(world, queue) == ["first"]
    world.advance(HOUR + EARLY)
    assert came(world, queue) == ["second"]


def test_a_cancelled_timer_does_not_come(world: World) -> None:
    queue = world.name("q")
    world.ports.timers.at(world.name("gone"), world.now() + HOUR, queue, "gone")
    world.ports.timers.at(world.name("stays"), world.now() + HOUR, queue, "stays")
    world.ports.timers.cancel(world.name("gone"))
    world.ports.timers.cancel(world.name("gone"))
    world.advance(HOUR + EARLY)
    assert came(world, queue) == ["stays"]


def test_cancelling_what_fired_or_never_was_does_nothing(world: World) -> None:
    queue, timer = world.name("q"), world.name("t")
    world.ports.timers.cancel(timer)
    world.ports.timers.at(timer, world.now() + HOUR, queue, "body")
    world.advance(HOUR + EARLY)
    world.ports.timers.cancel(timer)
    assert came(world, queue) == ["body"]


def test_a_cancelled_name_may_be_used_again(world: World) -> None:
    queue, timer = world.name("q"), world.name("t")
    world.ports.timers.at(timer, world.now() + HOUR, queue, "first")
    world.ports.timers.cancel(timer)
    world.ports.timers.at(timer, world.now() + 2 * HOUR, queue, "second")
    world.advance(HOUR + EARLY)
    assert came(world, queue) == []
    world.advance(HOUR)
    assert came(world, queue) == ["second"]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_timer_may_have_an_odd_name(world: World, name: str) -> None:
    queue = world.name(name)
    world.ports.timers.at(world.name(name), world.now() + HOUR, queue, "a")
    world.ports.timers.at(world.name(name + "+"), world.now() + HOUR, queue, "b")
    world.ports.timers.at(world.name(name + "++"), world.now() + HOUR, queue, "c")
    world.ports.timers.cancel(world.name(name))
    world.advance(HOUR + EARLY)
    assert came(world, queue) == ["b", "c"]


def test_eight_threads_that_set_one_timer_set_it_once(world: World) -> None:
    queue, timer = world.name("q"), world.name("t")
    due = world.now() + HOUR
    at_once(8, lambda number: world.ports.timers.at(timer, due, queue, str(number)))
    world.advance(HOUR + EARLY)
    assert len(came(world, queue)) == 1


def test_the_body_of_a_one_shot_is_left_alone(world: World) -> None:
    queue = world.name("q")
    body = '{"at": "' + TICK + '", "é": "<aws.scheduler.scheduled-time>"}'
    world.ports.timers.at(world.name("t"), world.now() + HOUR, queue, body)
    world.advance(HOUR + EARLY)
    assert came(world, queue) == [body]


# --- repeating ----------------------------------------------------------------------------------------------------


def test_every_tick_comes_with_its_due_time(world: World) -> None:
    queue = world.name("q")
    wait_until(world, "2026-12-01T08:59:30Z")
    world.ports.timers.repeat(
        world.name("t"),
        cron="*/15 9 * * *",
        timezone="UTC",
        queue=queue,
        body=f'{{"at":"{TICK}","n":"{TICK}"}}',
    )
    world.advance(DAY)
    assert came(world, queue) == [
        f'{{"at":"2026-12-01T09:{minute}:00Z","n":"2026-12-01T09:{minute}:00Z"}}'
        for minute in ("00", "15", "30", "45")
    ]


def test_no_tick_is_left_out_and_none_comes_early(world: World) -> None:
    queue = world.name("q")
    wait_until(world, "2026-12-01T10:00:30Z")
    world.ports.timers.repeat(world.name("t"), cron="* * * * *", timezone="UTC", queue=queue, body=TICK)
    world.fire()
    assert came(world, queue) == []
    seen: list[str] = []
    for _ in range(40):
        world.advance(20)
        for text in came(world, queue):
            assert datetime.fromisoformat(text).timestamp() <= world.now()
            seen.append(text)
    assert sorted(set(seen)) == [f"2026-12-01T10:{minute:02}:00Z" for minute in range(1, 14)]


def test_the_first_tick_is_the_next_one_after_the_call(world: World) -> None:
    queue = world.name("q")
    wait_until(world, "2026-12-01T10:00:00Z")
    world.ports.timers.repeat(world.name("t"), cron="0 * * * *", timezone="UTC", queue=queue, body=TICK)
    world.advance(HOUR)
    assert came(world, queue) == ["2026-12-01T11:00:00Z"]


def test_ticks_follow_the_clocks_of_their_zone(world: World) -> None:
    wait_until(world, "2027-03-13T12:00:00Z")
    for zone in ("America/New_York", "Asia/Kolkata", "UTC"):
        world.ports.timers.repeat(
            world.name(zone), cron="0 9 * * *", timezone=zone, queue=world.name("q" + zone), body=TICK
        )
    world.advance(2 * DAY)
    assert came(world, world.name("qUTC")) == ["2027-03-14T09:00:00Z", "2027-03-15T09:00:00Z"]
    assert came(world, world.name("qAsia/Kolkata")) == ["2027-03-14T03:30:00Z", "2027-03-15T03:30:00Z"]
    assert came(world, world.name("qAmerica/New_York")) == ["2027-03-13T14:00:00Z", "2027-03-14T13:00:00Z"]


def test_a_time_in_the_gap_is_skipped_and_one_in_the_overlap_comes_once(world: World) -> None:
    queue = world.name("q")
    wait_until(world, "2027-03-12T12:00:00Z")
    world.ports.timers.repeat(
        world.name("t"), cron="30 2 * * *", timezone="America/New_York", queue=queue, body=TICK
    )
    world.advance(3 * DAY)  # 02:30 of 14 March does not exist
    assert came(world, queue) == ["2027-03-13T07:30:00Z", "2027-03-15T06:30:00Z"]
    world.ports.timers.stop(world.name("t"))
    wait_until(world, "2027-11-06T12:00:00Z")
    world.ports.timers.repeat(
        world.name("t"), cron="30 1 * * *", timezone="America/New_York", queue=queue, body=TICK
    )
    world.advance(2 * DAY)  # 01:30 of 7 November happens twice
    assert came(world, queue) == ["2027-11-07T05:30:00Z", "2027-11-08T06:30:00Z"]


def test_repeating_again_replaces_the_timer_of_that_name(world: World) -> None:
    queue, other, timer = world.name("q"), world.name("other"), world.name("t")
    wait_until(world, "2026-12-01T10:00:30Z")
    world.ports.timers.repeat(timer, cron="* * * * *", timezone="UTC", queue=queue, body="old")
    world.ports.timers.repeat(timer, cron="30 * * * *", timezone="UTC", queue=other, body=f"new {TICK}")
    world.advance(HOUR)
    assert came(world, queue) == []
    assert came(world, other) == ["new 2026-12-01T10:30:00Z"]


def test_a_stopped_timer_ends(world: World) -> None:
    queue, timer = world.name("q"), world.name("t")
    wait_until(world, "2026-12-01T10:00:30Z")
    world.ports.timers.stop(timer)
    world.ports.timers.repeat(timer, cron="* * * * *", timezone="UTC", queue=queue, body=TICK)
    world.advance(60)
    world.ports.timers.stop(timer)
    world.ports.timers.stop(timer)
    world.advance(HOUR)
    assert came(world, queue) == ["2026-12-01T10:01:00Z"]


def test_one_shot_and_repeating_names_do_not_meet(world: World) -> None:
    queue, name = world.name("q"), world.name("same")
    wait_until(world, "2026-12-01T10:00:30Z")
    world.ports.timers.at(name, world.now() + HOUR, queue, "once")
    world.ports.timers.repeat(name, cron="0 * * * *", timezone="UTC", queue=queue, body="again")
    world.ports.timers.cancel(name)
    world.advance(2 * HOUR)
    assert came(world, queue) == ["again"]
    world.ports.timers.at(name, world.now() + HOUR, queue, "once")
    world.ports.timers.stop(name)
    world.advance(2 * HOUR)
    assert came(world, queue) == ["once"]


@pytest.mark.parametrize("cron", ["", "every day", "* * * *", "61 * * * *", "0 0 30 2 *", "0 9 ? * MON *"])
def test_a_line_that_cannot_be_used_is_refused(world: World, cron: str) -> None:
    with pytest.raises(InvalidSchedule):
        world.ports.timers.repeat(world.name("t"), cron=cron, timezone="UTC", queue=world.name("q"), body="b")


@pytest.mark.parametrize("zone", ["", "Mars/Olympus", "../etc/passwd"])
def test_a_zone_that_does_not_exist_is_refused_and_the_old_timer_stands(world: World, zone: str) -> None:
    queue, timer = world.name("q"), world.name("t")
    wait_until(world, "2026-12-01T10:00:30Z")
    world.ports.timers.repeat(timer, cron="* * * * *", timezone="UTC", queue=queue, body="stands")
    with pytest.raises(InvalidSchedule):
        world.ports.timers.repeat(timer, cron="* * * * *", timezone=zone, queue=queue, body="b")
    world.advance(60)
    assert came(world, queue) == ["stands"]
