"""What is deployed in these tests: a bit of everything that needs AWS to do something."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from polos import Agent, BatchEventPayload, Queue, SchedulePayload, WorkflowContext, secret, tool, workflow

BIG = 600_000
"""Characters that do not compress: a value that goes to the bucket."""

MODEL_URL = os.environ.get("E2E_MODEL_URL", "")
"""Where the model of the agent is: a fake one, on the machine of the tests."""

TOKEN = secret("e2e-token")


@workflow(environment={"E2E_GREETING": "hello", "E2E_MODEL_URL": MODEL_URL})
async def double(ctx: WorkflowContext, number: int) -> int:
    """A child."""
    return int(await ctx.step.run("double", lambda: number * 2))


@workflow
async def chain(ctx: WorkflowContext, count: int) -> int:
    """Many steps one after another: many messages in a row."""
    total = 0
    for index in range(count):
        total += int(await ctx.step.run(f"step-{index}", lambda: 1))
    return total


@workflow(queue=Queue("side", memory_mb=256, timeout=60, concurrency_limit=2))
async def waits(ctx: WorkflowContext, seconds: float) -> str:
    """A wait, in a queue of its own."""
    await ctx.step.wait_for("a-while", seconds=seconds)
    return "waited"


@workflow
async def parent(ctx: WorkflowContext, number: int) -> list[object]:
    """A child here and one in another queue, a large value, and an event."""
    doubled = await ctx.step.invoke_and_wait("double", double, number)
    waited = await ctx.step.invoke_and_wait("wait", waits, 1)
    large = await ctx.step.run("large", lambda: random.Random(1).randbytes(BIG // 2).hex())
    event = await ctx.step.wait_for_event("go", topic=f"go-{number}", timeout=7200)
    return [doubled, waited, len(large), event.data]


@workflow
async def long_wait(ctx: WorkflowContext, minutes: float) -> str:
    """Longer than a queue can delay: a schedule of EventBridge."""
    await ctx.step.wait_for("long", minutes=minutes)
    return "waited long"


@workflow
async def waits_twice(ctx: WorkflowContext, minutes: float) -> str:
    """Woken from a short wait, it begins a long one: then the schedule is made by who wakes, not by who starts."""
    await ctx.step.wait_for("a-moment", seconds=1)
    await ctx.step.wait_for("long", minutes=minutes)
    return "waited long"


@workflow
async def slow(ctx: WorkflowContext, sign: str) -> str:
    """A step that is under way once the file `sign` is there, until it is killed; then it is done at once."""

    def sleep() -> str:
        if not Path(sign).exists():
            Path(sign).touch()
            time.sleep(600)
        return "killed once"

    return str(await ctx.step.run("sleep", sleep))


@workflow
async def across_update(ctx: WorkflowContext, payload: str) -> str:
    """Begun before an update of the stack, ended after it."""
    first = await ctx.step.run("first", lambda: f"{payload}-begun")
    await ctx.step.wait_for_event("updated", topic="updates", timeout=7200)
    return f"{first}-ended"


@workflow(trigger_on_event="trades", batch_size=2, batch_timeout_seconds=2)
async def on_trade(ctx: WorkflowContext, batch: BatchEventPayload) -> int:
    """Starts by itself, on events."""
    return len(batch.events)


@workflow(schedule="* * * * *")
async def every_minute(ctx: WorkflowContext, due: SchedulePayload) -> str:
    """Starts by itself, every minute."""
    return due.timestamp.isoformat()


@workflow
async def greets(ctx: WorkflowContext) -> str:
    """What the template put into the environment."""
    return str(await ctx.step.run("greet", lambda: os.environ["E2E_GREETING"]))


@workflow
async def large(ctx: WorkflowContext, text: str) -> int:
    """A payload that no item of DynamoDB holds."""
    return int(await ctx.step.run("size", lambda: len(text)))


@workflow
async def asks_for_its_secret(ctx: WorkflowContext) -> int:
    """How long the secret is, asked in a step and, by the function that wakes it, in the body. It stays where it is."""
    length = int(await ctx.step.run("length", lambda: len(TOKEN.get())))
    await ctx.step.wait_for("a-moment", seconds=1)
    return min(length, len(TOKEN.get()))


@workflow
async def secret_first(ctx: WorkflowContext) -> int:
    """The secret is asked for by whichever function begins it."""
    length = len(TOKEN.get())
    return length + int(await ctx.step.run("nothing", lambda: 0))


@tool
async def stock(ctx: WorkflowContext, article: str) -> int:
    """How many of an article there are.

    Args:
        article: Its name.
    """
    return len(article)


clerk = Agent(
    id="clerk",
    provider="bedrock",  # boto3 speaks to it: the package grows by no SDK
    model="anthropic.claude-sonnet-4-5",
    provider_base_url=MODEL_URL or None,
    system_prompt="You know what is in stock.",
    tools=[stock],
)
