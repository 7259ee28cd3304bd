"""A worker process over the AWS adapters, with long polling in place of Lambda."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from polos import WorkflowContext, workflow
from polos.adapters.clock import SystemClock
from polos.core.definitions import registry
from polos.entry.aws import AwsRuntime
from polos.entry.container import Container
from polos.entry.worker import in_a_stack
from polos.errors import StoreError
from polos.runtime.executions import Meta
from polos.testing.moto import MotoHarness


def double(value: int) -> int:
    return 2 * value


@workflow(id="container-child")
async def child(ctx: WorkflowContext, value: int) -> int:
    return await ctx.step.run("double", double, value)


@workflow(id="container-parent")
async def parent(ctx: WorkflowContext, value: int) -> list[int]:
    own = await asyncio.gather(*(ctx.step.run(f"double-{i}", double, i) for i in range(3)))
    return [*own, await ctx.step.invoke_and_wait("child", child, value)]


@pytest.fixture
def runtime() -> Iterator[AwsRuntime]:
    """A stack on moto, on the real clock: the container's threads poll it."""
    with MotoHarness(queues=["default", "$news", "$dead"], clock=SystemClock()) as aws:
        runtime = AwsRuntime(aws.settings, project="p", ports=aws.ports(), registry=registry)
        yield runtime
        runtime.close()


def ended(runtime: AwsRuntime, execution: str) -> Meta:
    clock = runtime.ports.clock
    deadline = clock.monotonic() + 60
    while not (meta := runtime.service.meta(execution)).ended:
        assert clock.monotonic() < deadline, meta.status
        clock.sleep(0.05)
    return meta


def test_it_takes_starts_steps_and_news_of_the_stack(runtime: AwsRuntime) -> None:
    started = runtime.service.start(parent, 21)
    container = Container(runtime, threads=4, poll=0.2)
    try:
        meta = ended(runtime, started.execution)
    finally:
        container.close(drain_seconds=10)
    assert runtime.service.result(meta) == [0, 2, 4, 42]


def test_after_its_end_it_takes_nothing_more(runtime: AwsRuntime) -> None:
    container = Container(runtime, threads=2, poll=0.2)
    container.close(drain_seconds=10)
    started = runtime.service.start(child, 1)
    assert runtime.ports.queue.depth("default").ready == 1
    assert runtime.service.meta(started.execution).status == "queued"


def test_it_says_what_it_works_on(runtime: AwsRuntime) -> None:
    container = Container(runtime, threads=1, poll=0.2)
    try:
        assert runtime.settings.log_table in container.place
        assert (container.broken, container.stuck) == (None, [])
    finally:
        container.close(drain_seconds=10)


def test_a_worker_is_a_container_where_the_environment_describes_a_stack(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from polos.entry.worker import Worker

    monkeypatch.delenv("POLOS_STORE", raising=False)
    monkeypatch.setenv("POLOS_LOG_TABLE", "log")
    with pytest.raises(StoreError, match="POLOS_BUCKET"):
        Worker().run_blocking()
    assert not in_a_stack({})
