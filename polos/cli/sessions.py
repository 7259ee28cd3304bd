"""`polos session`: who talked to which agent, and what was said, from the executions of each session."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from polos.cli.codes import execution_of
from polos.cli.documents import milliseconds, short
from polos.cli.lazy import group
from polos.cli.listing import read_page
from polos.cli.reaching import Reached, asking
from polos.cli.tables import print_table
from polos.cli.words import age, moment
from polos.errors import NotFound

session = group("Sessions: list those of the latest executions, show what was said in one.")

Limit = Annotated[int, typer.Option(min=1, max=5000, help="How many of the latest executions to look at.")]


@session.command("list")
@asking()
def list_(to: Reached, *, limit: Limit = 500) -> None:
    """List sessions, the latest first: their agents and workflows, and when somebody was there last.

    Exit codes: 0 done; 3 the store or the server cannot be used.
    """
    page = read_page(to, {}, limit=limit)
    found = list(_grouped(page["executions"]))
    if to.as_json:
        to.print_json(found)
        return
    rows = [
        (
            one["session_id"],
            ", ".join(one["workflows"]),
            str(one["executions"]),
            f"{age(milliseconds(one['last_at']) or 0)} ago",
            one["user_id"] or "",
        )
        for one in found
    ]
    print_table(("session", "with", "runs", "last", "user"), rows, empty="no execution has a session")


@session.command()
@asking()
def show(
    to: Reached, session_id: Annotated[str, typer.Argument(metavar="SESSION")], *, limit: Limit = 500
) -> None:
    """Show what was said in a session, the earliest first.

    Exit codes: 0 done; 2 no execution has that session.
    """
    page = read_page(to, {"session_id": session_id}, limit=limit)
    roots = [one for one in page["executions"] if one["parent_execution_id"] is None]
    if not roots:
        raise NotFound(
            f"no execution has the session {session_id!r}; `polos session list` shows those there are"
        )
    told = [execution_of(to, one["id"]) for one in reversed(roots)]
    if to.as_json:
        to.print_json(told)
        return
    console = Console(highlight=False, soft_wrap=True)
    for one in told:
        for line in _lines(one):
            console.print(line)


def _grouped(executions: Iterable[Mapping[str, Any]]) -> Iterable[dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for one in executions:  # newest first
        name = one["session_id"]
        if name is None or one["parent_execution_id"] is not None:
            continue
        known = found.setdefault(
            name,
            {
                "session_id": name,
                "workflows": [],
                "executions": 0,
                "last_at": one["created_at"],
                "user_id": one["user_id"],
            },
        )
        known["executions"] += 1
        if one["workflow_id"] not in known["workflows"]:
            known["workflows"].append(one["workflow_id"])
    return found.values()


def _lines(one: Mapping[str, Any]) -> Iterable[Text]:
    at = moment(milliseconds(one["created_at"]) or 0)
    yield Text(f"{at}  {one['workflow_id']}  {one['id']}  {one['status']}", "dim")
    yield Text.assemble(("you    ", "bold cyan"), said_in(one["payload"], "input"))
    if one["status"] == "completed":
        yield Text.assemble((f"{one['workflow_id']}  ", "bold green"), said_in(one["result"], "result"))
    elif one.get("error"):
        yield Text.assemble(("error  ", "bold red"), str(one["error"].get("message", "")))


def said_in(value: Any, name: str) -> str:
    """What was said, of an agent's payload or result; anything else as JSON."""
    found = value.get(name) if isinstance(value, Mapping) and name in value else value
    return found if isinstance(found, str) else short(found, 400)
