"""A saga: three bookings, each with a way back. When one fails, those before it are undone, last first.

The undoing is made of steps too: a crash in its middle leaves nothing half undone.
"""

from __future__ import annotations

import argparse
import sys

from pydantic import BaseModel

from examples.running import example
from polos import NonRetryable, Polos, StepExecutionError, WorkflowContext, workflow


class Journey(BaseModel):
    """What to book. `sold_out`: what there is none left of."""

    city: str
    sold_out: str | None = None


class Booked(BaseModel):
    """How it ended."""

    complete: bool
    bookings: list[str] = []
    undone: list[str] = []
    reason: str = ""


def book(what: str, journey: Journey) -> str:
    """Book one thing. That there is none left will not change, so no attempt is made again."""
    if journey.sold_out == what:
        raise NonRetryable(f"no {what} left in {journey.city}")
    print(f"  booked {what} in {journey.city}")
    return f"{what}-{journey.city.lower()}"


def cancel(booking: str) -> str:
    """Undo a booking. Tried again until it works: a saga that cannot go back is stuck half way."""
    print(f"  undone {booking}")
    return booking


@workflow(id="examples.book_journey")
async def book_journey(ctx: WorkflowContext, journey: Journey) -> Booked:
    """Book all or nothing."""
    done: list[str] = []
    try:
        for what in ("flight", "hotel", "car"):
            done.append(await ctx.step.run(f"book-{what}", book, what, journey, base_delay=0.1))
    except StepExecutionError as error:
        undone = [await ctx.step.run(f"undo-{one}", cancel, one, max_retries=20) for one in reversed(done)]
        return Booked(complete=False, undone=undone, reason=error.message)
    return Booked(complete=True, bookings=done)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Book a journey that works out, and one that does not."""
    for journey in (Journey(city=given.city), Journey(city=given.city, sold_out=given.sold_out)):
        end = await book_journey.run(journey)
        if end.complete:
            print(f"complete: {', '.join(end.bookings)}")
        else:
            print(f"nothing is left of it ({end.reason}): {len(end.undone)} bookings undone")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--city", default="Lisbon")
    parser.add_argument("--sold-out", choices=["flight", "hotel", "car"], default="car")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
