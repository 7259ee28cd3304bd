"""`polos resume`: go on with an execution after a crash, an interruption, or a stall whose cause is mended.

With --step it answers a step that waits for a person.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polos.cli.exits import BadUsage, command
from polos.cli.following import embedded, follow
from polos.cli.options import AnyProject, ApiKey, ApiUrl, AsJson, Execution, Store, Verbose
from polos.cli.payloads import read_payload
from polos.cli.reaching import Reached, Where, reach, where_of
from polos.cli.remote import follow_remote
from polos.cli.reporting import Manner
from polos.core.definitions import Definition
from polos.entry.embedded import Embedded
from polos.entry.loading import Target, default_source, is_local, load_source
from polos.entry.memory import settle_memory
from polos.errors import Conflict, NotFound
from polos.runtime.sources import recall_source


@command
def resume(
    ctx: typer.Context,
    execution_id: Execution,
    source: Annotated[
        str | None,
        typer.Argument(metavar="[FILE_OR_MODULE]", help="Its code; else where `polos run` had found it."),
    ] = None,
    *,
    step: Annotated[str | None, typer.Option(metavar="KEY", help="Answer this step that waits.")] = None,
    data: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="The answer: JSON, @file, or @- for stdin.")
    ] = None,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
    store: Store = None,
    project: AnyProject = None,
    verbose: Verbose = False,
) -> None:
    """Go on with an execution: what was recorded does not run again. One that has ended is only reported.

    With --step KEY --data JSON it answers a step that waits for a person, and does not wait for what follows.

    Exit codes: those of `polos run`; with --step: 0 the answer is stored, 2 nothing takes one.
    """
    given = {"api_url": api_url, "api_key": api_key, "store": store, "project": project}
    where = where_of(ctx, given)
    if data is not None and step is None:
        raise BadUsage(
            "--data is the answer to a step: name it with --step (`polos status` shows what waits)"
        )
    if step is not None:
        value = None if data is None else read_payload(data, option="--data")
        with reach(where, as_json=as_json, verbose=verbose) as to:
            _answer(to, execution_id, step, value)
        return
    if where.api_url:
        with reach(where, as_json=as_json, verbose=verbose) as to:
            _go_on_there(to, execution_id)
        return
    found = code_of(execution_id, source, where)
    load_source(found)
    settle_memory()
    with embedded(where.store, where.project or "default") as runtime:
        meta = runtime.service.meta(execution_id)
        kicked = resume_here(runtime, execution_id, runtime.service.registry.get(meta.info.workflow))
        follow(runtime, execution_id, Manner(found, as_json, verbose), kicked=kicked)


def _answer(to: Reached, execution_id: str, step: str, value: object) -> None:
    execution = to.ask(to.client.get_execution(execution_id))
    event = to.ask(to.client.resume(execution["workflow_id"], execution_id, step, value))
    if to.as_json:
        to.print_json(event.model_dump(mode="json"))
    to.say(f"{execution_id}  the answer to {step!r} is stored; the first one counts")
    to.remind_of_workers()


def _go_on_there(to: Reached, execution_id: str) -> None:
    if to.ask(to.client.get_execution(execution_id))["status"] == "stalled":
        to.ask(to.client.retry_execution(execution_id))
    follow_remote(to, execution_id)


def code_of(execution_id: str, source: str | None, where: Where) -> str:
    """Where the code of an execution is: what was named, else where `polos run` found it, else the app here.

    Raises:
        NotFound: There is no such execution, or no store.
        BadUsage: Nobody knows where the code is.
    """
    if not where.file.is_file():
        raise NotFound(
            f"there is no execution {execution_id!r}: there is no store at {where.file} (seen from {Path.cwd()}); "
            "--store and --api-url name another place"
        )
    with embedded(where.store, where.project or "default", work=False) as looking:
        looking.service.meta(execution_id)
        return Target.parse(source).source if source else _remembered(looking, execution_id)


def resume_here(runtime: Embedded, execution: str, definition: Definition) -> int:
    """See to it that an execution goes on in this process.

    What a dead process was working on has been given back when the store was opened. Only one that has stalled, or
    whose start was never sent, needs to be woken. Gives the version that its record has before that.
    """
    meta = runtime.service.meta(execution)
    if meta.info.workflow != definition.id:
        raise Conflict(
            f"execution {execution} is one of {meta.info.workflow!r}, not of {definition.id!r}; name its own workflow"
        )
    if meta.status in ("queued", "stalled"):
        runtime.service.kick(execution)
    return meta.version


def _remembered(runtime: Embedded, execution_id: str) -> str:
    source = recall_source(runtime.service, execution_id) or default_source()
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
