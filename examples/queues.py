"""Queues: however many ask, only so many run at the same time, in all or for each customer.

A limit holds across processes and machines. An execution that waits for something gives its place back.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time

from examples.running import example
from polos import Polos, Queue, WorkflowContext, workflow


class Counter:
    """How many are at work, and how many were at most. For the example's eyes only."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.now: dict[str, int] = {}
        self.most: dict[str, int] = {}

    def change(self, name: str, by: int) -> None:
        """One more, or one less."""
        with self.lock:
            self.now[name] = self.now.get(name, 0) + by
            self.most[name] = max(self.most.get(name, 0), self.now[name])


busy = Counter()
printers = Queue("examples.printers", concurrency_limit=2)
per_customer = Queue("examples.per_customer", concurrency_limit=1)


def work(name: str) -> str:
    """Something that takes a while."""
    busy.change(name, 1)
    time.sleep(0.03)
    busy.change(name, -1)
    return name


@workflow(id="examples.print_page", queue=printers)
async def print_page(ctx: WorkflowContext, page: int) -> int:
    """Never more than two at once."""
    await ctx.step.run("print", work, "printers")
    return page


@workflow(id="examples.serve_customer", queue=per_customer)
async def serve_customer(ctx: WorkflowContext, customer: str) -> str:
    """Never more than one at once for the same customer, who is the `concurrency_key`."""
    return await ctx.step.run("serve", work, customer)


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Ask for much at once, and count."""
    pages = await asyncio.gather(*(print_page.run(page) for page in range(given.pages)))
    print(f"{len(pages)} pages printed, at most {busy.most.get('printers', 0)} at the same time")
    customers = ["ada", "ada", "charles", "ada", "charles"]
    await asyncio.gather(*(serve_customer.run(one, concurrency_key=one) for one in customers))
    for name in ("ada", "charles"):
        print(f"{name}: served {customers.count(name)} times, at most {busy.most[name]} at the same time")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--pages", type=int, default=6)


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    return example(run, __doc__, arguments=arguments, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
