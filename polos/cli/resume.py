"""`polos resume`: go on with an execution after a crash, an interruption, or a stall whose cause is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polos.cli.exits import BadUsage, command
from polos.cli.following import embedded, follow
from polos.cli.options import AsJson, Project, Store, Verbose
from polos.cli.reporting import Manner
from polos.core.definitions import Definition
from polos.entry.embedded import Embedded
from polos.entry.loading import Target, is_local, load_source
from polos.entry.memory import settle_memory
from polos.errors import Conflict
from polos.runtime.sources import recall_source


@command
def resume(
    execution_id: Annotated[str, typer.Argument(metavar="EXECUTION_ID")],
    source: Annotated[
        str | None,
        typer.Argument(metavar="[FILE_OR_MODULE]", help="Its code; else where `polos run` had found it."),
    ] = None,
    *,
    store: Store = None,
    project: Project = "default",
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Go on with an execution: what was recorded does not run again. One that has ended is only reported."""
    found = code_of(execution_id, source, store, project)
    load_source(found)
    settle_memory()
    with embedded(store, project) as runtime:
        meta = runtime.service.meta(execution_id)
        kicked = resume_here(runtime, execution_id, runtime.service.registry.get(meta.info.workflow))
        follow(runtime, execution_id, Manner(found, as_json, verbose), kicked=kicked)


def code_of(execution_id: str, source: str | None, store: Path | None, project: str) -> str:
    """Where the code of an execution is: what was named, else where `polos run` found it. `NotFound` without one."""
    with embedded(store, project, work=False) as looking:
        looking.service.meta(execution_id)
        return Target.parse(source).source if source else _remembered(looking, execution_id)


def resume_here(runtime: Embedded, execution_id: str, definition: Definition) -> int:
    """See to it that an execution goes on in this process.

    What a dead process was working on has been given back when the store was opened. Only one that has stalled, or
    whose start was never sent, needs to be woken. Gives the version that its record has before that.
    """
    meta = runtime.service.meta(execution_id)
    if meta.info.workflow != definition.id:
        raise Conflict(
            f"execution {execution_id} is one of {meta.info.workflow!r}, not of {definition.id!r}; "
            "name its own workflow"
        )
    if meta.status in ("queued", "stalled"):
        runtime.service.kick(execution_id)
    return meta.version


def _remembered(runtime: Embedded, execution_id: str) -> str:
    source = recall_source(runtime.service, execution_id)
    if source is None:
        raise BadUsage(
            f"the store does not know where the code of {execution_id} is; name it: "
            f"polos resume {execution_id} FILE_OR_MODULE"
        )
    if not is_local(source):
        raise BadUsage(
            f"its code was found in {source}, which is not below the working directory; what a store says is run only "
            f"from there. If that is what you want: polos resume {execution_id} {source}"
        )
    typer.echo(f"with the code of {source}", err=True)
    return source
