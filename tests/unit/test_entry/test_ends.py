"""Waiting for ends: in this process and in others, from threads and from coroutines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from polos import WorkflowContext, workflow
from polos.core.definitions import Registry
from polos.entry.embedded import Embedded
from polos.errors import ResultTimeout, StoreError
from polos.ports import Delete
from polos.runtime import names


@workflow(id="ends-quick")
async def quick(ctx: WorkflowContext, payload: int) -> int:
    return await ctx.step.run("double", lambda: 2 * payload)


@workflow(id="ends-waiting")
async def waiting(ctx: WorkflowContext) -> object:
    return (await ctx.step.suspend("question"))["data"]


@workflow(id="ends-continued")
async def continued(ctx: WorkflowContext, payload: int) -> int:
    if payload:
        ctx.continue_as_new(payload - 1)
    return payload


@workflow(id="ends-stalling")
async def stalling(ctx: WorkflowContext) -> None:
    await asyncio.sleep(30)


def known() -> Registry:
    registry = Registry()
    for one in (quick, waiting, continued, stalling):
        registry.add(one.definition)
    return registry


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Embedded]:
    runtime = Embedded(tmp_path / "s.db", registry=known())
    yield runtime
    runtime.close()


def test_a_thread_waits_for_an_end(runtime: Embedded) -> None:
    started = runtime.service.start(quick, 4)
    assert runtime.service.result(runtime.wait(started.execution, 60)) == 8


def test_one_that_has_ended_is_given_at_once(runtime: Embedded) -> None:
    started = runtime.service.start(quick, 4)
    runtime.wait(started.execution, 60)
    assert runtime.wait(started.execution, 0).status == "completed"


async def test_many_wait_for_the_same_end(runtime: Embedded) -> None:
    started = runtime.service.start(waiting)
    waits = [asyncio.ensure_future(runtime.wait_async(started.execution, 60)) for _ in range(20)]
    await asyncio.sleep(0)
    runtime.service.resume(started.execution, "question", "answer")
    metas = await asyncio.gather(*waits)
    assert {runtime.service.result(meta) for meta in metas} == {"answer"}


def test_patience_ends_and_the_execution_goes_on(runtime: Embedded) -> None:
    started = runtime.service.start(waiting)
    with pytest.raises(ResultTimeout, match="it goes on"):
        runtime.wait(started.execution, 0.2)
    runtime.service.resume(started.execution, "question", 1)
    assert runtime.wait(started.execution, 60).status == "completed"


async def test_patience_ends_for_a_coroutine_too(runtime: Embedded) -> None:
    started = runtime.service.start(waiting)
    with pytest.raises(ResultTimeout, match="has not ended after"):
        await runtime.wait_async(started.execution, 0.1)


async def test_who_is_cancelled_while_it_waits_is_forgotten(runtime: Embedded) -> None:
    started = runtime.service.start(waiting)
    task = asyncio.ensure_future(runtime.wait_async(started.execution, 60))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert runtime._ends._waiting == {}


def test_an_end_in_another_process_is_noticed(tmp_path: Path) -> None:
    asking = Embedded(tmp_path / "s.db", registry=known(), work=False)
    started = asking.service.start(quick, 1)
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(asking.wait(started.execution, 60).status))
    thread.start()
    working = Embedded(tmp_path / "s.db", registry=known())  # another connection is as another process
    thread.join(60)
    working.close()
    asking.close()
    assert found == ["completed"]


async def test_who_waits_for_one_that_is_continued_waits_for_the_last_of_the_row(runtime: Embedded) -> None:
    started = runtime.service.start(continued, 5)
    meta = await runtime.wait_async(started.execution, 60)
    assert (meta.status, runtime.service.result(meta)) == ("completed", 0)
    assert meta.info.execution != started.execution


def test_a_stall_ends_the_waiting(runtime: Embedded) -> None:
    started = runtime.service.start(stalling)
    assert runtime.wait(started.execution, 60).status == "stalled"


def test_a_store_that_breaks_ends_the_waiting(runtime: Embedded) -> None:
    started = runtime.service.start(waiting)
    runtime.store.database.run("DROP TABLE messages")
    with pytest.raises(StoreError, match="no such table"):
        runtime.wait(started.execution, 60)
    assert runtime.broken is not None


def test_an_execution_that_is_deleted_meanwhile_is_not_found(runtime: Embedded) -> None:
    started = runtime.service.start(waiting)
    runtime.store.records.write(Delete(names.meta("default", started.execution)))
    with pytest.raises(Exception, match="there is no execution"):
        runtime.wait(started.execution, 60)
