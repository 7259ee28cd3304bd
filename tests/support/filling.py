"""Many executions that have ended, put into a store as the engine's own records of them: for lists of 100,000."""

from __future__ import annotations

import json
import random

from polos.core.start import StartInfo
from polos.entry.identity import new_execution_id
from polos.ports import ABSENT
from polos.runtime.executions import Executions, Meta
from polos.runtime.service import Service

DAYS_MS = 30 * 86_400_000
AT_ONCE = 80
WORKFLOWS = ("shown-order", "shown-refund", "shown-resize", "shown-charge", "shown-helper")


def put(service: Service, count: int, *, seed: int = 7) -> None:
    """Put `count` of them into the project's lists, spread over the thirty days before now."""
    chance = random.Random(seed)
    now = int(service.ports.clock.now() * 1000)
    executions = Executions(service.ports.records)
    for begin in range(0, count, 10_000):
        end = min(count, begin + 10_000)
        with service.ports.together():
            for at in range(begin, end, AT_ONCE):
                metas = [
                    _ended(service.project, now - chance.randrange(60_000, DAYS_MS), chance)
                    for _ in range(min(AT_ONCE, end - at))
                ]
                service.ports.records.write(*(executions._put(meta, expect=ABSENT) for meta in metas))


def _ended(project: str, created: int, chance: random.Random) -> Meta:
    workflow = chance.choice(WORKFLOWS)
    status = chance.choices(("completed", "failed", "cancelled"), (90, 8, 2))[0]
    ended = created + chance.randrange(20, 30_000)
    info = StartInfo(
        project=project,
        execution=new_execution_id(created),
        workflow=workflow,
        created_at=created,
        payload=json.dumps({"order": f"B-{chance.randrange(10**6)}"}),
        kind="agent" if workflow == "shown-helper" else "workflow",
    )
    failed = {"type": "ConnectionError", "message": "card declined"} if status == "failed" else None
    return Meta(
        info=info,
        status=status,
        position=4,
        updated_at=ended,
        version=0,
        started_at=created + 5,
        completed_at=ended,
        result=json.dumps({"ok": True}) if status == "completed" else None,
        error=failed,
    )
