"""`polos queue`: the queues of an app, their limits, and how full they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from polos.cli.lazy import group
from polos.cli.reaching import Reached, asking
from polos.cli.tables import print_table
from polos.errors import NotFound

queue = group("Queues: their limits, and how full they are.")

Key = Annotated[
    str | None, typer.Option("--concurrency-key", help="Count the places of this key, which has its own.")
]


@queue.command("list")
@asking(code=True, makes=True)
def list_(to: Reached, *, concurrency_key: Key = None) -> None:
    """List the queues that the code knows: executions that hold a place or stand in line, and messages.

    Exit codes: 0 done; 2 the app cannot be loaded; 3 the store or the server cannot be used.
    """
    found = to.ask(to.client.list_queues(concurrency_key))
    if to.as_json:
        to.print_json(found)
        return
    print_table(
        ("queue", "running", "in line", "limit", "rate", "messages", "oldest"),
        [_row(one) for one in found],
        empty="the app describes no queue",
    )


@queue.command("show")
@asking(code=True, makes=True)
def show(
    to: Reached, name: Annotated[str, typer.Argument(metavar="QUEUE")], *, concurrency_key: Key = None
) -> None:
    """Show one queue, as JSON.

    Exit codes: 0 done; 2 there is none of that name.
    """
    known = to.ask(to.client.list_queues(concurrency_key))
    found = next((one for one in known if one["name"] == name), None)
    if found is None:
        names = ", ".join(one["name"] for one in known)
        raise NotFound(f"the code describes no queue {name!r}; known: {names}")
    to.print_json(found)


def _row(one: Mapping[str, Any]) -> tuple[str, ...]:
    depth = one["messages"]
    waiting = depth["ready"] + depth["delayed"]
    return (
        one["name"],
        _number(one["running"]),
        _number(one["waiting"]),
        _number(one["concurrency_limit"]),
        one["rate_limit"] or "–",
        f"{waiting} waiting, {depth['in_flight']} in work",
        f"{depth['oldest_seconds']:.0f} s" if waiting else "",
    )


def _number(value: int | None) -> str:
    return "–" if value is None else str(value)
