"""Somebody at work in the simulated world, who stands still at every point until told to go on."""

from __future__ import annotations

from collections.abc import Callable

from greenlet import greenlet

from polos.errors import LeaseLost, TryAgain
from polos.testing.faults import Crash

EXPECTED = (Crash, LeaseLost, TryAgain)
"""How work may break off. Anything else is a mistake of the engine, and is raised to whoever drives the task."""


class Task:
    """Runs `work` in a greenlet. Between two points nothing else runs: what is done there is atomic.

    `at` is the point it stands before: "begin", a port call such as "log.append", "check" (the lease), "run:key".
    `broke` is what ended it, None when it has returned (or has not ended).
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        self.name = name
        self.at = "begin"
        self.over = False
        self.broke: BaseException | None = None
        self._work = work
        self._greenlet = greenlet(self._run)
        self._begun = False

    def _run(self) -> None:
        try:
            self._work()
        except EXPECTED as error:
            self.broke = error
        finally:
            self.over = True

    def go_on(self) -> None:
        """Let it run up to its next point, or its end."""
        self._begun = True
        self._greenlet.switch()

    def die(self, error: BaseException) -> None:
        """Raise `error` where it stands."""
        if self._begun:
            self._greenlet.throw(error)
        else:
            self.over, self.broke = True, error

    def stand(self, point: str) -> None:
        """Called by the task itself: stop here until told to go on."""
        self.at = point
        self._greenlet.parent.switch()
