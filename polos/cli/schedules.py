"""`polos schedule`: schedules that the code describes, and those made at run time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from polos.cli.completing import complete_workflow
from polos.cli.documents import milliseconds
from polos.cli.lazy import group
from polos.cli.reaching import Reached, asking
from polos.cli.tables import print_table
from polos.cli.words import moment
from polos.errors import NotFound

schedule = group("Schedules: list, create, pause, resume, delete.")

Workflow = Annotated[str, typer.Argument(metavar="WORKFLOW", autocompletion=complete_workflow)]
Key = Annotated[str, typer.Option("--key", help="Which schedule of the workflow.")]


@schedule.command("list")
@asking()
def list_(to: Reached) -> None:
    """List the schedules, with what is due next.

    Exit codes: 0 done; 3 the store or the server cannot be used.
    """
    found = to.ask(to.client.schedules("list"))
    if to.as_json:
        to.print_json(found)
        return
    rows = [
        (one["workflow_id"], one["key"], one["cron"], one["timezone"], _next(one), one["source"])
        for one in found
    ]
    print_table(("workflow", "key", "cron", "zone", "next", "from"), rows, empty="there are no schedules")


@schedule.command()
@asking(code=True, makes=True)
def create(
    to: Reached,
    workflow: Workflow,
    cron: Annotated[str, typer.Argument(help="Five fields, as in crontab(5): '0 9 * * 1-5'.")],
    *,
    timezone: Annotated[str, typer.Option(help="The zone of its times, like Europe/Berlin.")] = "UTC",
    key: Key = "global",
) -> None:
    """Make a schedule, or change the one of that workflow and key.

    Exit codes: 0 done; 2 the workflow is unknown, or the line is none of crontab; 3 the store or the server.
    """
    made = to.ask(to.client.schedules("create", workflow=workflow, cron=cron, timezone=timezone, key=key))
    _tell(to, made, "is due next")
    to.remind_of_workers()


@schedule.command()
@asking()
def pause(to: Reached, workflow: Workflow, *, key: Key = "global") -> None:
    """Leave out its times until it is resumed.

    Exit codes: 0 done; 2 there is no such schedule.
    """
    _tell(to, to.ask(to.client.schedules("pause", workflow=workflow, key=key)), "is")


@schedule.command()
@asking()
def resume(to: Reached, workflow: Workflow, *, key: Key = "global") -> None:
    """Let it begin again.

    Exit codes: 0 done; 2 there is no such schedule.
    """
    _tell(to, to.ask(to.client.schedules("resume", workflow=workflow, key=key)), "is due next")


@schedule.command()
@asking()
def delete(to: Reached, workflow: Workflow, *, key: Key = "global") -> None:
    """Delete it; executions that it has started go on.

    Exit codes: 0 done; 2 there is no such schedule.
    """
    if not to.ask(to.client.schedules("delete", workflow=workflow, key=key)):
        raise NotFound(
            f"workflow {workflow!r} has no schedule {key!r}; `polos schedule list` shows those there are"
        )
    if to.as_json:
        to.print_json({"workflow_id": workflow, "key": key, "deleted": True})
    to.say(f"the schedule {key!r} of {workflow} is gone")


def _tell(to: Reached, one: Mapping[str, Any], says: str) -> None:
    if to.as_json:
        to.print_json(one)
        return
    typer.echo(f"{one['workflow_id']} ({one['key']})  {one['cron']} {one['timezone']}  {says} {_next(one)}")


def _next(one: Mapping[str, Any]) -> str:
    if one["paused"]:
        return "paused"
    due = str(one["upcoming"][0]) if one["upcoming"] else ""
    return moment(milliseconds(due) or 0) if due else "never"
