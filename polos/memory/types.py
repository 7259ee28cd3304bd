"""How conversations are shortened."""

from polos.agents.memory import CompactionConfig

__all__ = ["CompactionConfig"]
