"""News of one execution are one thread's at a time; nothing that is handed in is lost or handled twice."""

import random
import threading
from collections import Counter

import pytest

from polos.adapters.clock import SystemClock
from polos.core.messages import Message, MessageKind
from polos.entry.gathering import MOST, Gathering, Work
from polos.errors import LeaseLost
from polos.ports import Delivery
from polos.runtime import names
from polos.runtime.delivery import Batch
from polos.runtime.lease import MessageLease


class Clock(SystemClock):
    now_is = 0.0

    def monotonic(self) -> float:
        return self.now_is


def work(
    execution: str, key: str = "k", *, queue: str = names.NEWS_QUEUE, clock: Clock | None = None
) -> Work:
    message = Message(MessageKind.CHILD, "default", "token", execution, key=key)
    delivery = Delivery(queue, "body", handle=key, receives=1, sent_at=0)
    lease = MessageLease(None, clock or Clock(), (delivery,))  # type: ignore[arg-type]
    return Work(Batch((message,), (delivery,)), (lease,))


def keys(one: Work | None) -> list[str]:
    return [message.key for message in one.batch.messages] if one else []


def test_what_comes_meanwhile_is_one_piece_of_work_afterwards() -> None:
    gathering = Gathering()
    first = work("x", "1")
    assert gathering.begin(first)
    assert not gathering.waits(first)
    assert not gathering.begin(work("x", "2"))
    assert gathering.waits(first)
    assert not gathering.begin(work("x", "3"))
    assert gathering.begin(work("y", "4")), "another execution waits for nobody"
    more = gathering.next(first)
    assert keys(more) == ["2", "3"]
    assert more is not None
    assert not gathering.begin(work("x", "5")), "the same thread is still at it"
    last = gathering.next(more)
    assert keys(last) == ["5"]
    assert last is not None
    assert gathering.next(last) is None
    assert gathering.begin(work("x", "6"))


def test_what_a_thread_that_dies_leaves_is_given_back_and_others_go_on() -> None:
    gathering = Gathering()
    one = work("x")
    assert gathering.begin(one)
    assert not gathering.begin(work("x", "2"))
    assert [keys(held) for held in gathering.abandon(one)] == [["2"]]
    assert gathering.begin(work("x", "3"))


@pytest.mark.parametrize("other", ["steps", "dead", "unreadable"])
def test_everything_else_is_held_up_by_nothing(other: str) -> None:
    gathering = Gathering()
    assert gathering.begin(work("x"))
    one = work("x", queue="default" if other == "steps" else names.NEWS_QUEUE)
    if other == "dead":
        one = Work(Batch(one.batch.messages, one.batch.deliveries, dead=True), one.leases)
    if other == "unreadable":
        one = Work(Batch((), one.batch.deliveries), one.leases)
    assert gathering.begin(one)
    assert gathering.next(one) is None


def test_no_more_at_once_than_is_good_for_one_turn() -> None:
    gathering = Gathering()
    one: Work | None = work("x")
    assert one is not None
    assert gathering.begin(one)
    for number in range(MOST * 2):
        assert not gathering.begin(work("x", str(number)))
    taken = []
    while (one := gathering.next(one)) is not None:
        assert len(one.batch.messages) <= MOST
        taken += keys(one)
    assert taken == [str(number) for number in range(MOST * 2)]


def test_work_is_good_as_long_as_all_of_its_leases_are() -> None:
    early, late = Clock(), Clock()
    gathering = Gathering()
    one = work("x")
    assert gathering.begin(one)
    assert not gathering.begin(work("x", "2", clock=early))
    assert not gathering.begin(work("x", "3", clock=late))
    more = gathering.next(one)
    assert more is not None
    more.check()
    early.now_is = 1000.0
    with pytest.raises(LeaseLost):
        more.check()


def test_many_threads_handle_each_message_once_and_never_two_of_one_execution_at_a_time() -> None:
    gathering, handled, at_work, most = Gathering(), Counter[str](), Counter[str](), []
    lock = threading.Lock()

    def thread(number: int) -> None:
        chance = random.Random(number)
        for index in range(200):
            execution = chance.choice("xyz")
            one: Work | None = work(execution, f"{number}-{index}")
            assert one is not None
            if not gathering.begin(one):
                continue
            while one is not None:
                with lock:
                    at_work[execution] += 1
                    most.append(at_work[execution])
                handled.update(keys(one))
                with lock:
                    at_work[execution] -= 1
                one = gathering.next(one)

    threads = [threading.Thread(target=thread, args=(number,)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert handled == Counter(f"{number}-{index}" for number in range(8) for index in range(200))
    assert max(most) == 1
