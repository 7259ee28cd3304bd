"""What a shell may complete: ids of executions and workflows. If anything is wrong, nothing is offered or said."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MOST: int = 50


def complete_execution(incomplete: str) -> list[tuple[str, str]]:
    """The latest executions in the store of this directory, with workflow and status."""
    found: list[tuple[str, str]] = []
    with contextlib.suppress(Exception), _looking() as service:
        from polos.runtime.control import Control, Filter  # noqa: PLC0415

        for meta in Control(service).find(Filter(), limit=MOST)[0]:
            if meta.info.execution.startswith(incomplete):
                found.append((meta.info.execution, f"{meta.info.workflow}, {meta.status}"))
    return found


def complete_workflow(incomplete: str) -> list[tuple[str, str]]:
    """The workflows, agents and tools of the app in this directory."""
    with contextlib.suppress(Exception, SystemExit):
        from polos.core.definitions import registry  # noqa: PLC0415
        from polos.entry.worker import load_all  # noqa: PLC0415

        load_all(())
        return [(one.id, one.description or one.kind) for one in registry if one.id.startswith(incomplete)]
    return []


@contextlib.contextmanager
def _looking() -> Iterator[Any]:
    """The requests of the project over the store's file, if there is one: none is made."""
    from polos.entry.embedded import DEFAULT_STORE, Embedded  # noqa: PLC0415 (each key press starts `polos`)

    file = Path(os.environ.get("POLOS_STORE") or DEFAULT_STORE)
    if not file.is_file():
        raise FileNotFoundError(file)
    runtime = Embedded(file, project=os.environ.get("POLOS_PROJECT_ID") or "default", work=False)
    try:
        yield runtime.service
    finally:
        runtime.close()
