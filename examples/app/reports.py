"""What runs by itself: a report on every working day, and a count of what customers pay."""

from __future__ import annotations

from polos import BatchEventPayload, SchedulePayload, WorkflowContext, workflow


@workflow(schedule={"cron": "0 7 * * 1-5", "timezone": "Europe/Berlin", "overlap": "skip"})
async def daily_report(ctx: WorkflowContext, due: SchedulePayload) -> str:
    """A line about the day before, at seven in the morning in Berlin."""
    await ctx.step.wait_for("settle", seconds=5)
    return f"report for {due.timestamp:%Y-%m-%d}"


@workflow(trigger_on_event="payments", batch_size=10, batch_timeout_seconds=30)
async def count_orders(ctx: WorkflowContext, events: BatchEventPayload) -> int:
    """How many payments came together."""
    return len(events.events)
