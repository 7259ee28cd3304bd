"""`polos invoke`: start an execution and leave it to whoever works on the store, or to the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polos.cli.completing import complete_workflow
from polos.cli.exits import BadUsage
from polos.cli.options import Payload, read_pairs
from polos.cli.payloads import read_payload
from polos.cli.reaching import Reached, asking
from polos.core.definitions import Definition, registry
from polos.entry.loading import Target, find_workflow, is_local, load_source
from polos.entry.worker import load_all
from polos.errors import CannotLoad
from polos.runtime.service import StartOptions
from polos.runtime.sources import remember_source

Workflow = Annotated[
    str,
    typer.Argument(
        metavar="WORKFLOW",
        autocompletion=complete_workflow,
        help="Its id; or FILE_OR_MODULE:WORKFLOW where its code is here.",
    ),
]


@asking(makes=True)
def invoke(
    to: Reached,
    workflow: Workflow,
    *,
    payload: Payload = None,
    session: Annotated[str | None, typer.Option(help="The session it belongs to.")] = None,
    user: Annotated[str | None, typer.Option(help="The user it is started for.")] = None,
    queue: Annotated[str | None, typer.Option(help="The queue it runs in, else its own.")] = None,
    concurrency_key: Annotated[
        str | None, typer.Option(help="Its places in the queue are of this key.")
    ] = None,
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key starts one execution, however often it is said.")
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="To find it by; repeatable.")
    ] = None,
    run_timeout: Annotated[float | None, typer.Option(min=0, help="Seconds until it is stopped.")] = None,
) -> None:
    """Start a workflow, an agent or a tool without waiting: its id is printed once the start is durable.

    Exit codes: 0 it was started; 2 the workflow is unknown or the payload does not fit; 3 the store or the server
    cannot be used.
    """
    given = None if payload is None else read_payload(payload)
    options = StartOptions(
        queue=queue,
        concurrency_key=concurrency_key,
        session=session,
        user=user,
        run_timeout=run_timeout,
        idempotency_key=idempotency_key,
        attributes=read_pairs(attribute, "--attribute"),
    )
    target, source = meant_by(to, workflow)
    handle = to.ask(to.client.start(target, given, options))
    if to.local is not None and source is not None:
        remember_source(to.local.service, handle.id, absolute(source))
    if to.as_json:
        to.print_json(handle.model_dump(mode="json"))
    else:
        typer.echo(handle.id)
    to.remind_of_workers()


def meant_by(to: Reached, text: str) -> tuple[Definition | str, str | None]:
    """The workflow that a person means, and its source where that was named: a server knows it by its id."""
    if to.is_local:
        return found_here(text)
    if names_code(text):
        raise BadUsage(f"{to.place} has the code: name the workflow by its id, {text.rpartition(':')[2]!r}")
    return text, None


def found_here(text: str) -> tuple[Definition, str | None]:
    """The workflow, with its code loaded from here: `FILE:WORKFLOW`, a file or module, or an id of the app here.

    Raises:
        CannotLoad, UnknownWorkflow: What was named, and what there is.
    """
    wanted = Target.parse(text)
    if names_code(text):
        return find_workflow(wanted, load_source(wanted.source)), wanted.source
    try:
        loaded = load_all(())
    except CannotLoad as error:
        if "no module was given" not in str(error):
            raise
        loaded = []
    if text not in registry and is_local(text):
        return find_workflow(wanted, load_source(text)), text
    if not loaded:
        raise CannotLoad(
            text,
            "there is no app here to look for it in (app.py, main.py or workflows.py); say where it is, "
            f"FILE:{text}, or set POLOS_APP",
        )
    return registry.get(text), loaded[0] if len(loaded) == 1 else None


def names_code(text: str) -> bool:
    """Whether it names a file or a module, and not only a workflow."""
    source, workflow = Target.parse(text)
    return bool(workflow) or source.endswith(".py") or Path(source).is_file() or "/" in source


def absolute(source: str) -> str:
    """A file by its whole path, so that it is found from elsewhere; a module by its name."""
    path = Path(source)
    return str(path.resolve()) if path.is_file() else source
