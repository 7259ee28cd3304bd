"""Groups of commands that are loaded when they are called: `polos run` need not wait for what `polos deploy` imports.

The help of a group, and the completion of a shell, come from the table alone: they load no command at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command


@dataclass(frozen=True, slots=True)
class Home:
    """Where a command is: the function `name` of a module, or the `typer.Typer` of that name.

    `help`: its line in the help of the group. `panel`: the task it is listed under. `name`: where the object is not
    called as the command is (`list` would hide what Python calls so).
    """

    module: str
    help: str
    panel: str
    name: str = ""


class LazyGroup(TyperGroup):
    """The commands of `homes`, in the order of the help. `aliases` are other names of them, which no help shows."""

    homes: ClassVar[Mapping[str, Home]] = {}
    aliases: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in order."""
        del ctx
        return [*self.homes]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """What the help shows of the command of that name; None if there is none."""
        del ctx
        home = self.homes.get(self.aliases.get(cmd_name, cmd_name))
        if home is None:
            return None
        return TyperCommand(cmd_name, help=home.help, rich_help_panel=home.panel)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is meant, loaded now."""
        name = self.aliases.get(args[0], args[0])
        if name in self.homes:
            return name, self.load(name), args[1:]
        if args[0][:1] not in ("-", "") and not ctx.resilient_parsing:
            near = get_close_matches(args[0], [*self.homes], n=3, cutoff=0.6)
            hint = f" Did you mean {' or '.join(near)}?" if near else " `polos --help` lists them."
            ctx.fail(f"There is no command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)

    @classmethod
    def load(cls, name: str) -> Any:
        """The command itself."""
        home = cls.homes[name]
        found = getattr(import_module(home.module), home.name or name)
        if isinstance(found, typer.Typer):
            group = get_command(found)
            group.name = name
            return group
        alone = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        alone.command(name)(found)
        return get_command(alone)


def group(help: str) -> typer.Typer:
    """A group of commands in one module."""
    return typer.Typer(help=help, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
