"""Starting what a schedule starts, now and beside its ticks."""

from __future__ import annotations

from datetime import UTC, datetime

from polos.core.start import StartInfo
from polos.errors import NotFound
from polos.runtime.schedules import payload_of
from polos.runtime.service import Service, StartOptions


def run_now(service: Service, workflow: str, key: str) -> StartInfo:
    """An execution with the payload of a tick that is due now. The schedule itself does not take notice.

    Raises:
        NotFound: There is no such schedule.
        UnknownWorkflow: Its code is not known here.
    """
    schedule = service.schedules.get(workflow, key)
    if schedule is None:
        raise NotFound(f"there is no schedule {workflow}:{key} in project {service.project!r}")
    definition = service.registry.get(workflow)
    due = datetime.fromtimestamp(service.ports.clock.now(), UTC).replace(microsecond=0)
    stamp = due.isoformat().replace("+00:00", "Z")
    payload = (
        definition.outside_codec.decode(payload_of(schedule, due, stamp))
        if definition.takes_payload
        else None
    )
    return service.start(definition, payload, StartOptions(attributes={"schedule": schedule.id}))
