"""`polos retry`: go on with an execution that failed, from the step that failed; `polos fork`: again from any step."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from polos.cli.exits import command
from polos.cli.following import embedded, follow
from polos.cli.options import AnyProject, ApiKey, ApiUrl, AsJson, Execution, Store, Verbose
from polos.cli.payloads import read_payload
from polos.cli.reaching import Reached, Where, reach, where_of
from polos.cli.remote import follow_remote
from polos.cli.reporting import Manner
from polos.cli.resume import code_of
from polos.entry.loading import load_source
from polos.entry.memory import settle_memory
from polos.runtime.control import UNCHANGED, Control

Code = Annotated[
    str | None,
    typer.Argument(metavar="[FILE_OR_MODULE]", help="Its code; else where `polos run` had found it."),
]
NoWait = Annotated[
    bool, typer.Option("--no-wait", help="Only start it, for whoever works on the store; print its id.")
]


@command
def retry(
    ctx: typer.Context,
    execution_id: Execution,
    source: Code = None,
    *,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    store: Store = None,
    project: AnyProject = None,
    verbose: Verbose = False,
) -> None:
    """Go on from the step that failed, as a new execution: what was recorded does not run again.

    For one that failed, was cancelled or timed out. One that has stalled stays itself and goes on.

    Exit codes: those of `polos run`; 2 also where there is nothing to retry.
    """
    given = {"api_url": api_url, "api_key": api_key, "store": store, "project": project}
    where = where_of(ctx, given)
    if where.api_url or no_wait:
        with reach(where, as_json=as_json, verbose=verbose) as to:
            _followed(to, to.ask(to.client.retry_execution(execution_id)), no_wait=no_wait)
        return
    found = _load(where, execution_id, source)
    with embedded(where.store, where.project or "default") as runtime:
        version = runtime.service.meta(execution_id).version
        again = Control(runtime.service).retry(execution_id)
        kicked = version if again.execution == execution_id else None
        follow(runtime, again.execution, Manner(found, as_json, verbose), kicked=kicked)


@command
def fork(
    ctx: typer.Context,
    execution_id: Execution,
    source: Code = None,
    *,
    from_step: Annotated[
        str | None, typer.Option("--from", help="The first step to run anew; without it, all run.")
    ] = None,
    payload: Annotated[str | None, typer.Option(help="Another input: JSON, or @file.")] = None,
    no_wait: NoWait = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    store: Store = None,
    project: AnyProject = None,
    verbose: Verbose = False,
) -> None:
    """Run again from a step, or with another input, as a new execution that is linked with the old one.

    Exit codes: those of `polos run`; 2 also where no such step was recorded.
    """
    options = {"api_url": api_url, "api_key": api_key, "store": store, "project": project}
    where = where_of(ctx, options)
    given = UNCHANGED if payload is None else read_payload(payload)
    if where.api_url:
        with reach(where, as_json=as_json, verbose=verbose) as to:
            forked = to.client.fork_execution(execution_id, from_step=from_step, payload=given)
            _followed(to, to.ask(forked), no_wait=no_wait)
        return
    found = _load(where, execution_id, source)
    if no_wait:
        with reach(where, as_json=as_json, verbose=verbose) as to:
            forked = to.client.fork_execution(execution_id, from_step=from_step, payload=given)
            _followed(to, to.ask(forked), no_wait=True)
        return
    with embedded(where.store, where.project or "default") as runtime:
        again = Control(runtime.service).fork(execution_id, from_step=from_step, payload=given)
        follow(runtime, again.execution, Manner(found, as_json, verbose))


def _load(where: Where, execution_id: str, source: str | None) -> str:
    found = code_of(execution_id, source, where)
    load_source(found)
    settle_memory()
    return found


def _followed(to: Reached, handle: Any, *, no_wait: bool) -> None:
    if not no_wait:
        to.say(f"{handle.workflow_id}  {handle.id}")
        follow_remote(to, handle.id)
        return
    if to.as_json:
        to.print_json(handle.model_dump(mode="json"))
    else:
        typer.echo(handle.id)
    to.remind_of_workers()
