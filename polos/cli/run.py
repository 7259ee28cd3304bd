"""`polos run`: one execution in the foreground, here on the embedded store, or on a server."""

from __future__ import annotations

from typing import Annotated

import typer

from polos.cli.exits import BadUsage, command
from polos.cli.following import embedded, follow
from polos.cli.invoke import Workflow, absolute, found_here, meant_by, names_code
from polos.cli.options import AnyProject, ApiKey, ApiUrl, AsJson, Payload, Store, Verbose
from polos.cli.payloads import read_payload
from polos.cli.reaching import Where, on_command_line, reach, where_of
from polos.cli.remote import follow_remote
from polos.cli.reporting import Manner
from polos.cli.resume import resume_here
from polos.entry.memory import settle_memory
from polos.runtime.service import StartOptions
from polos.runtime.sources import remember_source
from polos.server.values import payload_from_outside


@command
def run(
    ctx: typer.Context,
    target: Workflow,
    *,
    payload: Payload = None,
    resume: Annotated[
        str | None, typer.Option(metavar="EXECUTION_ID", help="Go on with this execution, after a crash.")
    ] = None,
    session: Annotated[str | None, typer.Option(help="The session it belongs to.")] = None,
    user: Annotated[str | None, typer.Option(help="The user it is started for.")] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    store: Store = None,
    project: AnyProject = None,
    verbose: Verbose = False,
) -> None:
    """Run a workflow, durably, and print its result.

    FILE_OR_MODULE:WORKFLOW runs here: it is recorded step by step in the store's file, and if this process dies, `polos
    resume EXECUTION_ID` goes on. With --api-url a WORKFLOW runs on that server, and is followed from here.

    Exit codes: 0 it completed; 1 it failed, was cancelled or timed out; 2 the code, the workflow or the payload;
    3 the store or the server; 4 it stalled; 130 interrupted.
    """
    if resume is not None and payload is not None:
        raise BadUsage("--payload was fixed when the execution was started; leave it away with --resume")
    given = {"api_url": api_url, "api_key": api_key, "store": store, "project": project}
    where = where_of(ctx, given)
    options = StartOptions(session=session, user=user)
    if where.api_url and (on_command_line(ctx, "api_url") or not names_code(target)):
        if resume is not None:
            raise BadUsage("--resume goes on here; on a server: `polos resume EXECUTION_ID`")
        _run_there(where, target, payload, options, as_json=as_json, verbose=verbose)
        return
    _run_here(where, target, payload, options, resume=resume, as_json=as_json, verbose=verbose)


def _run_here(
    where: Where,
    target: str,
    payload: str | None,
    options: StartOptions,
    *,
    resume: str | None,
    as_json: bool,
    verbose: bool,
) -> None:
    read = None if payload is None else read_payload(payload)
    definition, source = found_here(target)
    value = None if resume is not None else payload_from_outside(definition, read)
    settle_memory()
    kicked = None
    with embedded(where.store, where.project or "default") as runtime:
        if resume is not None:
            kicked = resume_here(runtime, resume, definition)
            execution = resume
        else:
            execution = runtime.service.start(definition, value, options).execution
            if source is not None:
                remember_source(runtime.service, execution, absolute(source))
            typer.echo(f"{definition.id}  {execution}", err=True)
        follow(runtime, execution, Manner(source or "", as_json, verbose), kicked=kicked)


def _run_there(
    where: Where, target: str, payload: str | None, options: StartOptions, *, as_json: bool, verbose: bool
) -> None:
    read = None if payload is None else read_payload(payload)
    with reach(where, as_json=as_json, verbose=verbose) as to:
        workflow, _ = meant_by(to, target)
        handle = to.ask(to.client.start(workflow, read, options))
        typer.echo(f"{handle.workflow_id}  {handle.id}", err=True)
        follow_remote(to, handle.id)
