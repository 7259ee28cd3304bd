"""The logs of a stack's functions, together and in order; of one execution if wanted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Clients = Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `at` is epoch milliseconds; `group` names the function by its log group."""

    at: int
    group: str
    text: str
    id: str

    @property
    def fields(self) -> dict[str, Any]:
        """What the line says, if it is JSON."""
        try:
            data = json.loads(self.text)
        except ValueError:
            return {}
        return data if isinstance(data, dict) else {}


class Logs:
    """The log groups of a stack."""

    def __init__(self, clients: Clients, groups: Sequence[str]) -> None:
        self._logs = clients("logs")
        self._groups = sorted(groups)
        self._seen: set[tuple[str, str]] = set()

    def read(self, since: int, *, execution: str = "") -> list[Line]:
        """Lines from `since` (epoch milliseconds) on that were not read before, the oldest first."""
        found = [line for group in self._groups for line in self._of(group, since, execution)]
        return sorted(found, key=lambda line: (line.at, line.id))

    def _of(self, group: str, since: int, execution: str) -> Iterator[Line]:
        wanted: dict[str, Any] = {"logGroupName": group, "startTime": since}
        if execution:
            wanted["filterPattern"] = f'"{execution}"'
        for page in self._logs.get_paginator("filter_log_events").paginate(**wanted):
            for event in page["events"]:
                line = Line(event["timestamp"], group, event["message"].rstrip(), _id(event))
                if (group, line.id) not in self._seen and execution in line.text:
                    self._seen.add((group, line.id))
                    yield line


def _id(event: dict[str, Any]) -> str:
    """What tells a line from others of its group; emulators give none, and then a line said twice is shown once."""
    return str(event.get("eventId") or f"{event['timestamp']}|{event['message']}")
