"""`polos logs`: what happened in one execution, told in order; or what the functions of a stack have written."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.text import Text

from polos.cli.completing import complete_execution
from polos.cli.deploying import Name, Region, Stage
from polos.cli.documents import milliseconds, short
from polos.cli.exits import BadUsage, command
from polos.cli.options import AnyProject, ApiKey, ApiUrl, AsJson, Store, Verbose
from polos.cli.reaching import Reached, reach, where_of
from polos.cli.words import moment
from polos.features.streams import LONG_POLL_SECONDS
from polos.runtime.client import Client

EXECUTION: Final = re.compile(r"[0-9a-z]{26,64}")
DELTAS: Final = frozenset({"text_delta", "tool_call_delta", "stream_start"})
_STYLES: Final = {"finish": "green", "fail": "red", "cancel": "yellow", "start": "cyan"}


@command
def logs(
    ctx: typer.Context,
    target: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXECUTION_ID | APP...]",
            autocompletion=complete_execution,
            help="An execution; or the app of a stack on AWS.",
        ),
    ] = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Of an execution: also the pieces that models stream.")
    ] = False,
    execution: Annotated[
        str, typer.Option("--execution", help="Of a stack: only lines of this execution.")
    ] = "",
    since: Annotated[int, typer.Option(min=1, help="Of a stack: minutes to look back.")] = 10,
    stage: Stage = "dev",
    name: Name = None,
    region: Region = None,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    store: Store = None,
    project: AnyProject = None,
    verbose: Verbose = False,
) -> None:
    """Print what happened in an execution and its children, in order; or the logs of all functions of a stack.

    --json gives one line for each event.

    Exit codes: 0 done; 2 there is no such execution; 3 the store, the server or AWS cannot be used.
    """
    if target and len(target) == 1 and EXECUTION.fullmatch(target[0]):
        given = {"api_url": api_url, "api_key": api_key, "store": store, "project": project}
        with reach(where_of(ctx, given), as_json=as_json, verbose=verbose) as to:
            _print_execution(to, target[0], follow=follow, everything=everything)
        return
    if not target and not name:
        raise BadUsage("whose logs? `polos logs EXECUTION_ID`; of a stack: `polos logs APP --stage STAGE`")
    from polos.cli.stack_logs import StackLogs  # noqa: PLC0415 (what it needs is AWS's)

    found = StackLogs(target, name=name, stage=stage, region=region)
    found.print(since=since, execution=execution, follow=follow, as_json=as_json)


def _print_execution(to: Reached, execution: str, *, follow: bool, everything: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)

    async def show() -> None:
        async for event in events_of_run(to.client, execution, follow=follow):
            told = event.model_dump(mode="json")
            if told["event_type"] in DELTAS and not everything:
                continue
            if to.as_json:
                to.print_line(told)
            else:
                console.print(line_of(told))

    if follow:
        to.remind_of_workers()
    to.ask(show())


async def events_of_run(client: Client, execution: str, *, follow: bool) -> AsyncIterator[Any]:
    """The events of a run so far; with `follow` until it has ended."""
    cursor = None
    while True:
        page = await client.read_run(execution, cursor, LONG_POLL_SECONDS if follow else 0.0)
        for event in page.events:
            yield event
        if page.ended or (not follow and not page.events):
            return
        cursor = page.cursor


def line_of(event: Mapping[str, Any]) -> Text:
    """An event in one line: when, where, what."""
    data = event["data"] if isinstance(event["data"], Mapping) else {"data": event["data"]}
    about = data.get("_metadata") or {}
    kind = str(event["event_type"])
    rest = {
        name: value
        for name, value in data.items()
        if name not in ("_metadata", "step_key", "attempt", "error")
    }
    at = milliseconds(event["created_at"]) or 0
    style = _STYLES.get(kind.rpartition("_")[2], "")
    parts = [f"  {data['step_key']}" if data.get("step_key") else ""]
    if data.get("attempt", 1) > 1:
        parts.append(f"  attempt {data['attempt']}")
    if error := data.get("error"):
        parts.append(f"  {error.get('type', 'error')}: {error.get('message', '')}".replace("\n", " "))
    if retry_at := rest.pop("retry_at", None):
        parts.append(f"  again at {moment(int(retry_at * 1000))}")
    if rest and set(rest) != {"status"}:
        parts.append(f"  {short(rest, 200)}")
    where = f"{about.get('workflow_id', '')}".ljust(16)
    return Text.assemble(
        (f"{moment(at)}.{at % 1000:03}", "dim"), f"  {where}  ", (kind.ljust(16), style), "".join(parts)
    )
