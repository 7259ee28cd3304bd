"""A connection is opened once per loop, kept for a while, never used again once it failed, and closed by its task."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from polos.tools.keeping import KeptOpen


class Door:
    """Counts how often it was opened and closed, and by which task."""

    def __init__(self, *, fails: bool = False) -> None:
        self.opened: list[asyncio.Task[object] | None] = []
        self.closed: list[asyncio.Task[object] | None] = []
        self._fails = fails

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        if self._fails:
            raise ConnectionError("shut")
        self.opened.append(asyncio.current_task())
        try:
            yield len(self.opened)
        finally:
            self.closed.append(asyncio.current_task())


async def used(kept: KeptOpen) -> int:
    async with kept.use() as opened:
        return opened


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_one_connection_serves_several_users_at_a_time() -> None:
    door = Door()
    kept = KeptOpen(door.open, idle=60)
    assert await asyncio.gather(used(kept), used(kept), used(kept)) == [1, 1, 1]
    assert await used(kept) == 1
    assert door.closed == []


async def test_it_is_closed_by_the_task_that_opened_it_when_it_is_idle() -> None:
    door = Door()
    kept = KeptOpen(door.open, idle=0)
    await used(kept)
    while not door.closed:
        await asyncio.sleep(0)
    assert door.closed == door.opened
    assert await used(kept) == 2


async def test_it_is_not_idle_while_somebody_uses_it() -> None:
    door = Door()
    kept = KeptOpen(door.open, idle=0)
    async with kept.use():
        await used(kept)
        await settle()
        assert door.closed == []


async def test_a_connection_that_failed_a_user_is_not_used_again() -> None:
    door = Door()
    kept = KeptOpen(door.open, idle=60)
    with pytest.raises(ValueError, match="broken"):
        async with kept.use():
            raise ValueError("broken")
    assert await used(kept) == 2
    await settle()
    assert len(door.closed) == 1


async def test_a_door_that_does_not_open_is_tried_anew_by_the_next() -> None:
    kept = KeptOpen(Door(fails=True).open, idle=60)
    for _ in range(2):
        with pytest.raises(ConnectionError, match="shut"):
            await used(kept)


def test_each_loop_has_its_own_and_closes_it_at_its_end() -> None:
    door = Door()
    kept = KeptOpen(door.open, idle=60)
    assert [asyncio.run(used(kept)), asyncio.run(used(kept))] == [1, 2]
    assert len(door.closed) == 2


def test_a_loop_that_is_shut_down_in_the_middle_closes_it_in_order() -> None:
    door, trouble = Door(), []

    @asynccontextmanager
    async def opened() -> AsyncIterator[int]:
        async with door.open() as inner:
            try:
                yield inner
            finally:
                await asyncio.sleep(0)
                assert not door.closed, "the inside has gone before the outside"

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: trouble.append(context))
    assert loop.run_until_complete(used(KeptOpen(opened, idle=60))) == 1
    loop.run_until_complete(loop.shutdown_asyncgens())  # as a worker does, which leaves its tasks as they are
    loop.close()
    assert (door.closed, trouble) == (door.opened, [])
