"""The code of an execution, for commands that can do without: with it they see what is under way, and typed results."""

from __future__ import annotations

from typing import Any

from polos.cli.reaching import Reached
from polos.core.definitions import registry
from polos.entry.loading import is_local, load_source
from polos.entry.worker import load_all
from polos.errors import PolosError
from polos.runtime.sources import recall_source


def execution_of(to: Reached, execution: str) -> dict[str, Any]:
    """An execution with its result as its workflow gives it; where its code cannot be loaded, as it is stored."""
    found = to.ask(to.client.get_execution(execution))
    if found["status"] != "completed" or not to.is_local or found["workflow_id"] in registry:
        return found
    if load_code_of(to, execution) is not None:
        return found
    return to.ask(to.client.get_execution(execution))


def load_code_of(to: Reached, execution: str) -> str | None:
    """Load the code of an execution in the store: from where `polos run` found it, else the app of this directory.

    A server has it. Gives why it could not be loaded, or None.
    """
    if to.local is None:
        return None
    service = to.local.service
    workflow = service.meta(execution).info.workflow
    if workflow in registry:
        return None
    source = recall_source(service, execution)
    try:
        if source is not None and is_local(source):
            load_source(source)
        else:
            load_all(to.where.sources)
    except PolosError as error:
        return str(error)
    return None if workflow in registry else f"workflow {workflow!r} is not in the app of this directory"
