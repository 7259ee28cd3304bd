"""How a story is told: in a plain world, with every message delivered twice, and with a death at every write.

A story is a function of a world (`polos.testing.harness.Harness`) that gives what it wants compared. What its steps do
to the world outside they say with `did`: those effects are compared as well.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from polos.runtime.executions import decode
from polos.testing.harness import PROJECT, Harness
from polos.testing.local import MemoryHarness

Story = Callable[[Harness], Any]
Open = Callable[[], Harness]

_effects: Counter[str] = Counter()
_lock = threading.Lock()


def did(effect: str) -> None:
    """Something that cannot be taken back has happened: a letter was sent, a card charged."""
    with _lock:
        _effects[effect] += 1


def times(effect: str) -> int:
    """How often it has happened in this telling."""
    return _effects[effect]


def effects() -> dict[str, int]:
    """All effects of this telling."""
    return dict(_effects)


def begin() -> None:
    """A new telling."""
    _effects.clear()


def once(story: Story, world: Harness) -> tuple[Any, Counter[str]]:
    """Tell it in `world`, which is closed afterwards: what it gave, and its effects."""
    begin()
    with world:
        given = story(world)
        check_journals(world)
    return given, Counter(_effects)


def plainly(story: Story, open_world: Open) -> None:
    """Without faults: the same as in memory, where chance and ids are others."""
    assert once(story, open_world()) == once(story, MemoryHarness())


def twice(story: Story, open_world: Open) -> None:
    """Every message is delivered twice, and nothing happens twice."""
    world = open_world()
    world.deliver_twice()
    assert once(story, world) == once(story, MemoryHarness())


def killed(story: Story, open_world: Open, *, at_most: int | None = None) -> None:
    """The process at work dies at each write, before or after it: the end is the same, and little is repeated.

    `at_most`: of all those deaths take so many, evenly spread.
    """
    counting = open_world()
    expected, effects_expected = once(story, counting)
    for number, when in _deaths(counting.writes, at_most):
        world = open_world()
        (world.crash_before if when == "before" else world.crash_after)(number)
        given, effects_given = once(story, world)
        told = f"died {when} write {number} of {counting.writes}"
        assert not world.deaths.planned, f"{told}: it did not"
        assert given == expected, told
        assert effects_given.keys() == effects_expected.keys(), told
        for effect, count in effects_given.items():
            assert effects_expected[effect] <= count <= effects_expected[effect] + 1, (
                f"{told}: {effect} {count} times"
            )


def _deaths(writes: int, at_most: int | None) -> list[tuple[int, str]]:
    every = [(number, when) for number in range(1, writes + 1) for when in ("before", "after")]
    if at_most is None or len(every) <= at_most:
        return every
    return [every[index * len(every) // at_most] for index in range(at_most)]


def check_journals(world: Harness) -> None:
    """What holds for every journal, whatever the story: each operation is recorded once, and the end is the last."""
    for execution in executions(world):
        entries = world.journal(execution)
        identities = Counter(entry.identity for entry in entries)
        assert max(identities.values(), default=1) == 1, identities
        assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
        ends = [position for position, entry in enumerate(entries) if entry.identity == "$end"]
        assert ends in ([], [len(entries) - 1])


def executions(world: Harness) -> Iterator[str]:
    """The ids of all executions, in order of creation."""
    cursor = None
    while True:
        page = world.service.ports.records.find("created", f"{PROJECT}|executions", cursor=cursor)
        yield from (decode(record).info.execution for record in page.records)
        cursor = page.cursor
        if cursor is None:
            return


def steps(world: Harness, execution: Any) -> list[str]:
    """Addresses of what was answered, in the order of the journal."""
    return [entry.identity for entry in world.journal(execution) if not entry.identity.startswith("$")]
