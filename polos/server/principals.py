"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """What a caller may do. Each role may do all that the ones before it may.

    `READ` looks. `RUN` starts executions, acts on them and publishes. `ADMIN` changes what runs by itself: schedules.
    """

    READ = "read"
    RUN = "run"
    ADMIN = "admin"

    def allows(self, needed: Role) -> bool:
        """Whether who has this role may do what needs that one."""
        return _ORDER.index(self) >= _ORDER.index(needed)


_ORDER: Final = (Role.READ, Role.RUN, Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Principal:
    """A caller who is known. `who` names them in logs and rate limits; `how` is "key", "session", "iam" or "local"."""

    project: str
    role: Role
    who: str
    how: str
