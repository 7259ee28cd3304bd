"""Who asked for an execution and how it is to run: what META fixes and the start entry carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Final

from polos.core.definitions import DEFAULT_QUEUE


@dataclass(frozen=True, slots=True)
class StartInfo:
    """The fixed facts of an execution. Times are epoch milliseconds; `payload` and `initial_state` are JSON text.

    `parent_key` is the address of the parent's operation that waits for this child; "" when nobody waits.
    `limit` is the concurrency limit of its queue as known at the start, None for none. `copy_of`: the execution this
    one retries, forks or continues; `seed`: what chance is derived from when it is not the execution's own id.
    `retention`: seconds its records are kept after its end. `compute_limit`: seconds its steps may run in all.
    """

    project: str
    execution: str
    workflow: str
    created_at: int
    payload: str = "null"
    kind: str = "workflow"
    root_execution: str = ""
    root_workflow: str = ""
    parent_execution: str | None = None
    parent_workflow: str | None = None
    parent_key: str = ""
    queue: str = DEFAULT_QUEUE
    limit: int | None = None
    concurrency_key: str | None = None
    priority: int = 0
    session: str | None = None
    user: str | None = None
    deployment: str | None = None
    run_deadline: int | None = None
    initial_state: str | None = None
    state_key: str | None = None
    copy_of: str | None = None
    seed: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    retention: float | None = None
    compute_limit: float | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def chance(self) -> str:
        """What `uuid` and `random` are derived from: the same for a copy, so that it goes where the original went."""
        return self.seed or self.execution

    def to_data(self, *, payload: bool = True) -> dict[str, Any]:
        """Plain data without what has its default; without the payload for the header of the start entry."""
        kept = {
            name: value for name, default in _DEFAULTS.items() if (value := getattr(self, name)) != default
        }
        if not payload:
            kept.pop("payload", None)
        return kept

    @classmethod
    def from_data(cls, data: Mapping[str, Any], *, payload: str | None = None) -> StartInfo:
        """Back from plain data; names of later versions are ignored."""
        known = {name: value for name, value in data.items() if name in _DEFAULTS}
        if payload is not None:
            known["payload"] = payload
        return cls(**known)


_DEFAULTS: Final[dict[str, Any]] = {
    f.name: f.default
    if f.default is not MISSING
    else (f.default_factory() if f.default_factory is not MISSING else None)
    for f in fields(StartInfo)
}
