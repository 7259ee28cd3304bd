"""State that stays: a workflow that finds what its last execution left, one copy for each session.

Executions that share a state run one after another, so two of them never lose each other's changes.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from pydantic import Field

from examples.running import example
from polos import ExecutionFailed, Polos, WorkflowContext, WorkflowState, workflow


class Cart(WorkflowState):
    """What lies in a cart: validated at every assignment."""

    items: dict[str, int] = Field(default_factory=dict)
    changes: int = Field(default=0, le=100)


@workflow(id="examples.cart", state_schema=Cart)
async def add(ctx: WorkflowContext, item: str) -> dict[str, int]:
    """Put something into the cart of the session; gives what is in it then."""
    ctx.state.items[item] = ctx.state.items.get(item, 0) + 1
    ctx.state.changes += 1
    if item == "elephant":
        raise ValueError("an elephant does not fit into a cart")
    return dict(ctx.state.items)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Fill two carts, one of them from several places at the same time."""
    await asyncio.gather(*(add.run("tea", session_id="ada") for _ in range(given.times)))
    print(f"Ada, after {given.times} at the same time: {await add.run('cup', session_id='ada')}")
    try:
        await add.run("elephant", session_id="charles")
    except ExecutionFailed as error:
        print(f"Charles failed: {error.error['message']}")
    print(
        f"Charles, next time: {await add.run('tea', session_id='charles')} (what was changed before it failed is kept)"
    )
    alone = await add.run("tea", session_id="ada", initial_state=Cart(items={"tea": 100}))
    print(f"A cart of its own, by initial_state: {alone}")
    print(f"Ada, as if that had not been: {await add.run('pot', session_id='ada')}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--times", type=int, default=4)


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
