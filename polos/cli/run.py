"""`polos run`: one execution in the foreground, on the embedded store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polos.cli.exits import BadUsage, command
from polos.cli.following import embedded, follow
from polos.cli.options import AsJson, Project, Store, Verbose
from polos.cli.payloads import read_payload
from polos.cli.reporting import Manner
from polos.cli.resume import resume_here
from polos.entry.loading import Target, find_workflow, load_source
from polos.entry.memory import settle_memory
from polos.runtime.sources import remember_source
from polos.server.values import payload_from_outside


@command
def run(
    target: Annotated[
        str, typer.Argument(metavar="FILE_OR_MODULE:WORKFLOW", help="flows.py:order, or shop.flows:order")
    ],
    *,
    payload: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="The payload: JSON, @file, or @- for stdin.")
    ] = None,
    resume: Annotated[
        str | None, typer.Option(metavar="EXECUTION_ID", help="Go on with this execution, after a crash.")
    ] = None,
    store: Store = None,
    project: Project = "default",
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Run a workflow here, durably, and print its result.

    It is recorded step by step in the store's file. If this process dies, `polos resume EXECUTION_ID` goes on.
    """
    if resume is not None and payload is not None:
        raise BadUsage("--payload was fixed when the execution was started; leave it away with --resume")
    given = None if payload is None else read_payload(payload)
    wanted = Target.parse(target)
    definition = find_workflow(wanted, load_source(wanted.source))
    value = None if resume is not None else payload_from_outside(definition, given)
    settle_memory()
    kicked = None
    with embedded(store, project) as runtime:
        if resume is not None:
            kicked = resume_here(runtime, resume, definition)
            execution = resume
        else:
            execution = runtime.service.start(definition, value).execution
            remember_source(runtime.service, execution, _absolute(wanted.source))
            typer.echo(f"{definition.id}  {execution}", err=True)
        follow(runtime, execution, Manner(wanted.source, as_json, verbose), kicked=kicked)


def _absolute(source: str) -> str:
    """A file by its whole path, so that it is found from elsewhere; a module by its name."""
    path = Path(source)
    return str(path.resolve()) if path.is_file() else source
