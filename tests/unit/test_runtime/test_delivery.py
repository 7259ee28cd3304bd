"""What arrives in a queue: grouped by execution, and one bad body never harms the others."""

import json

import pytest

from polos.adapters.memory import MemoryStore
from polos.core.definitions import Registry
from polos.core.messages import Message, MessageKind
from polos.ports import Delivery
from polos.runtime.delivery import MAX_RECEIVES, Batch, Intake
from polos.runtime.engine import Engine
from polos.runtime.host import Endless, Host


def intake() -> Intake:
    def runner() -> None:
        raise AssertionError("no step is run here")

    return Intake(
        Engine(Host(MemoryStore.virtual().ports, Registry(), token=lambda: "t", runner=runner))  # type: ignore[arg-type]
    )


def delivery(body: str, *, receives: int = 1) -> Delivery:
    return Delivery("$news", body, f"h{body[:10]}", receives, 0.0)


def news(execution: str, key: str, kind: MessageKind = MessageKind.TIMER) -> str:
    return Message(kind, "p", f"token-{key}", execution, key=key).encode()


TOO_NEW = json.dumps({**json.loads(news("a", "x")), "v": 99})
UNREADABLE = [
    "",
    "hello",
    "[1]",
    "null",
    "{}",
    '{"v":1,"kind":"dance","project":"p","token":"t"}',
    '{"v":1,"kind":"timer"}',
    '{"v":1,"kind":"timer","project":"p","token":"t","wrong":1}',
    '{"v":"x","kind":"timer","project":"p","token":"t"}',
    "[" * 100_000,
]


def keys(batch: Batch) -> list[str]:
    return [message.key for message in batch.messages]


def test_news_of_one_execution_are_handled_together_and_starts_alone() -> None:
    bodies = [news("a", "1"), news("b", "2"), news("a", "3"), news("a", "$start", MessageKind.START)]
    batches = intake().batches([delivery(body) for body in bodies])
    assert sorted(keys(batch) for batch in batches) == [["$start"], ["1", "3"], ["2"]]


@pytest.mark.parametrize("body", UNREADABLE, ids=lambda body: body[:20] or "empty")
def test_what_is_no_message_is_acknowledged_and_does_not_harm_its_neighbours(body: str) -> None:
    box = intake()
    batches = box.batches([delivery(news("a", "1")), delivery(body), delivery(news("a", "2"))])
    assert sorted(keys(batch) for batch in batches) == [[], ["1", "2"]]
    (bad,) = [batch for batch in batches if not batch.messages]
    assert [d.body for d in bad.deliveries] == [body]
    assert box.handle(bad, Endless())


def test_a_message_of_a_newer_version_is_left_for_a_newer_worker_and_does_not_harm_its_neighbours() -> None:
    box = intake()
    batches = box.batches([delivery(TOO_NEW), delivery(news("a", "1"))])
    (newer,) = [batch for batch in batches if batch.later]
    assert not box.handle(newer, Endless())
    assert ["1"] in [keys(batch) for batch in batches]


def test_a_message_received_too_often_is_a_dead_letter_wherever_it_lies() -> None:
    often = delivery(news("a", "1"), receives=MAX_RECEIVES + 1)
    batches = intake().batches([often, delivery(news("a", "2"))])
    assert {tuple(keys(batch)): batch.dead for batch in batches} == {("1",): True, ("2",): False}
