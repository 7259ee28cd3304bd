"""The options that several commands have, each described once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polos.entry.embedded import DEFAULT_STORE

Verbose = Annotated[bool, typer.Option("--verbose", help="Show tracebacks, and what the engine logs.")]
Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        envvar="POLOS_STORE",
        show_default=str(DEFAULT_STORE),
        help="The file that holds executions.",
    ),
]
Project = Annotated[
    str,
    typer.Option("--project", envvar="POLOS_PROJECT_ID", help="The project the execution belongs to."),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON document with status, result, error and steps; no live view."
    ),
]
