"""The steps of an execution that wait for a person: what they ask, found by replaying the code."""

from __future__ import annotations

from dataclasses import dataclass

from polos.core.journal import Entry, Journal
from polos.core.operations import Suspend
from polos.core.replay import Rewind
from polos.errors import Conflict, ReplayMismatch
from polos.runtime import names
from polos.runtime.service import Service


@dataclass(frozen=True, slots=True)
class Suspension:
    """A step that waits for an answer. `data`: JSON text, what the code shows. `due`: epoch seconds, its timeout."""

    key: str
    data: str
    due: float | None


def suspensions(service: Service, execution: str) -> list[Suspension]:
    """The steps that wait for an answer now, in the order of the code.

    Raises:
        NotFound: There is no such execution.
        UnknownWorkflow: Its code is not known here.
        Conflict: Its code does not fit its journal.
    """
    meta = service.meta(execution)
    if meta.ended:
        return []
    definition = service.registry.get(meta.info.workflow)
    log = names.journal(service.project, execution)
    journal = Journal(Entry.decode(text) for text in service.ports.log.read(log))
    if not journal.started or journal.end is not None:
        return []
    replay = service.host.new_replay(journal, definition)
    try:
        replay.advance()
        return [
            Suspension(one.address.partition(":")[2], one.operation.data, one.operation.due)
            for one in replay.issued.values()
            if isinstance(one.operation, Suspend) and one.pending
        ]
    except (ReplayMismatch, Rewind) as error:
        raise Conflict(f"execution {execution}: its code does not fit its journal: {error}") from error
    finally:
        service.host.close_replay(replay)
