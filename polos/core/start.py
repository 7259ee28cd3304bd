"""Who asked for an execution and how it is to run: what META fixes and the start entry carries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Final

from polos.core.definitions import DEFAULT_QUEUE


@dataclass(frozen=True, slots=True)
class StartInfo:
    """The fixed facts of an execution. Times are epoch milliseconds; `payload` and `initial_state` are JSON text.

    `parent_key` is the address of the parent's operation that waits for this child; "" when nobody waits.
    `limit` is the concurrency limit of its queue as known at the start, None for none. `copy_of`: the execution this
    one retries, forks or continues; `seed`: what chance is derived from when it is not the execution's own id.
    `held`: the states (`state_name`) that ancestors which wait for this execution hold until their end.
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
    held: Sequence[str] = ()
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

    @property
    def state_name(self) -> str | None:
        """The state that is carried from execution to execution and that this one takes part in; None: none."""
        return (
            None
            if self.state_key is None or self.initial_state is not None
            else f"{self.workflow}|{self.state_key}"
        )

    @property
    def would_wait_for_ever(self) -> bool:
        """Whether its state is held by an execution that waits for this one."""
        return self.state_name is not None and self.state_name in self.held

    @property
    def awaits_state(self) -> bool:
        """Whether it begins only when its state's place is free."""
        return self.state_name is not None and not self.would_wait_for_ever

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
