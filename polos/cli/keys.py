"""`polos key`: the API keys of a project, in the local store or in a stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from polos.adapters.clock import SystemClock
from polos.cli.deploying import Region, aws_refusals, clients
from polos.cli.exits import BadUsage, command
from polos.cli.following import embedded
from polos.cli.lazy import group
from polos.cli.options import WHERE, AsJson, Project, Store, Verbose
from polos.errors import NotFound
from polos.server.keys import ApiKey, ApiKeys
from polos.server.principals import Role

DAY: float = 86_400.0


Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        envvar="POLOS_STACK",
        help="A stack, as `polos deploy` calls it; else the store's file.",
        rich_help_panel=WHERE,
    ),
]

key = group("API keys of a project, in the local store or in a stack: create, list, revoke.")


@key.command()
@command
def create(
    *,
    role: Annotated[Role, typer.Option("--role", help="What the key may do.")] = Role.RUN,
    label: Annotated[str, typer.Option("--label", help="What the key is for: shown in lists.")] = "",
    days: Annotated[float | None, typer.Option("--days", help="For how long; else until revoked.")] = None,
    as_json: AsJson = False,
    stack: Stack = None,
    region: Region = None,
    store: Store = None,
    project: Project = "default",
    verbose: Verbose = False,
) -> None:
    """Make a key. It is printed once, alone on stdout: only a hash of it is kept.

    Exit codes: 0 done; 2 an option; 3 the store or the stack cannot be used.
    """
    del verbose
    with _keys_of(stack, region, store, project=project) as found:
        made, text = found.create(project, role, name=label, expires_in=None if days is None else days * DAY)
    if as_json:
        typer.echo(json.dumps({**asdict(made), "key": text}, indent=2))
        return
    typer.echo(f"key {made.id} of project {project!r}, role {role}: kept by you alone", err=True)
    typer.echo(text)


@key.command("list")
@command
def list_(
    *,
    as_json: AsJson = False,
    stack: Stack = None,
    region: Region = None,
    store: Store = None,
    project: Project = "default",
    verbose: Verbose = False,
) -> None:
    """List the keys of a project, without their secrets.

    Exit codes: 0 done; 3 the store or the stack cannot be used.
    """
    del verbose
    with _keys_of(stack, region, store, project=project) as found:
        _print(list(found.list(project)), project, as_json=as_json)


@key.command()
@command
def revoke(
    key_id: Annotated[
        str | None, typer.Argument(metavar="KEY_ID", help="Which one: the part after `polos_`.")
    ] = None,
    *,
    as_json: AsJson = False,
    stack: Stack = None,
    region: Region = None,
    store: Store = None,
    project: Project = "default",
    verbose: Verbose = False,
) -> None:
    """Refuse a key from now on.

    Exit codes: 0 done; 2 there is no such key; 3 the store or the stack cannot be used.
    """
    del verbose
    with _keys_of(stack, region, store, project=project) as found:
        _revoke(found, project, key_id)
    if as_json:
        typer.echo(json.dumps({"id": key_id, "revoked": True}))


def _revoke(found: ApiKeys, project: str, key_id: str | None) -> None:
    if key_id is None:
        raise BadUsage("which key? `polos key list` shows their ids")
    if not found.revoke(project, key_id):
        raise NotFound(f"project {project!r} has no key {key_id!r}; `polos key list` shows those it has")
    typer.echo(f"key {key_id} is refused from now on", err=True)


def _print(listed: list[ApiKey], project: str, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([asdict(key) for key in listed], indent=2))
        return
    if not listed:
        typer.echo(f"project {project!r} has no keys; `polos key create` makes one", err=True)
    for key in sorted(listed, key=lambda one: one.created_at):
        until = "until revoked" if key.expires_at is None else f"until {_day(key.expires_at)}"
        typer.echo(f"{key.id}  {key.role:<5}  since {_day(key.created_at)}, {until}  {key.name}".rstrip())


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d")


@contextmanager
def _keys_of(stack: str | None, region: str | None, store: Path | None, *, project: str) -> Iterator[ApiKeys]:
    if stack is None:
        with embedded(store, project, work=False) as runtime:
            yield ApiKeys(runtime.host.ports.records, runtime.host.ports.clock)
        return
    from polos.adapters.aws.clients import Aws  # noqa: PLC0415 (it loads botocore)
    from polos.adapters.aws.dynamodb_records import DynamoRecords  # noqa: PLC0415
    from polos.adapters.aws.settings import AwsSettings  # noqa: PLC0415
    from polos.deploy.stack import Stack  # noqa: PLC0415

    make = clients(region)
    with aws_refusals():
        table = Stack(stack, make).outputs()["RecordTable"]
    clock = SystemClock()
    settings = AwsSettings(
        log_table="",
        record_table=table,
        bucket="",
        schedule_group="",
        schedule_role_arn="",
        region=str(make("dynamodb").meta.region_name),
    )
    yield ApiKeys(DynamoRecords(Aws(settings, clock=clock)), clock)
