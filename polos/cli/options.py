"""The options that several commands have, each described once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from polos.cli.completing import complete_execution
from polos.cli.exits import BadUsage
from polos.entry.embedded import DEFAULT_STORE

WHERE: Final = "Where"
"""The part of a command's help that says where it looks."""

Verbose = Annotated[
    bool,
    typer.Option("--verbose", help="Show tracebacks, and what the engine logs.", rich_help_panel=WHERE),
]
Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        envvar="POLOS_STORE",
        show_default=str(DEFAULT_STORE),
        help="The file that holds executions.",
        rich_help_panel=WHERE,
    ),
]
Project = Annotated[
    str,
    typer.Option(
        "--project",
        envvar="POLOS_PROJECT_ID",
        help="The project the execution belongs to.",
        rich_help_panel=WHERE,
    ),
]
AnyProject = Annotated[
    str | None,
    typer.Option(
        "--project",
        envvar="POLOS_PROJECT_ID",
        help="The project; else 'default', or that of the API key.",
        rich_help_panel=WHERE,
    ),
]
ApiUrl = Annotated[
    str | None,
    typer.Option(
        "--api-url",
        envvar="POLOS_API_URL",
        metavar="URL",
        help="Ask this server instead of the store's file.",
        rich_help_panel=WHERE,
    ),
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        "--api-key",
        envvar="POLOS_API_KEY",
        show_envvar=True,
        help="The key for that server.",
        rich_help_panel=WHERE,
    ),
]
App = Annotated[
    list[str] | None,
    typer.Option(
        "--app",
        help="Files or modules that define workflows; else POLOS_APP, app.py, main.py, workflows.py.",
        rich_help_panel=WHERE,
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON: one document, or for what goes on one line for each thing."),
]
Execution = Annotated[
    str,
    typer.Argument(
        metavar="EXECUTION_ID",
        autocompletion=complete_execution,
        help="Its id, as `polos list` shows it.",
    ),
]
Payload = Annotated[
    str | None, typer.Option(metavar="JSON|@FILE", help="The payload: JSON, @file, or @- for stdin.")
]


def read_pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    """`name=value` texts as a dict. Raises `BadUsage` for one that is none."""
    found = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise BadUsage(f"{option} {text}: write NAME=VALUE, like {option} customer=ada")
        found[name] = value
    return found
