"""Schedules: a workflow that runs on working days, and one that each customer sets for themselves.

Nobody wants to wait until Monday to see it: the week passes on a clock that runs ahead, as it does in your tests.
"""

from __future__ import annotations

import argparse
import sys
from datetime import timedelta
from zoneinfo import ZoneInfo

from examples.running import example
from polos import InvalidSchedule, Polos, SchedulePayload, WorkflowContext, schedules, workflow
from polos.testing import MemoryHarness

ran: list[str] = []


@workflow(
    id="examples.report", schedule={"cron": "0 7 * * 1-5", "timezone": "Europe/Oslo", "overlap": "skip"}
)
async def report(ctx: WorkflowContext, due: SchedulePayload) -> str:
    """Seven in the morning in Oslo, Monday to Friday; `timestamp` is when it was due, not when it began."""
    return await ctx.step.run("write", write, due)


def write(due: SchedulePayload) -> str:
    """Write the report."""
    local = due.timestamp.astimezone(ZoneInfo(due.timezone))
    ran.append(f"{local:%a %d %b %H:%M} {due.timezone}")
    return ran[-1]


@workflow(id="examples.reminder", schedule=True)
async def reminder(ctx: WorkflowContext, due: SchedulePayload) -> str:
    """`schedule=True`: may be scheduled while the program runs, once for each key."""
    return f"reminder for {due.key}"


async def run(polos: Polos, given: argparse.Namespace) -> None:
    """Make a schedule, list all, and let a week pass."""
    try:
        await schedules.create(reminder, given.cron, timezone="Europe/Oslo", key="ada")
    except InvalidSchedule as error:
        raise SystemExit(f"{error}") from error
    for one in await schedules.list():
        soon = ", ".join(f"{when:%a %d %b %H:%M}" for when in one.upcoming[:2])
        print(f"{one.workflow_id} ({one.key}): {one.cron!r} in {one.timezone}, next (UTC) {soon}")
    await schedules.pause(reminder, key="ada")
    print("paused:", ", ".join(one.key for one in await schedules.list() if one.paused))


def a_week() -> None:
    """Let a week pass in no time, on the clock of a test."""
    with MemoryHarness() as harness:
        harness.schedule()
        harness.advance(timedelta(days=7))
    print("In a week on a clock of its own it ran:")
    print("\n".join(f"  {line}" for line in ran))


def arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--cron", default="30 18 * * 0", help="when Ada is reminded, in crontab's language")


def main(argv: list[str] | None = None) -> int:
    """Run the example."""
    ran.clear()
    code = example(run, __doc__, arguments=arguments, argv=argv)
    if code == 0:
        a_week()
    return code


if __name__ == "__main__":
    sys.exit(main())
