"""`polos.ports.Queue`, sentence by sentence."""

import threading
from collections import Counter

import pytest

from contract.adapters import World
from contract.samples import ODD_NAMES, ODD_TEXTS, at_once
from polos.ports import Delivery, Outgoing


def send(world: World, queue: str, *bodies: str, delay: float = 0.0) -> None:
    world.ports.queue.send(queue, [Outgoing(body, delay) for body in bodies])


def bodies(deliveries: list[Delivery]) -> list[str]:
    return sorted(delivery.body for delivery in deliveries)


# --- send and receive ---------------------------------------------------------------------------------------------


def test_a_queue_nobody_sent_to_is_empty(world: World) -> None:
    assert world.ports.queue.receive([world.name()]) == []


def test_a_message_is_received_as_it_was_sent(world: World) -> None:
    queue = world.name()
    before = world.now()
    send(world, queue, "body")
    (delivery,) = world.receive(queue, count=1)
    assert (delivery.queue, delivery.body, delivery.receives) == (queue, "body", 1)
    assert before - 2 <= delivery.sent_at <= world.now() + 2
    assert delivery.handle


def test_every_message_of_a_large_send_arrives(world: World) -> None:
    queue = world.name()
    sent = [f"m{number}" for number in range(37)]
    send(world, queue, *sent)
    assert bodies(world.receive(queue, count=37, tries=60)) == sorted(sent)


def test_sending_nothing_is_no_mistake(world: World) -> None:
    world.ports.queue.send(world.name(), [])
    assert world.ports.queue.receive([world.name()]) == []


def test_two_messages_with_one_text_are_two(world: World) -> None:
    queue = world.name()
    send(world, queue, "same", "same")
    send(world, queue, "same")
    assert bodies(world.receive(queue, count=3)) == ["same"] * 3


@pytest.mark.parametrize("body", ODD_TEXTS)
def test_bodies_are_given_back_as_they_were(world: World, body: str) -> None:
    queue = world.name()
    send(world, queue, body)
    (delivery,) = world.receive(queue, count=1)
    assert delivery.body == body


def test_large_messages_go_through_alone_and_together(world: World) -> None:
    queue = world.name()
    whole = "a" * (1024 * 1024)
    parts = [f"{number}" + "é" * 200_000 for number in range(5)]  # 2 MB, more than one batch of SQS holds
    send(world, queue, whole)
    send(world, queue, *parts)
    assert bodies(world.receive(queue, count=6)) == sorted([whole, *parts])


@pytest.mark.parametrize("name", ODD_NAMES)
def test_a_queue_may_have_an_odd_name(world: World, name: str) -> None:
    queue, other = world.name(name), world.name(name + "+")
    send(world, queue, "a")
    send(world, other, "b")
    (delivery,) = world.receive(queue, count=1)
    assert (delivery.queue, delivery.body) == (queue, "a")
    world.ports.queue.delete([delivery])
    assert bodies(world.receive(other, count=1)) == ["b"]


def test_a_group_changes_nothing_about_the_message(world: World) -> None:
    queue = world.name()
    world.ports.queue.send(queue, [Outgoing("a", group="tenant"), Outgoing("b", group="x/#é"), Outgoing("c")])
    assert bodies(world.receive(queue, count=3)) == ["a", "b", "c"]


@pytest.mark.parametrize("limit", [1, 3, 10, 40])
def test_a_receive_gives_no_more_than_its_limit(world: World, limit: int) -> None:
    queue = world.name()
    send(world, queue, *(str(number) for number in range(12)))
    assert 1 <= len(world.ports.queue.receive([queue], limit=limit)) <= min(limit, 12)


def test_earlier_queues_of_the_list_go_first(world: World) -> None:
    first, second, third = world.name("first"), world.name("second"), world.name("third")
    send(world, third, "t")
    send(world, second, "s1", "s2")
    queues = [first, second, third]
    got = [world.ports.queue.receive(queues)[0].body for _ in range(2)]
    assert sorted(got) == ["s1", "s2"]
    send(world, first, "f")
    assert [world.ports.queue.receive(queues)[0].body for _ in range(2)] == ["f", "t"]
    assert world.ports.queue.receive(queues) == []


