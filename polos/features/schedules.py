"""Schedules made at run time: `await schedules.create(report, "0 9 * * 1-5", timezone="Europe/Berlin", key="c7")`.

Every function takes a client as its first argument, or uses the default one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from polos.core.models import SchedulePayload
from polos.runtime.client import Client, client_first


class ScheduleInfo(BaseModel):
    """A schedule. `upcoming` are its next due times, UTC; none while it is paused."""

    id: str
    workflow_id: str
    key: str
    cron: str
    timezone: str
    overlap: str
    paused: bool
    source: str
    last_timestamp: datetime | None = None
    last_execution_id: str | None = None
    upcoming: Sequence[datetime] = ()


async def create(
    *args: Any,
    timezone: str = "UTC",
    key: str = "global",
    overlap: str = "allow",
    client: Client | None = None,
) -> ScheduleInfo:
    """`create([client,] workflow, cron, timezone="UTC", key="global")`: make, or change the one of that key.

    `overlap`: "allow", or "skip" to leave out ticks while the last run is under way. Raises `InvalidSchedule`.
    """
    used, (workflow, cron) = _two(args, client, "workflow", "cron")
    wanted = {"workflow": _id(workflow), "cron": cron, "timezone": timezone, "key": key, "overlap": overlap}
    return ScheduleInfo.model_validate(await used.schedules("create", **wanted))


async def list(*args: Any, client: Client | None = None) -> Sequence[ScheduleInfo]:
    """All schedules of the project."""
    used, _ = client_first(args, client)
    return [ScheduleInfo.model_validate(item) for item in await used.schedules("list")]


async def pause(*args: Any, key: str = "global", client: Client | None = None) -> ScheduleInfo:
    """`pause([client,] workflow, key="global")`: skip its ticks. `NotFound` if there is none."""
    used, (workflow,) = _one(args, client)
    return ScheduleInfo.model_validate(await used.schedules("pause", workflow=_id(workflow), key=key))


async def resume(*args: Any, key: str = "global", client: Client | None = None) -> ScheduleInfo:
    """`resume([client,] workflow, key="global")`: go on with its ticks."""
    used, (workflow,) = _one(args, client)
    return ScheduleInfo.model_validate(await used.schedules("resume", workflow=_id(workflow), key=key))


async def delete(*args: Any, key: str = "global", client: Client | None = None) -> bool:
    """`delete([client,] workflow, key="global")`: forget it. False if there was none."""
    used, (workflow,) = _one(args, client)
    return bool(await used.schedules("delete", workflow=_id(workflow), key=key))


def _id(workflow: Any) -> str:
    return str(getattr(workflow, "id", workflow))


def _one(args: tuple[Any, ...], client: Client | None) -> tuple[Client, Any]:
    used, rest = client_first(args, client)
    if len(rest) != 1:
        raise TypeError(f"expected ([client,] workflow), got {len(args)} arguments; key= is given by name")
    return used, rest


def _two(args: tuple[Any, ...], client: Client | None, *names: str) -> tuple[Client, Any]:
    used, rest = client_first(args, client)
    if len(rest) != len(names):
        raise TypeError(
            f"expected ([client,] {', '.join(names)}), got {len(args)} arguments; options are given by name"
        )
    return used, rest


__all__ = ["ScheduleInfo", "SchedulePayload", "create", "delete", "list", "pause", "resume"]
