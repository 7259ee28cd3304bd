"""Messages about workflows that a process does not know are left for one that does."""

from __future__ import annotations

from pathlib import Path

import pytest

from polos.adapters.clock import VirtualClock
from polos.adapters.sqlite import SqliteStore
from polos.core.definitions import Definition, Registry
from polos.core.messages import Message, MessageKind
from polos.entry.foreign import LONGEST_SECONDS, SHORTEST_SECONDS, Foreign
from polos.ports import Outgoing
from polos.runtime.delivery import MAX_RECEIVES, Batch


class World:
    """A queue with one message, and a process that knows some workflows."""

    def __init__(self, path: Path, *known: str) -> None:
        self.clock = VirtualClock()
        self.store = SqliteStore(path / "s.db", clock=self.clock)
        self.queue = self.store.queue
        self.registry = Registry()
        for workflow in known:
            self.registry.add(Definition(id=workflow, function=lambda ctx: None))
        self.foreign = Foreign(self.queue, self.registry)

    def receive(self) -> Batch:
        deliveries = self.queue.receive(["default"], limit=10)
        return Batch(tuple(Message.decode(d.body) for d in deliveries), tuple(deliveries))


def message(workflow: str, token: str = "t") -> Message:
    return Message(MessageKind.RUN, "p", token, "execution", workflow, "run:x")


def test_a_message_for_the_code_at_hand_is_not_foreign(tmp_path: Path) -> None:
    world = World(tmp_path, "mine")
    world.queue.send("default", [Outgoing(message("mine").encode())])
    assert not world.foreign.is_foreign(world.receive())


def test_messages_about_no_execution_are_nobodys_and_so_ours(tmp_path: Path) -> None:
    world = World(tmp_path, "mine")
    world.queue.send("default", [Outgoing(Message(MessageKind.NOTIFY, "p", "t", key="topic").encode())])
    assert not world.foreign.is_foreign(world.receive())


def test_a_foreign_message_comes_again_as_it_was_and_not_as_a_failed_delivery(tmp_path: Path) -> None:
    world = World(tmp_path, "mine")
    body = message("theirs").encode()
    world.queue.send("default", [Outgoing(body)])
    for _ in range(3 * MAX_RECEIVES):
        batch = world.receive()
        assert world.foreign.is_foreign(batch)
        assert [(d.body, d.receives) for d in batch.deliveries] == [(body, 1)]
        world.foreign.pass_on(batch)
        world.clock.advance(2)
    depth = world.queue.depth("default")
    assert (depth.ready, depth.in_flight, depth.delayed) == (1, 0, 0)


def test_it_comes_again_soon_at_first_and_then_more_seldom(tmp_path: Path) -> None:
    world = World(tmp_path, "mine")
    world.queue.send("default", [Outgoing(message("theirs").encode())])
    waited = []
    for _ in range(10):
        world.foreign.pass_on(world.receive())
        begun = world.clock.now()
        while not world.queue.depth("default").ready:
            world.clock.advance(0.01)
        waited.append(world.clock.now() - begun)
    assert waited == sorted(waited)
    assert waited[0] == pytest.approx(SHORTEST_SECONDS, abs=0.02)
    assert waited[-1] == pytest.approx(LONGEST_SECONDS, abs=0.02)


def test_with_many_of_them_each_comes_up_less_often(tmp_path: Path) -> None:
    world = World(tmp_path, "mine")
    world.queue.send("default", [Outgoing(message("theirs", f"t{i}").encode()) for i in range(1000)])
    for _ in range(8):
        while batch := world.receive():
            if not batch.messages:
                break
            world.foreign.pass_on(batch)
        world.clock.advance(20)
    while (batch := world.receive()).messages:
        world.foreign.pass_on(batch)
    world.clock.advance(2)
    assert world.queue.depth("default").ready < 300, "one process would do nothing else"
