"""A connection that is kept open between steps: one per event loop, for a while after its last use.

A task of its own opens and closes it, as what it opens may belong to the task that does (so it is with anyio). Steps
use it from wherever they run on that loop, several at a time. When the loop shuts down, it is closed.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Any, Final

CLOSE_SECONDS: Final = 5.0


class KeptOpen:
    """What `open` gives, kept open for `idle` seconds after its last use. One that failed a user is not used again."""

    def __init__(self, open: Callable[[], AbstractAsyncContextManager[Any]], *, idle: float) -> None:
        self._open = open
        self._idle = idle
        self._lock = threading.Lock()
        self._loops: dict[asyncio.AbstractEventLoop, _Holder] = {}

    @asynccontextmanager
    async def use(self) -> AsyncIterator[Any]:
        """The connection of the running loop, opened if there is none."""
        holder = self._holder()
        holder.users += 1
        try:
            yield await holder.value()
        except Exception:
            self._drop(holder)
            raise
        finally:
            holder.users -= 1
            holder.loop.call_later(self._idle, self._close_idle, holder, holder.uses)

    def _holder(self) -> _Holder:
        loop = asyncio.get_running_loop()
        with self._lock:
            for ended in [known for known in self._loops if known.is_closed()]:
                del self._loops[ended]
            holder = self._loops.get(loop)
            if holder is None or holder.task.done():
                holder = self._loops[loop] = _Holder(loop, self._open)
            holder.uses += 1
            return holder

    def _close_idle(self, holder: _Holder, uses: int) -> None:
        if not holder.users and holder.uses == uses:
            self._drop(holder)

    def _drop(self, holder: _Holder) -> None:
        with self._lock:
            if self._loops.get(holder.loop) is holder:
                del self._loops[holder.loop]
        holder.closing.set()


class _Holder:
    """One connection and the task it belongs to; touched on its loop only."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, open: Callable[[], AbstractAsyncContextManager[Any]]
    ) -> None:
        self.loop = loop
        self.users = self.uses = 0
        self.closing = asyncio.Event()
        self._ready: asyncio.Future[Any] = loop.create_future()
        self._keeper: AsyncGenerator[None, None] | None = None
        self.task = loop.create_task(_by_itself(self._hold(open)))

    async def value(self) -> Any:
        """The connection, once it is open; raises what opening it raised."""
        if self._keeper is None:
            self._keeper = self._keep()
            await anext(self._keeper)
        return await asyncio.shield(self._ready)

    async def _hold(self, open: Callable[[], AbstractAsyncContextManager[Any]]) -> None:
        try:
            async with open() as opened:
                self._ready.set_result(opened)
                await self.closing.wait()
        except Exception as error:
            if not self._ready.done():
                self._ready.set_exception(error)
                self._ready.exception()  # whoever waits is told; nobody may be left

    async def _keep(self) -> AsyncGenerator[None, None]:
        """Closed when the loop shuts its async generators down, which is the one moment it tells of."""
        try:
            yield
        finally:
            self.closing.set()
            with suppress(Exception):  # the loop ends, and with it the connection, politely or not
                await asyncio.wait_for(asyncio.shield(self.task), CLOSE_SECONDS)


async def _by_itself(body: Coroutine[Any, Any, None]) -> None:
    """Run it such that the loop does not know the async generators that it enters.

    A loop that shuts down closes all that it knows at the same time, each from another task: what `open` has entered
    would be torn down from the inside while `_hold` leaves it in order.
    """
    await _Unhooked(body)


class _Unhooked:
    """Steps through a coroutine, the hooks by which a loop learns of async generators being off in each step."""

    def __init__(self, body: Coroutine[Any, Any, None]) -> None:
        self._body = body

    def __await__(self) -> Generator[Any, Any, None]:
        step = partial(self._body.send, None)
        while True:
            hooks = sys.get_asyncgen_hooks()
            sys.set_asyncgen_hooks(firstiter=None, finalizer=None)
            try:
                waits_for = step()
            except StopIteration:
                return
            finally:
                sys.set_asyncgen_hooks(*hooks)
            try:
                sent = yield waits_for
            except BaseException as error:
                step = partial(self._body.throw, error)
            else:
                step = partial(self._body.send, sent)
