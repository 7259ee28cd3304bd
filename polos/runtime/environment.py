"""What surrounds a step while it runs: who it belongs to, which attempt it is, and where it may publish.

The runner sets it around each attempt, so that code deep inside a step (a model that streams, say) can tell the run
about its progress. What is published this way is no part of the journal: a repeated attempt publishes again, and says
by its attempt number that what came before is void.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final

from polos.core.step import run_topic
from polos.errors import NotAllowedHere
from polos.ports import Ports
from polos.runtime.step_logs import StepLog, step_log
from polos.runtime.topics import Topics


@dataclass(frozen=True, slots=True)
class StepEnvironment:
    """One attempt of one step. `ports` refuse to write once the worker's lease is lost; `log` keeps what it logs."""

    project: str
    execution: str
    workflow: str
    root_execution: str
    root_workflow: str
    address: str
    attempt: int
    token: str
    ports: Ports
    topics: Topics
    log: StepLog | None = None

    @property
    def run_topic(self) -> str:
        """The topic of the run this step belongs to."""
        return run_topic(self.root_workflow, self.root_execution)

    def publish(self, events: Sequence[tuple[str, str, str]]) -> None:
        """Append events (id, type, data as JSON text) to the run's topic, side by side. Blocks; safe from any thread.

        For readers of the run: a workflow that waits for an event is not woken by these.
        """
        self.topics.publish_all(self.run_topic, events)


_current: Final[ContextVar[StepEnvironment | None]] = ContextVar("polos_step", default=None)


def step_environment() -> StepEnvironment:
    """The environment of the step that runs here.

    Raises:
        NotAllowedHere: No step runs here.
    """
    environment = _current.get()
    if environment is None:
        raise NotAllowedHere(
            "this can only be done inside a step: call it from a function given to ctx.step.run"
        )
    return environment


@contextmanager
def inside(environment: StepEnvironment | None) -> Iterator[None]:
    """Let `step_environment()` give this, inside the block, and keep what is logged there."""
    token = _current.set(environment)
    log = step_log.set(environment.log if environment is not None else None)
    try:
        yield
    finally:
        step_log.reset(log)
        _current.reset(token)
