"""`polos show`: the timeline of an execution in the terminal."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from polos.cli.codes import load_code_of
from polos.cli.documents import timeline_of
from polos.cli.exits import BadUsage
from polos.cli.options import Execution
from polos.cli.reaching import Reached, asking
from polos.cli.status import next_steps, waiting_for
from polos.cli.step_view import step_view
from polos.cli.waterfall import Tree, waterfall
from polos.cli.words import now_ms
from polos.errors import NotFound

LOOK_SECONDS: Final = 0.5
MOST_NAMED: Final = 20
WIDTH_OF_A_PIPE: Final = 120


@asking()
def show(
    to: Reached,
    execution_id: Execution,
    *,
    depth: Annotated[int, typer.Option(min=0, max=20, help="How deep to follow children.")] = 3,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until it has ended.")] = False,
    step: Annotated[
        str,
        typer.Option("--step", metavar="KEY", help="Only this step, in full: input, output, attempts, logs."),
    ] = "",
) -> None:
    """Draw the timeline of an execution: what went wrong first, then each step with its attempts, waits and children.

    --step shows one step in full; its key, or verb:key. --json gives the execution with `timeline`, and with `children`
    by their ids; with --step that step.

    Exit codes: 0 it is there, whatever its status; 2 there is no such execution or step.
    """
    if step:
        if follow:
            raise BadUsage("--step shows a step as it is now: leave --follow out")
        _print_step(to, execution_id, step)
        return
    if to.as_json:
        to.print_json(_document(to, execution_id, depth))
        return
    why = load_code_of(to, execution_id)
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = max(console.width, WIDTH_OF_A_PIPE)
    if not (follow and console.is_terminal):
        console.print(_picture(to, execution_id, depth=depth, width=console.width, why=why))
        return
    with Live(console=console, refresh_per_second=4) as live:
        while True:
            live.update(_picture(to, execution_id, depth=depth, width=console.width, why=why))
            if to.ask(to.client.get_execution(execution_id))["ended"]:
                live.update(_picture(to, execution_id, depth=depth, width=console.width, why=why))
                return
            time.sleep(LOOK_SECONDS)


def _print_step(to: Reached, execution_id: str, step: str) -> None:
    load_code_of(to, execution_id)
    operations = to.ask(to.client.get_timeline(execution_id))["operations"]
    found = [one["address"] for one in operations if step in (one["address"], one["key"])]
    if not found:
        known = ", ".join(one["key"] for one in operations[:MOST_NAMED])
        more = " ..." if len(operations) > MOST_NAMED else ""
        raise NotFound(f"execution {execution_id} has no step {step!r}; it has: {known or 'none'}{more}")
    if len(found) > 1 and step not in found:
        raise BadUsage(f"{step!r} is the key of several: say which one, --step {' or --step '.join(found)}")
    told = to.ask(to.client.get_step(execution_id, step if step in found else found[0]))
    if to.as_json:
        to.print_json(told)
        return
    console = Console(highlight=False, soft_wrap=True)
    console.print(step_view(told, now_ms(), verbose=to.verbose))


def _picture(to: Reached, execution_id: str, *, depth: int, width: int, why: str | None) -> RenderableType:
    execution = to.ask(to.client.get_execution(execution_id))
    tree = _tree(to, execution, depth)
    waits = [] if why else waiting_for(to, execution)
    notes = [Text(text) for text in next_steps(execution_id, execution["status"], waits)]
    if why and not execution["ended"]:
        notes.append(Text(f"what is under way is not shown: {why}", "yellow"))
    return Group(waterfall(tree, now_ms(), width=width, verbose=to.verbose), *notes)


def _tree(to: Reached, execution: Mapping[str, Any], depth: int) -> Tree:
    timeline = timeline_of(to.ask(to.client.get_timeline(execution["id"])), execution)
    children = {}
    if depth > 0:
        for child in dict.fromkeys(item.child for item in timeline.items if item.child):
            known = _begun(to, child)
            if known is not None:
                children[child] = _tree(to, known, depth - 1)
    return Tree(timeline, children)


def _begun(to: Reached, child: str) -> dict[str, Any] | None:
    """A child; None while it has no record yet."""

    try:
        return to.ask(to.client.get_execution(child))
    except NotFound:
        return None


def _document(to: Reached, execution_id: str, depth: int) -> dict[str, Any]:
    load_code_of(to, execution_id)
    execution = to.ask(to.client.get_execution(execution_id))
    timeline = to.ask(to.client.get_timeline(execution_id))
    children = {}
    if depth > 0:
        for child in dict.fromkeys(one["child"] for one in timeline["operations"] if one["child"]):
            if _begun(to, child) is not None:
                children[child] = _document(to, child, depth - 1)
    return {**execution, "timeline": timeline, "children": children}
