"""A group of commands, each loaded when it is called: `polos run` need not wait for what `polos deploy` imports."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command


class LazyGroup(TyperGroup):
    """The commands of `homes`: name -> module that has a function of that name, in the order of the help."""

    homes: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in order."""
        del ctx
        return [*self.homes]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of that name, loaded now; None if there is none."""
        del ctx
        if cmd_name not in self.homes:
            return None
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(cmd_name)(getattr(import_module(self.homes[cmd_name]), cmd_name))
        return get_command(alone)
