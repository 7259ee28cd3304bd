"""An asyncio event loop that knows when nothing can happen any more.

The body of a workflow is ordinary asyncio code; between two entries of its journal it runs until every task waits for
a durable operation. `select(timeout=None)` being called while only the loop's own self-pipe is registered and no
executor job is out says just that: no callback is ready, no timer is set, no descriptor can become ready. Then
`on_idle` is asked for the next entry; if it has none, the loop stops, and the coroutines stay where they are.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

SLEEP_LIMIT = 1.0
"""Seconds a body may sleep on its own; longer pauses belong to `ctx.step.wait_for`, which costs nothing meanwhile."""


class IdleSelector(selectors.BaseSelector):
    """A selector that reports quiet instead of blocking for ever."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self._descriptors = 0
        self.jobs = 0
        self.on_idle: Callable[[], None] | None = None
        self.on_pause: Callable[[float], None] | None = None

    @property
    def clean(self) -> bool:
        """Whether nothing but the loop's own self-pipe is registered and no executor job is out."""
        return self._descriptors == 1 and not self.jobs

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        self._descriptors += 1
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        key = self._real.unregister(fileobj)
        self._descriptors -= 1
        return key

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if self._descriptors == 1 and not self.jobs:
            if timeout is None and self.on_idle is not None:
                self.on_idle()
                return []
            if timeout is not None and timeout <= 0:
                return []
            if timeout is not None and timeout > SLEEP_LIMIT and self.on_pause is not None:
                self.on_pause(timeout)
                return []
        return self._real.select(timeout)


class ReplayLoop(asyncio.SelectorEventLoop):
    """The loop a workflow's body runs on. `selector.on_idle` is called whenever the body is quiescent."""

    def __init__(self) -> None:
        self.idle = IdleSelector()
        self._made: list[asyncio.Task[Any]] = []
        super().__init__(self.idle)

    def create_task(self, coro: Any, **settings: Any) -> asyncio.Task[Any]:
        """A task, remembered: `asyncio.all_tasks` looks through the tasks of every loop of the process."""
        task = super().create_task(coro, **settings)
        self._made.append(task)
        return task

    def unfinished(self) -> list[asyncio.Task[Any]]:
        """The tasks of this loop that are not done."""
        self._made = [task for task in self._made if not task.done()]
        return [*self._made]

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., Any], *args: Any
    ) -> asyncio.Future[Any]:
        future = super().run_in_executor(executor, func, *args)
        self.idle.jobs += 1
        future.add_done_callback(self._job_done)
        return future

    def _job_done(self, _: object) -> None:
        self.idle.jobs -= 1
