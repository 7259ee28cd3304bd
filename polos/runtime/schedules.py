"""Schedules: workflows that start at times, each tick exactly once.

A schedule is a record; its ticks are messages of `Timers.repeat` that carry their due time. The id of a tick's
execution is derived from the schedule and that time, so a tick that comes twice, or by both expressions of a line that
restricts both day fields, starts once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from polos.core.cron import Cron, time_zone, to_eventbridge
from polos.core.cron.times import next_times
from polos.core.definitions import Definition
from polos.core.ids import derived_id
from polos.core.journal import START
from polos.core.messages import Message, MessageKind
from polos.errors import InvalidSchedule, NotFound
from polos.ports import TICK, Delete, Key, Outgoing, Ports, Put
from polos.runtime import names
from polos.runtime.host import Host
from polos.runtime.starts import root_info

FORMAT: Final = 1
OVERLAPS: Final = ("allow", "skip")


@dataclass(frozen=True, slots=True)
class ScheduleRecord:
    """A schedule as it is stored. Times are RFC 3339; `overlap`: "allow", or "skip" while the last run is under way.

    `source` is "code" for one that a decorator describes, "api" for one made at run time. `app` names the app whose
    code describes it, where that is known: only that app's going on without it says that it is gone.
    """

    workflow: str
    key: str
    cron: str
    timezone: str = "UTC"
    overlap: str = "allow"
    paused: bool = False
    source: str = "api"
    last_timestamp: str | None = None
    last_execution: str | None = None
    app: str = ""

    @property
    def id(self) -> str:
        """What names it: the workflow and the key."""
        return f"{self.workflow}:{self.key}"

    def upcoming(self, after: datetime, count: int = 5) -> list[datetime]:
        """The next due times, UTC."""
        return next_times(Cron.parse(self.cron), after=after, timezone=self.timezone, count=count)


def tick_message(project: str, schedule: ScheduleRecord) -> Message:
    """The message of each tick, with `TICK` where its due time goes: for `Timers.repeat`, and for a stack's template.

    It carries the line it was armed with, so that a tick of a line that has been replaced since is known.
    """
    armed = {"at": TICK, "cron": schedule.cron, "timezone": schedule.timezone}
    return Message(
        MessageKind.TICK,
        project,
        f"tick|{schedule.id}|{TICK}",
        workflow=schedule.workflow,
        key=schedule.key,
        extra=armed,
    )


class Schedules:
    """The schedules of one project.

    `stack`: the template of a stack has the timers of the schedules that decorators describe; only their records are
    kept here, to know of pauses, of the last tick, and of ticks that are out of date.
    """

    def __init__(self, ports: Ports, project: str, *, stack: bool = False) -> None:
        self._ports = ports
        self._project = project
        self._stack = stack

    def put(self, wanted: ScheduleRecord) -> ScheduleRecord:
        """Create or change. Raises `InvalidSchedule` for a line, zone or policy that no backend could keep."""
        to_eventbridge(Cron.parse(wanted.cron))
        time_zone(wanted.timezone)
        if wanted.overlap not in OVERLAPS:
            raise InvalidSchedule(
                f"schedule {wanted.id!r}: overlap={wanted.overlap!r}; say 'allow' or 'skip'"
            )
        while True:
            known, version = self._read(wanted.workflow, wanted.key)
            new = wanted
            if known is not None:
                new = replace(
                    wanted, last_timestamp=known.last_timestamp, last_execution=known.last_execution
                )
                if wanted.source == "code":
                    new = replace(new, paused=known.paused, app=wanted.app or known.app)
            if known == new:
                return new
            # The timer first: were it the other way round, one that could not be set would never be set again, for the
            # record says that all is done. A tick of what the record does not say yet is dropped.
            if _armed(known) != _armed(new):
                self._arm(new)
            if self._write(new, version):
                return new

    def pause(self, workflow: str, key: str, *, paused: bool = True) -> ScheduleRecord:
        """Skip ticks until it is resumed (`paused=False`)."""
        while True:
            known, version = self._read(workflow, key)
            if known is None:
                raise NotFound(f"there is no schedule {workflow}:{key} in project {self._project!r}")
            new = replace(known, paused=paused)
            if not paused:
                self._arm(new)
            if known == new or self._write(new, version):
                if paused:  # a tick meanwhile is skipped by what the record says
                    self._arm(new)
                return new

    def delete(self, workflow: str, key: str) -> bool:
        """Forget it. False if there was none."""
        known, _ = self._read(workflow, key)
        self._ports.timers.stop(self._timer(workflow, key))
        self._ports.records.write(Delete(self._key(workflow, key)))
        return known is not None

    def get(self, workflow: str, key: str = "global") -> ScheduleRecord | None:
        """One schedule, or None."""
        return self._read(workflow, key)[0]

    def list(self) -> Iterator[ScheduleRecord]:
        """All schedules, by workflow and key."""
        cursor = None
        while True:
            page = self._ports.records.query(names.schedules(self._project), cursor=cursor)
            for record in page.records:
                yield _decode(record.value)
            cursor = page.cursor
            if cursor is None:
                return

    def ran(self, schedule: ScheduleRecord, timestamp: str, execution: str) -> None:
        """Note the last tick that started something; a later one that was faster stays."""
        while True:
            known, version = self._read(schedule.workflow, schedule.key)
            if known is None or (known.last_timestamp or "") >= timestamp:
                return
            if self._write(replace(known, last_timestamp=timestamp, last_execution=execution), version):
                return

    def _arm(self, schedule: ScheduleRecord) -> None:
        name = self._timer(schedule.workflow, schedule.key)
        if schedule.paused or (self._stack and schedule.source == "code"):
            self._ports.timers.stop(name)
            return
        self._ports.timers.repeat(
            name,
            cron=schedule.cron,
            timezone=schedule.timezone,
            queue=names.NEWS_QUEUE,
            body=tick_message(self._project, schedule).encode(),
        )

    def _timer(self, workflow: str, key: str) -> str:
        return f"{self._project}|schedule|{workflow}|{key}"

    def _key(self, workflow: str, key: str) -> Key:
        return Key(names.schedules(self._project), f"{workflow}|{key}")

    def _read(self, workflow: str, key: str) -> tuple[ScheduleRecord | None, int]:
        record = self._ports.records.get(self._key(workflow, key))
        return (None, 0) if record is None else (_decode(record.value), record.version)

    def _write(self, schedule: ScheduleRecord, version: int) -> bool:
        data = {"v": FORMAT, **asdict(schedule)}
        key = self._key(schedule.workflow, schedule.key)
        return self._ports.records.write(Put(key, json.dumps(data, ensure_ascii=False), expect=version))


def _armed(schedule: ScheduleRecord | None) -> tuple[str, str, bool] | None:
    """What its timer depends on."""
    return None if schedule is None else (schedule.cron, schedule.timezone, schedule.paused)


def _decode(text: str) -> ScheduleRecord:
    data = json.loads(text)
    data.pop("v")
    return ScheduleRecord(**data)


def code_schedules(definitions: Iterable[Definition]) -> Iterator[ScheduleRecord]:
    """The schedules that decorators describe."""
    for definition in definitions:
        spec = definition.schedule
        if spec is not None and spec.cron is not None:
            yield ScheduleRecord(
                definition.id, spec.key, spec.cron, spec.timezone, spec.overlap, source="code"
            )


def apply_code(host: Host, project: str, *, app: str = "") -> None:
    """Make the stored schedules those that the registered definitions describe; run-time ones are left alone.

    A schedule of a workflow that is not registered may be of another program over the same store. It is deleted only if
    `app`, which names all of the code that is registered, has described it before.
    """
    schedules = Schedules(host.ports, project, stack=host.settings.stack_schedules)
    wanted = {(record.workflow, record.key): record for record in code_schedules(host.registry)}
    for known in list(schedules.list()):
        ours = known.workflow in host.registry or (app and known.app == app)
        if known.source == "code" and ours and (known.workflow, known.key) not in wanted:
            schedules.delete(known.workflow, known.key)
    for record in wanted.values():
        schedules.put(replace(record, app=app))


def tick(host: Host, message: Message) -> None:
    """Handle a TICK: start the execution of this tick, unless the schedule is gone, paused or must not overlap."""
    schedules = Schedules(host.ports, message.project, stack=host.settings.stack_schedules)
    schedule = _ticking(host, schedules, message)
    if schedule is None or schedule.paused:
        return
    due = datetime.fromisoformat(str((message.extra or {})["at"])).astimezone(UTC)
    stamp = due.isoformat().replace("+00:00", "Z")
    execution = derived_id(message.project, "tick", schedule.workflow, schedule.key, stamp)
    if _overlaps(host, message.project, schedule, execution):
        return
    definition = host.registry.get(schedule.workflow)
    info = root_info(
        definition,
        project=message.project,
        execution=execution,
        payload=payload_of(schedule, due, stamp),
        now_ms=int(host.ports.clock.now() * 1000),
        retention=host.settings.retention_seconds,
    )
    host.executions.create(info)
    start = Message(MessageKind.START, info.project, host.token(), execution, info.workflow, START)
    host.ports.queue.send(host.steps_queue(info.queue), [Outgoing(start.encode(), group=execution)])
    schedules.ran(schedule, stamp, execution)


def _ticking(host: Host, schedules: Schedules, message: Message) -> ScheduleRecord | None:
    """The schedule a tick is of; None if it is gone, or has another line by now.

    After a deployment the first tick may be here before the records say what the template says.
    """
    schedule = schedules.get(message.workflow, message.key)
    if host.settings.stack_schedules and not _is_of(message, schedule):
        apply_code(host, message.project)
        schedule = schedules.get(message.workflow, message.key)
    return schedule if _is_of(message, schedule) else None


def _is_of(message: Message, schedule: ScheduleRecord | None) -> bool:
    armed = message.extra or {}
    return schedule is not None and (
        armed.get("cron", schedule.cron),
        armed.get("timezone", schedule.timezone),
    ) == (schedule.cron, schedule.timezone)


def _overlaps(host: Host, project: str, schedule: ScheduleRecord, execution: str) -> bool:
    if schedule.overlap == "allow" or schedule.last_execution in (None, execution):
        return False
    last = host.executions.get(project, str(schedule.last_execution))
    return last is not None and not last.ended


def payload_of(schedule: ScheduleRecord, due: datetime, stamp: str) -> str:
    """The payload of a tick, as JSON: a `SchedulePayload`. `stamp` is `due` as text."""
    upcoming = schedule.upcoming(due, 1)
    data: dict[str, Any] = {
        "timestamp": stamp,
        "last_timestamp": schedule.last_timestamp if (schedule.last_timestamp or "") < stamp else None,
        "timezone": schedule.timezone,
        "schedule_id": schedule.id,
        "key": schedule.key,
        "upcoming": upcoming[0].isoformat().replace("+00:00", "Z") if upcoming else None,
    }
    return json.dumps(data)
