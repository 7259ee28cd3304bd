"""A workflow: steps that are recorded, one that fails at first, a wait, and two at the same time.

The function is ordinary asyncio code. What `ctx.step` has done once, it does not do again.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from pydantic import BaseModel, Field

from examples.running import example
from polos import Polos, WorkflowContext, workflow


class Trip(BaseModel):
    """Where to, and for how many nights."""

    city: str
    nights: int = Field(ge=1, le=30)


class Offer(BaseModel):
    """What it costs, in euros."""

    city: str
    train: float
    hotel: float
    total: float


attempts: list[str] = []


def train_fare(city: str) -> float:
    """A service that does not answer the first time: the step is tried again, a moment later."""
    attempts.append(city)
    if len(attempts) == 1:
        raise ConnectionError("the railway does not answer")
    return 40.0 + 3.5 * len(city)


async def hotel_price(city: str, nights: int) -> float:
    """Async functions are steps, too."""
    await asyncio.sleep(0.01)
    return 80.0 * nights


@workflow(id="examples.plan_trip")
async def plan_trip(ctx: WorkflowContext, trip: Trip) -> Offer:
    """Ask for two prices at the same time, wait a moment, and add up."""
    train, hotel = await asyncio.gather(
        ctx.step.run("train", train_fare, trip.city, base_delay=0.1),
        ctx.step.run("hotel", hotel_price, trip.city, trip.nights),
    )
    await ctx.step.wait_for("let the prices settle", seconds=0.1)  # or days=3: nothing runs meanwhile
    return Offer(city=trip.city, train=train, hotel=hotel, total=train + hotel)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Run it, and show what was recorded."""
    handle = await plan_trip.invoke({"city": given.city, "nights": given.nights})
    offer = await handle.result()
    print(f"{given.nights} nights in {offer.city}: {offer.total:.2f} EUR")
    print(f"  train {offer.train:.2f} (asked {len(attempts)} times: the first attempt failed)")
    print(f"  hotel {offer.hotel:.2f}")
    print(f"execution {handle.id}: {(await handle.get())['status']}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--city", default="Vienna")
    parser.add_argument("--nights", type=int, default=2)


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    attempts.clear()
    return example(run, __doc__, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
