"""`polos retry`: go on with an execution that failed, from the step that failed; `polos fork`: again from any step."""

from __future__ import annotations

from typing import Annotated

import typer

from polos.cli.exits import command
from polos.cli.following import embedded, follow
from polos.cli.options import AsJson, Project, Store, Verbose
from polos.cli.payloads import read_payload
from polos.cli.reporting import Manner
from polos.cli.resume import code_of
from polos.entry.loading import load_source
from polos.entry.memory import settle_memory
from polos.runtime.control import UNCHANGED, Control

Execution = Annotated[str, typer.Argument(metavar="EXECUTION_ID")]
Code = Annotated[
    str | None,
    typer.Argument(metavar="[FILE_OR_MODULE]", help="Its code; else where `polos run` had found it."),
]


@command
def retry(
    execution_id: Execution,
    source: Code = None,
    *,
    store: Store = None,
    project: Project = "default",
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Go on from the step that failed, as a new execution: what was recorded does not run again.

    For one that failed, was cancelled or timed out. One that has stalled stays itself and goes on.
    """
    found = code_of(execution_id, source, store, project)
    load_source(found)
    settle_memory()
    with embedded(store, project) as runtime:
        version = runtime.service.meta(execution_id).version
        again = Control(runtime.service).retry(execution_id)
        kicked = version if again.execution == execution_id else None
        follow(runtime, again.execution, Manner(found, as_json, verbose), kicked=kicked)


@command
def fork(
    execution_id: Execution,
    source: Code = None,
    *,
    from_step: Annotated[
        str | None, typer.Option("--from", help="The first step to run anew; without it, all run.")
    ] = None,
    payload: Annotated[str | None, typer.Option(help="Another input: JSON, or @file.")] = None,
    store: Store = None,
    project: Project = "default",
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Run again from a step, or with another input, as a new execution that is linked with the old one."""
    found = code_of(execution_id, source, store, project)
    load_source(found)
    settle_memory()
    with embedded(store, project) as runtime:
        given = UNCHANGED if payload is None else read_payload(payload)
        again = Control(runtime.service).fork(execution_id, from_step=from_step, payload=given)
        follow(runtime, again.execution, Manner(found, as_json, verbose))
