"""`ctx.logger` says each line once however often the code is replayed, and a span is one span in every delivery."""

import asyncio
import logging

import pytest

from polos import WorkflowContext, workflow
from polos.runtime.tracing import Span
from polos.testing.harness import Harness
from polos.testing.local import MemoryHarness, SqliteHarness


def fail_once(state: list[int]) -> str:
    state.append(1)
    if len(state) == 1:
        raise ConnectionError("once")
    return "through"


tries: list[int] = []


@workflow(id="traced-child")
async def traced_child(ctx: WorkflowContext) -> str:
    return await ctx.step.run("inner", lambda: "child")


@workflow(id="traced")
async def traced(ctx: WorkflowContext) -> str:
    ctx.logger.info("begins")
    with ctx.step.trace("outer", {"a": 1}) as attributes:
        await ctx.step.run("flaky", fail_once, tries)
        await ctx.step.wait_for("pause", minutes=5)
        attributes["b"] = 2
    ctx.logger.info("in the middle")
    both = [ctx.step.run("x", lambda: 1), ctx.step.invoke_and_wait("child", traced_child)]
    await asyncio.gather(*both)
    ctx.logger.info("ends")
    return "done"


class Collector:
    def __init__(self) -> None:
        self.spans: list[Span] = []

    def export(self, spans: list[Span]) -> None:
        self.spans += spans


@pytest.fixture(autouse=True)
def nothing_was_tried() -> None:
    tries.clear()


def test_each_line_is_said_once(world: Harness, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="polos.workflow"):
        assert world.run(traced) == "done"
    said = [record for record in caplog.records if record.name == "polos.workflow"]
    assert [record.getMessage() for record in said] == ["begins", "in the middle", "ends"]
    assert {record.workflow_id for record in said} == {"traced"}


def spans(world: MemoryHarness | SqliteHarness) -> list[Span]:
    collector = Collector()
    world._work().host.tracer = collector  # the collector of the one process that there is
    assert world.run(traced) == "done"
    return collector.spans


@pytest.mark.parametrize("open_world", [MemoryHarness, SqliteHarness])
def test_one_trace_and_one_span_for_each_thing(open_world) -> None:
    with open_world() as world:
        found = spans(world)
    names = sorted(span.name for span in found)
    assert names == ["outer", "run:flaky", "run:flaky", "run:inner", "run:x", "traced", "traced-child"]
    assert len({span.trace_id for span in found}) == 1
    assert len({span.span_id for span in found}) == len(found)
    outer = next(span for span in found if span.name == "outer")
    assert (outer.attributes["a"], outer.attributes["b"]) == (1, 2)
    assert outer.end - outer.start >= 300_000
    attempts = [span.error for span in found if span.name == "run:flaky"]
    assert attempts == ["once", None]


@pytest.mark.parametrize("open_world", [MemoryHarness, SqliteHarness])
def test_spans_hang_together(open_world) -> None:
    with open_world() as world:
        found = {span.name: span for span in spans(world)}
    assert found["traced"].parent_id is None
    assert found["run:x"].parent_id == found["outer"].parent_id == found["traced"].span_id
    assert found["traced-child"].parent_id == found["traced"].span_id
    assert found["run:inner"].parent_id == found["traced-child"].span_id


@pytest.mark.parametrize("open_world", [MemoryHarness, SqliteHarness])
def test_a_span_that_is_exported_again_is_the_same_span(open_world) -> None:
    with open_world() as world:
        world.deliver_twice()
        found = spans(world)
    distinct = {span.span_id: (span.name, span.start, span.end, span.error) for span in found}
    assert len(distinct) == 7
    for span in found:
        assert distinct[span.span_id] == (span.name, span.start, span.end, span.error)
