"""What a step and an execution cost on AWS, counted on moto: `python -m tests.bench.aws_side`."""

from __future__ import annotations

from typing import Any

from polos import WorkflowContext, workflow
from polos.testing.aws import AwsHarness
from polos.testing.moto import Usage
from tests.bench.measuring import say


def add(value: int) -> int:
    return value + 1


async def steps(ctx: WorkflowContext, count: int) -> int:
    value = 0
    for i in range(count):
        value = await ctx.step.run(f"add-{i}", add, value)
    return value


def used(aws: AwsHarness, target: Any, count: int) -> tuple[Usage, int]:
    """What one execution of so many steps uses, and how many invocations it takes."""
    aws.meter.reset()
    before = sum(aws.invocations.values())
    aws.run(target, count)
    return sum(aws.meter.by_operation().values(), Usage()), sum(aws.invocations.values()) - before


def main() -> None:
    """Count, say. A step's cost is what ten more of them use, divided by ten."""
    for spi in (1, None):
        target = workflow(id=f"steps-{spi}", steps_per_invocation=spi)(steps)
        with AwsHarness() as aws:
            used(aws, target, 1)  # the first execution makes what every other finds made
            one, _ = used(aws, target, 1)
            (few, fewer), (many, more) = used(aws, target, 5), used(aws, target, 15)
            step = many - few
            say(
                kind="aws",
                spi=spi,
                step=figures(step, 10) | {"invocations": (more - fewer) / 10},
                execution=figures(one, 1),
            )


def figures(usage: Usage, count: int) -> dict[str, float]:
    """A usage as plain figures, each as of one of `count`."""
    return {name: getattr(usage, name) / count for name in ("calls", "read_units", "write_units", "sends")}


if __name__ == "__main__":
    main()