def test_a_receive_takes_from_its_queues_only(world: World) -> None:
    mine, other = world.name("mine"), world.name("other")
    send(world, other, "o")
    assert world.ports.queue.receive([mine]) == []
    assert bodies(world.receive(mine, other, count=1)) == ["o"]


def test_a_receive_from_no_queue_gives_nothing(world: World) -> None:
    assert world.ports.queue.receive([]) == []


# --- visibility ---------------------------------------------------------------------------------------------------


def test_a_received_message_is_hidden_until_its_time_runs_out(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    (first,) = world.ports.queue.receive([queue], visibility=3)
    assert world.ports.queue.receive([queue]) == []
    world.advance(2)
    assert world.ports.queue.receive([queue]) == []
    world.advance(2)
    (second,) = world.receive(queue, count=1)
    assert (second.body, first.receives, second.receives) == ("a", 1, 2)


def test_receives_counts_every_delivery(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    counted = []
    for _ in range(4):
        (delivery,) = world.receive(queue, count=1)
        counted.append(delivery.receives)
        assert world.ports.queue.extend(delivery, 0)
    assert counted == [1, 2, 3, 4]


def test_sent_at_stays_when_a_message_comes_again(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    (first,) = world.ports.queue.receive([queue], visibility=1)
    world.advance(2)
    (second,) = world.receive(queue, count=1)
    assert second.sent_at == first.sent_at


def test_extend_hides_it_from_now_on(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    (delivery,) = world.ports.queue.receive([queue], visibility=2)
    world.advance(1)
    assert world.ports.queue.extend(delivery, 4)
    world.advance(2)
    assert world.ports.queue.receive([queue]) == []
    assert world.ports.queue.extend(delivery, 2)
    world.advance(3)
    assert bodies(world.receive(queue, count=1)) == ["a"]


def test_extend_may_shorten(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    (delivery,) = world.ports.queue.receive([queue], visibility=600)
    assert world.ports.queue.extend(delivery, 1)
    world.advance(2)
    assert bodies(world.receive(queue, count=1)) == ["a"]


def test_extend_by_nothing_gives_it_back_at_once(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    (delivery,) = world.ports.queue.receive([queue])
    assert world.ports.queue.extend(delivery, 0)
    (again,) = world.receive(queue, count=1)
    assert (again.body, again.receives) == ("a", 2)


def test_extend_is_false_once_the_time_ran_out_although_nobody_took_it(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    (delivery,) = world.ports.queue.receive([queue], visibility=1)
    world.advance(2)
    assert not world.ports.queue.extend(delivery, 60)
    assert bodies(world.receive(queue, count=1)) == ["a"], "the refused extension did not hide it"


def test_extend_is_false_for_one_whose_message_another_took(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    (first,) = world.ports.queue.receive([queue], visibility=1)
    world.advance(2)
    (second,) = world.ports.queue.receive([queue], visibility=4)
    assert not world.ports.queue.extend(first, 600)
    assert not world.ports.queue.extend(first, 0)
    assert world.ports.queue.receive([queue]) == [], "the second receiver still has it"
    assert world.ports.queue.extend(second, 4)


def test_extend_is_false_after_it_was_given_back_or_deleted(world: World) -> None:
    queue = world.name()
    send(world, queue, "back", "done")
    first, second = world.receive(queue, count=2)
    assert world.ports.queue.extend(first, 0)
    assert not world.ports.queue.extend(first, 60)
    world.ports.queue.delete([second])
    assert not world.ports.queue.extend(second, 60)


# --- delete -------------------------------------------------------------------------------------------------------


def test_a_deleted_message_never_comes_again(world: World) -> None:
    queue = world.name()
    send(world, queue, *"abc")
    deliveries = world.ports.queue.receive([queue], limit=3, visibility=1)
    deliveries += world.receive(queue, count=3 - len(deliveries), visibility=1)
    gone = [delivery for delivery in deliveries if delivery.body != "b"]
    world.ports.queue.delete(gone)
    world.ports.queue.delete(gone)
    world.ports.queue.delete([])
    world.advance(2)
    assert bodies(world.receive(queue, count=3)) == ["b"]


def test_delete_takes_any_number_of_any_queues(world: World) -> None:
    queues = [world.name("1"), world.name("2")]
    for queue in queues:
        send(world, queue, *(str(number) for number in range(15)))
    deliveries = world.receive(*queues, count=30, visibility=3, tries=60)
    assert len(deliveries) == 30
    world.ports.queue.delete(deliveries)
    world.advance(4)
    assert world.ports.queue.receive(queues) == []


def test_the_latest_handle_deletes_even_when_its_time_ran_out(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    (delivery,) = world.ports.queue.receive([queue], visibility=1)
    world.advance(2)
    world.ports.queue.delete([delivery])
    assert world.ports.queue.receive([queue]) == []


def test_an_outdated_handle_breaks_nothing(world: World) -> None:
    queue = world.name()
    send(world, queue, "a", "b")
    first = world.receive(queue, count=2, visibility=1)
    world.advance(2)
    second = world.receive(queue, count=2)
    world.ports.queue.delete(first)
    world.ports.queue.delete(second)
    assert world.ports.queue.receive([queue]) == []


def test_a_handle_never_touches_a_message_sent_after_its_own_was_deleted(world: World) -> None:
    queue = world.name()
    send(world, queue, "old")
    (old,) = world.ports.queue.receive([queue])
    world.ports.queue.delete([old])
    send(world, queue, "new")
    (new,) = world.receive(queue, count=1)
    assert not world.ports.queue.extend(old, 0)
    world.ports.queue.delete([old])
    assert world.ports.queue.extend(new, 60)


# --- delay --------------------------------------------------------------------------------------------------------


def test_a_message_is_never_received_before_its_delay_is_over(world: World) -> None:
    queue = world.name()
    send(world, queue, "later", delay=3)
    send(world, queue, "now")
    assert bodies(world.receive(queue, count=2, tries=3)) == ["now"]
    world.advance(2)
    assert world.ports.queue.receive([queue]) == []
    world.advance(1.5)
    assert bodies(world.receive(queue, count=1)) == ["later"]


def test_one_send_may_have_many_delays(world: World) -> None:
    queue = world.name()
    world.ports.queue.send(queue, [Outgoing("3", 3), Outgoing("0"), Outgoing("1", 1)])
    assert bodies(world.receive(queue, count=3, tries=3)) == ["0"]
    world.advance(1.5)
    assert bodies(world.receive(queue, count=3, tries=3)) == ["1"]
    world.advance(2)
    assert bodies(world.receive(queue, count=3, tries=3)) == ["3"]


def test_the_longest_delay_is_taken_and_kept(world: World) -> None:
    queue = world.name()
    longest = min(world.ports.queue.max_delay, 400 * 86_400)
    assert longest >= 900
    send(world, queue, "a", delay=longest)
    world.advance(longest - 1)
    assert world.ports.queue.receive([queue]) == []
    world.advance(2)
    assert bodies(world.receive(queue, count=1)) == ["a"]


@pytest.mark.parametrize("delay", [-1.0, float("nan")])
def test_a_delay_below_zero_is_a_mistake(world: World, delay: float) -> None:
    with pytest.raises(ValueError, match="delay"):
        send(world, world.name(), "a", delay=delay)


# --- waiting ------------------------------------------------------------------------------------------------------


def test_a_receive_that_waits_gives_what_comes_meanwhile(live_world: World) -> None:
    queue = live_world.name()
    got: list[Delivery] = []
    waiting = threading.Thread(
        target=lambda: got.extend(live_world.ports.queue.receive([queue], wait=20)), daemon=True
    )
    waiting.start()
    waiting.join(timeout=0.1)
    assert not got
    send(live_world, queue, "a")
    waiting.join(timeout=15)
    assert bodies(got) == ["a"]


def test_a_receive_that_waits_gives_what_becomes_ready_meanwhile(live_world: World) -> None:
    queue = live_world.name()
    before = live_world.now()  # the delay counts from somewhere between here and the end of `send`
    send(live_world, queue, "delayed", delay=1)
    assert bodies(live_world.ports.queue.receive([queue], wait=10)) == ["delayed"]
    assert live_world.now() >= before + 1 - 0.01


def test_a_receive_that_waits_gives_what_somebody_gives_back(live_world: World) -> None:
    queue = live_world.name()
    send(live_world, queue, "a")
    (held,) = live_world.receive(queue, count=1)
    got: list[Delivery] = []
    waiting = threading.Thread(
        target=lambda: got.extend(live_world.ports.queue.receive([queue], wait=20)), daemon=True
    )
    waiting.start()
    waiting.join(timeout=0.1)
    assert live_world.ports.queue.extend(held, 0)
    waiting.join(timeout=15)
    assert [(one.body, one.receives) for one in got] == [("a", 2)]


def test_a_wait_that_is_over_gives_nothing(live_world: World) -> None:
    clock = live_world.ports.clock
    nearly_over = clock.monotonic() + 0.9
    assert live_world.ports.queue.receive([live_world.name()], wait=1) == []
    assert clock.monotonic() >= nearly_over


def test_many_that_wait_get_each_message_once(live_world: World) -> None:
    queues = [live_world.name("a"), live_world.name("b")]

    def work(number: int) -> list[str]:
        if number >= 6:
            for part in range(10):
                send(live_world, queues[part % 2], f"{number}.{part}")
            return []
        got = []
        while found := live_world.ports.queue.receive(queues, wait=1, limit=2):
            got += [delivery.body for delivery in found]
            live_world.ports.queue.delete(found)
        return got

    received = Counter(body for got in at_once(8, work) for body in got)
    assert received == Counter(f"{number}.{part}" for number in (6, 7) for part in range(10))


# --- many at once -------------------------------------------------------------------------------------------------


def test_eight_threads_never_receive_one_message_twice_within_its_visibility(world: World) -> None:
    queue = world.name()
    send(world, queue, *(str(number) for number in range(40)))

    def work(_: int) -> list[str]:
        got: list[str] = []
        misses = 0
        while misses < 3:
            found = world.ports.queue.receive([queue], limit=3)
            got += [delivery.body for delivery in found]
            misses += not found
        return got

    received = Counter(body for got in at_once(8, work) for body in got)
    assert received == Counter(str(number) for number in range(40))


def test_of_many_that_extend_and_delete_one_message_the_latest_receiver_is_right(world: World) -> None:
    queue = world.name()
    for turn in range(8):
        send(world, queue, str(turn))
        (delivery,) = world.receive(queue, count=1)

        def work(number: int, delivery: Delivery = delivery) -> bool:
            if number == 3:
                world.ports.queue.delete([delivery])
                return False
            return world.ports.queue.extend(delivery, 30)

        at_once(6, work)
        assert not world.ports.queue.extend(delivery, 30)
    assert world.ports.queue.depth(queue).in_flight == 0


# --- depth --------------------------------------------------------------------------------------------------------


def test_depth_tells_ready_in_flight_and_delayed_apart(world: World) -> None:
    queue = world.name()
    depth = world.ports.queue.depth(queue)
    assert (depth.ready, depth.in_flight, depth.delayed, depth.oldest) == (0, 0, 0, 0.0)
    send(world, queue, *"abcde")
    send(world, queue, *"xyz", delay=60)
    held = world.receive(queue, count=2, visibility=30)
    depth = world.ports.queue.depth(queue)
    assert (depth.ready, depth.in_flight, depth.delayed) == (3, 2, 3)
    world.ports.queue.extend(held[0], 0)
    world.ports.queue.delete(held[1:])
    depth = world.ports.queue.depth(queue)
    assert (depth.ready, depth.in_flight, depth.delayed) == (4, 0, 3)


def test_depth_counts_what_ran_out_as_ready(world: World) -> None:
    queue = world.name()
    send(world, queue, "a")
    send(world, queue, "b", delay=2)
    world.receive(queue, count=1, visibility=1)
    world.advance(3)
    depth = world.ports.queue.depth(queue)
    assert (depth.ready, depth.in_flight, depth.delayed) == (2, 0, 0)


# --- limits -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", ["", "x" * (1024 * 1024 + 1), "é" * (512 * 1024 + 1)])
def test_bodies_beyond_the_limits_are_mistakes_and_nothing_is_sent(world: World, body: str) -> None:
    queue = world.name()
    with pytest.raises(ValueError, match="bytes"):
        world.ports.queue.send(queue, [Outgoing("good"), Outgoing(body)])
    assert world.ports.queue.receive([queue]) == []


def test_a_queue_without_a_name_and_a_limit_below_one_are_mistakes(world: World) -> None:
    with pytest.raises(ValueError, match="name"):
        send(world, "", "a")
    with pytest.raises(ValueError, match="name"):
        world.ports.queue.receive([""])
    with pytest.raises(ValueError, match="limit"):
        world.ports.queue.receive([world.name()], limit=0)
