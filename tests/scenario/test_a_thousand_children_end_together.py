"""Rule 15: news come in batches, and each batch is one append: of many children that end at once few conflict."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from polos import Polos, WorkflowContext, workflow
from polos.core.journal import Entry
from polos.runtime import names
from polos.testing.aws import AwsHarness
from polos.testing.faults import Call, with_faults


@workflow(id="one-of-many")
async def one_of_many(ctx: WorkflowContext, payload: int) -> int:
    return payload


@workflow(id="one-of-many-that-wait")
async def one_of_many_that_wait(ctx: WorkflowContext, payload: int) -> int:
    await ctx.step.wait_for("the same moment", minutes=5)
    return payload


@workflow(id="parent-of-sleepers")
async def parent_of_sleepers(ctx: WorkflowContext, payload: int) -> int:
    calls = [
        ctx.step.invoke_and_wait(f"{number}", one_of_many_that_wait, number) for number in range(payload)
    ]
    return sum(await asyncio.gather(*calls))


@workflow(id="parent-of-a-thousand")
async def parent_of_a_thousand(ctx: WorkflowContext, payload: int) -> int:
    calls = [ctx.step.invoke_and_wait(f"{number}", one_of_many, number) for number in range(payload)]
    return sum(await asyncio.gather(*calls))


class Refusals:
    """Counts the appends of one journal, and those that were refused."""

    def __init__(self) -> None:
        self.made = self.refused = 0
        self._lock = threading.Lock()

    def before(self, call: Call) -> None:
        """Nothing to do."""

    def after(self, call: Call, result: object) -> None:
        if call.name == "log.append" and self.log in str(call.args[0]):
            with self._lock:
                self.made += 1
                self.refused += result is False

    log = "?"


def test_a_thousand_on_the_threads_of_one_machine(tmp_path: Path) -> None:
    refusals = Refusals()

    async def main() -> int:
        async with Polos(log_file=str(tmp_path / "polos.db")) as polos:
            host = polos.embedded.host
            host.ports = with_faults(host.ports, refusals)
            handle = await parent_of_a_thousand.invoke(1000)
            refusals.log = handle.id
            return int(await handle.result(300))

    assert asyncio.run(main()) == sum(range(1000))
    assert refusals.made > 0
    assert refusals.refused < 1000, "less than one conflict for a child"
    assert refusals.made < 500, "what ends while a turn is at work is one append"


@pytest.mark.parametrize("children", [60])
def test_on_aws_in_batches_one_append_takes_several(children: int) -> None:
    with AwsHarness() as aws:
        parent = aws.start(parent_of_sleepers, children)
        assert parent.result() == sum(range(children))
        log = names.journal("test", parent.id)
        entries = [Entry.decode(text) for text in aws.service.ports.log.read(log)]
        assert len(entries) == children + 2
        assert aws.invocations["news"] <= children / 2, "news are handled in batches"
