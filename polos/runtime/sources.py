"""Where the code of an execution was found by the command that started it: a hint for the command that resumes it.

It is kept beside the execution's record, never inside: the engine does not read it, and nothing is imported because of
it but what the person at the command line could have named.
"""

from __future__ import annotations

import json

from polos.ports import Put
from polos.runtime import names
from polos.runtime.service import Service


def remember_source(service: Service, execution: str, source: str) -> None:
    """Note the file or module that defines the execution's workflow."""
    key = names.source(service.project, execution)
    service.ports.records.write(Put(key, json.dumps({"v": 1, "source": source}, ensure_ascii=False)))


def recall_source(service: Service, execution: str) -> str | None:
    """What was noted, or None."""
    record = service.ports.records.get(names.source(service.project, execution))
    return None if record is None else str(json.loads(record.value)["source"])
