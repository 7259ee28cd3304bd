"""`polos cancel`, `polos pause` and `polos unpause`: acting on executions that are under way."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from polos.cli.completing import complete_execution
from polos.cli.options import Execution
from polos.cli.reaching import Reached, asking


@asking()
def cancel(
    to: Reached,
    execution_ids: Annotated[
        list[str],
        typer.Argument(metavar="EXECUTION_ID...", autocompletion=complete_execution, help="One or more."),
    ],
) -> None:
    """Ask executions to stop: their code sees `CancelledError` where it waits, and may clean up; children too.

    Exit codes: 0 they were asked, or had ended already; 2 there is no such execution.
    """
    told: list[dict[str, Any]] = []
    for execution in execution_ids:
        asked = to.ask(to.client.cancel_execution(execution))
        told.append({"id": execution, "cancelled": asked})
        to.say(f"{execution}  {'is asked to stop' if asked else 'had ended already'}")
    if to.as_json:
        to.print_json(told)
    if any(one["cancelled"] for one in told):
        to.remind_of_workers()


@asking()
def pause(to: Reached, execution_id: Execution) -> None:
    """Begin nothing more in an execution: what runs is recorded, what comes is kept, until `polos unpause`.

    Exit codes: 0 done; 2 there is no such execution, or it has ended.
    """
    to.ask(to.client.pause_execution(execution_id))
    _told(to, execution_id, "begins nothing more; `polos unpause` lets it go on")


@asking()
def unpause(to: Reached, execution_id: Execution) -> None:
    """Go on with everything that is pending in a paused execution.

    Exit codes: 0 done; 2 there is no such execution, or it has ended.
    """
    to.ask(to.client.unpause_execution(execution_id))
    _told(to, execution_id, "goes on")


def _told(to: Reached, execution: str, text: str) -> None:
    if to.as_json:
        to.print_json(to.ask(to.client.get_execution(execution)))
        return
    to.say(f"{execution}  {text}")
    to.remind_of_workers()
