"""`polos list`: executions by their filters, once or as they change."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from polos.cli.completing import complete_workflow
from polos.cli.documents import milliseconds
from polos.cli.exits import BadUsage
from polos.cli.options import read_pairs
from polos.cli.reaching import Reached, asking
from polos.cli.words import STATUS_STYLES, age, now_ms, seconds
from polos.core.states import Status

STATUSES: Final = tuple(status.value for status in Status)
WATCH_SECONDS: Final = 1.0
MOST: Final = 1000
_SPAN: Final = re.compile(r"(\d+)\s*(s|min|m|h|d|w)")
_UNITS: Final = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 604_800}


@asking()
def list_(
    to: Reached,
    *,
    workflow: Annotated[
        str | None,
        typer.Option("--workflow", "-w", autocompletion=complete_workflow, help="Only of this workflow."),
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", "-s", help=f"Only with this status: {', '.join(STATUSES)}.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only newer ones: 30s, 15min, 2h, 7d, or 2026-11-22T10:00."),
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Only with this attribute; repeatable.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="Only of this session.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=MOST, help="How many at most.")] = 20,
    cursor: Annotated[str | None, typer.Option(help="Go on where an earlier page ended.")] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, as things change, until Ctrl-C.")] = False,
) -> None:
    """List executions, newest first.

    --json gives `{"executions": [...], "next_cursor": ...}`; with --watch, one line for each change.

    Exit codes: 0 done, also when there are none; 2 a filter that is none.
    """
    if status is not None and status not in STATUSES:
        raise BadUsage(f"--status {status}: it is one of {', '.join(STATUSES)}")
    if watch and cursor:
        raise BadUsage("--watch shows the latest, and --cursor what came before: give one of them")
    wanted = {
        "workflow_id": workflow,
        "status": status,
        "session_id": session,
        "attributes": read_pairs(attribute, "--attribute") or None,
        "created_after": None if since is None else moment_of(since),
    }
    wanted = {name: value for name, value in wanted.items() if value is not None}
    if watch:
        _watch(to, wanted, limit)
        return
    page = read_page(to, wanted, limit=limit, cursor=cursor)
    if to.as_json:
        to.print_json(page)
        return
    Console(highlight=False).print(table_of(page["executions"]))
    if page["next_cursor"]:
        to.say(f"there are more: --limit {min(MOST, 2 * limit)}, or --cursor {page['next_cursor']}")


def moment_of(text: str) -> datetime:
    """A time that is told as a span back from now, or as a date. Raises `BadUsage` for anything else."""
    if span := _SPAN.fullmatch(text.strip()):
        return datetime.now(UTC) - timedelta(seconds=int(span[1]) * _UNITS[span[2]])
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadUsage(
            f"--since {text}: say how long back (30s, 15min, 2h, 7d), or a time (2026-11-22T10:00)"
        ) from error
    return found.astimezone(UTC)


def read_page(
    to: Reached, wanted: Mapping[str, Any], *, limit: int, cursor: str | None = None
) -> dict[str, Any]:
    """So many executions that fit, if there are as many: a page of the project may hold fewer."""
    found: list[dict[str, Any]] = []
    while True:
        size = min(200, limit - len(found))
        page = to.ask(to.client.list_executions(limit=size, cursor=cursor, **wanted))
        found += page["executions"]
        cursor = page["next_cursor"]
        if cursor is None or len(found) >= limit:
            return {"executions": found, "next_cursor": cursor}


def table_of(executions: Sequence[Mapping[str, Any]]) -> Table | Text:
    """A table for people."""
    if not executions:
        return Text("no executions fit", "dim")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("execution", no_wrap=True)
    table.add_column("workflow", overflow="fold")
    table.add_column("status", no_wrap=True)
    table.add_column("begun", no_wrap=True, justify="right")
    table.add_column("took", no_wrap=True, justify="right")
    table.add_column("", overflow="ellipsis", no_wrap=True, style="dim")
    for one in executions:
        created = milliseconds(one["created_at"]) or 0
        ended = milliseconds(one["completed_at"])
        state = one["status"]
        table.add_row(
            one["id"],
            one["workflow_id"],
            Text(state, STATUS_STYLES.get(state, "cyan")),
            f"{age(created)} ago",
            seconds((ended or now_ms()) - created),
            Text((one["error_message"] or "").replace("\n", " ")),
        )
    return table


def _watch(to: Reached, wanted: Mapping[str, Any], limit: int) -> None:
    console = Console(highlight=False)
    if to.as_json or not console.is_terminal:
        _watch_changes(to, wanted, limit)
        return
    with Live(console=console, refresh_per_second=4, screen=False) as live:
        while True:
            live.update(table_of(read_page(to, wanted, limit=limit)["executions"]))
            time.sleep(WATCH_SECONDS)


def _watch_changes(to: Reached, wanted: Mapping[str, Any], limit: int) -> None:
    seen: dict[str, str] = {}
    while True:
        for one in reversed(read_page(to, wanted, limit=limit)["executions"]):
            if seen.get(one["id"]) == one["status"]:
                continue
            seen[one["id"]] = one["status"]
            if to.as_json:
                to.print_line(one)
            else:
                typer.echo(f"{one['id']}  {one['workflow_id']}  {one['status']}")
        time.sleep(WATCH_SECONDS)
