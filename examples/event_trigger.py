"""Events that start workflows: one execution for each event of a topic, or one for several of them together.

And a workflow that waits for an event while it runs: none is missed between two of its steps.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from examples.running import example
from polos import BatchEventPayload, EventPayload, Polos, WaitTimeout, WorkflowContext, events, workflow


@workflow(id="examples.on_signup", trigger_on_event="examples/signups")
async def on_signup(ctx: WorkflowContext, event: EventPayload) -> None:
    """Once for each event, in the order of the topic."""
    await ctx.step.publish_event(
        "tell", "examples/welcomed", f"{event.sequence_id}: welcome, {event.data['name']}"
    )


@workflow(
    id="examples.on_clicks", trigger_on_event="examples/clicks", batch_size=3, batch_timeout_seconds=0.3
)
async def on_clicks(ctx: WorkflowContext, batch: BatchEventPayload) -> None:
    """For three events together; for fewer when no third comes in time."""
    pages = [event.data for event in batch.events]
    await ctx.step.publish_event("tell", "examples/counted", f"{len(pages)} clicks: {', '.join(pages)}")


@workflow(id="examples.await_payment")
async def await_payment(ctx: WorkflowContext, order: str) -> str:
    """Wait for an event that belongs to this order; others of the topic pass by."""
    try:
        paid = await ctx.step.wait_for_event(
            "payment", "examples/payments", timeout=60, match={"order": order}
        )
    except WaitTimeout:
        return f"{order}: not paid"
    return f"{order}: paid {paid.data['amount']} EUR"


async def read(topic: str, count: int) -> list[str]:
    """The first events of a topic, as they come."""
    found: list[str] = []
    async for event in events.stream_topic(topic):
        found.append(str(event.data))
        if len(found) == count:
            break
    return found


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Publish, and read what came of it."""
    for name in given.names:
        await events.publish(topic="examples/signups", event_type="signup", data={"name": name})
    for page in ("home", "prices", "home", "docs"):
        await events.publish(topic="examples/clicks", data=page)
    waiting = await await_payment.invoke("A2")
    for order, amount in (("A1", 10), ("A2", 20)):
        await events.publish(topic="examples/payments", data={"order": order, "amount": amount})
    welcomed, counted = await asyncio.gather(
        read("examples/welcomed", len(given.names)), read("examples/counted", 2)
    )
    print("\n".join([*sorted(welcomed), *sorted(counted, reverse=True), await waiting.result()]))


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("names", nargs="*", default=["Ada", "Charles"], help="who signs up")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
