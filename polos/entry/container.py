"""A worker over the AWS adapters in a process of its own, with long polling in place of Lambda: for containers.

It takes what the functions of the stack take, beside them or instead of them: starts, steps, news and dead letters.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from polos.adapters.aws.clients import Aws
from polos.adapters.aws.settings import AwsSettings
from polos.adapters.clock import SystemClock
from polos.entry.aws import IN_A_STACK, AwsRuntime, stack_vault
from polos.entry.pool import WorkerPool
from polos.errors import StoreError
from polos.runtime.engine import Engine
from polos.runtime.schedules import apply_code
from polos.runtime.secrets import use_vault
from polos.runtime.sweeper import sweep

POLL_SECONDS: Final = 5.0
"""How long one round of polling takes: a stop is noticed within it."""
SWEEP_SECONDS: Final = 60.0


class Container:
    """The threads of one process over one stack's queues. `close` drains them."""

    def __init__(self, runtime: AwsRuntime, *, threads: int = 32, poll: float = POLL_SECONDS) -> None:
        self._runtime = runtime
        self._swept = time.monotonic()
        self._pool = WorkerPool(Engine(runtime.host), threads=threads, chores=(self._sweep,), poll=poll)
        runtime.warm()
        apply_code(runtime.host, runtime.service.project)
        self._pool.start()

    @property
    def place(self) -> str:
        """What it works on, for people."""
        return f"the stack of {self._runtime.settings.log_table} in {self._runtime.settings.region}"

    @property
    def stuck(self) -> list[str]:
        """Steps that went on after their timeout: this process must end."""
        return self._runtime.stuck

    @property
    def broken(self) -> StoreError | None:
        """Why it has stopped by itself, if it has."""
        return self._pool.broken

    def _sweep(self) -> None:
        if time.monotonic() - self._swept > SWEEP_SECONDS:
            self._swept = time.monotonic()
            sweep(self._runtime.service)

    def close(self, *, drain_seconds: float) -> None:
        """Take nothing more and wait for what runs; what does not end in time comes again elsewhere."""
        self._pool.stop(drain_seconds=drain_seconds)
        self._runtime.close()


def open_container(environ: Mapping[str, str], *, project: str, threads: int) -> Container:
    """The container that the variables of a stack describe, at work. The code has been imported.

    Raises:
        StoreError: A variable of the stack is missing; all missing ones are named.
    """
    settings = AwsSettings.from_env(environ)
    use_vault(stack_vault(Aws(settings, clock=SystemClock()), environ, project))
    return Container(AwsRuntime(settings, project=project, engine=IN_A_STACK), threads=threads)
