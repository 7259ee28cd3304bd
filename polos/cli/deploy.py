"""`polos deploy` and `polos destroy`: a stack's life."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from polos.cli.deploying import (
    Apps,
    Bucket,
    Include,
    Merge,
    Name,
    Output,
    Region,
    Requirements,
    Runtime,
    Stage,
    Target,
    Tracing,
    artifacts_of,
    aws_refusals,
    built,
    clients,
    options_of,
    parse_parameters,
)
from polos.cli.exits import BadUsage, command
from polos.cli.options import AsJson, Verbose
from polos.cli.progress import working
from polos.deploy.build import Build, package_all, write
from polos.deploy.package import Packaged, megabytes
from polos.deploy.plan import Options
from polos.deploy.render import stack_name

if TYPE_CHECKING:
    from polos.deploy.deployment import Deployed


@command
def deploy(
    apps: Apps = None,
    *,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", help="A parameter of the template, NAME=VALUE.")
    ] = None,
    stage: Stage = "dev",
    name: Name = None,
    target: Target = "lambda",
    runtime: Runtime = "python3.13",
    tracing: Tracing = False,
    output: Output = Path(),
    merge: Merge = None,
    requirements: Requirements = None,
    include: Include = None,
    region: Region = None,
    bucket: Bucket = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Build, upload, create or update the stack, and print the API's address.

    Exit codes: 0 the stack is as the code says; 2 the code or an option; 3 AWS refused; --verbose shows why.
    """
    from polos.deploy.deployment import deploy as deploy_stack  # noqa: PLC0415 (it loads botocore)

    del verbose
    sources, options = options_of(
        apps, name=name, stage=stage, target=target, runtime=runtime, tracing=tracing
    )
    parameters = parse_parameters(parameter)
    found = built(sources, options, merge)
    make = clients(region)
    _require_secrets(make, found, parameters)
    output.mkdir(parents=True, exist_ok=True)
    packages = _packaged(found, output, requirements=requirements, include=include or ())
    write(found, output)
    with aws_refusals():
        done = deploy_stack(
            found,
            packages,
            stack_of(options, make),
            artifacts_of(make, options, bucket),
            root=output,
            parameters=parameters,
            tell=lambda text: typer.echo(text, err=True),
        )
    _tell(stack_name(options), done, as_json=as_json)


def _packaged(found: Build, output: Path, **further: Any) -> list[Packaged]:
    with working("packaging the code with wheels for Lambda"):
        packages = package_all(found, output, **further)
    for packaged in packages:
        typer.echo(f"packaged {megabytes(packaged.size)} for {packaged.architecture}", err=True)
    return packages


def _require_secrets(make: Any, found: Build, parameters: Mapping[str, str]) -> None:
    """Before anything is changed."""
    from polos.deploy.missing import require_secrets  # noqa: PLC0415 (it loads botocore)

    with aws_refusals():
        require_secrets(make, found.plan.secrets, project=parameters.get("Project", "default"))


def _tell(stack: str, done: Deployed, *, as_json: bool) -> None:
    typer.echo(f"{stack}: {'deployed' if done.changed else 'nothing to change'}", err=True)
    if as_json:
        told = {"stack": stack, "changed": done.changed, "outputs": dict(done.outputs)}
        typer.echo(json.dumps(told, indent=2))
    else:
        typer.echo(done.outputs.get("ApiUrl", ""))


@command
def destroy(
    apps: Apps = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    keep_data: Annotated[bool, typer.Option("--keep-data", help="Keep tables and bucket.")] = False,
    stage: Stage = "dev",
    name: Name = None,
    region: Region = None,
    bucket: Bucket = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Delete the stack and all that it made: data, packages, and schedules made at run time.

    Exit codes: 0 it is gone; 2 nothing was deleted; 3 AWS refused.
    """
    del verbose
    _, options = options_of(apps or ([name] if name else None), name=name, stage=stage)
    make = clients(region)
    stack = stack_of(options, make)
    with aws_refusals():
        outputs = stack.outputs()
    if not yes:
        lost = "" if keep_data else f", with all executions in {outputs.get('RecordTable', 'its tables')}"
        if not typer.confirm(f"Delete {stack_name(options)}{lost}?", err=True):
            raise BadUsage("nothing was deleted")
    with aws_refusals():
        kept = stack.delete(keep_data=keep_data)
        artifacts_of(make, options, bucket).forget()
    if as_json:
        typer.echo(json.dumps({"stack": stack_name(options), "kept": list(kept)}, indent=2))
    typer.echo(f"{stack_name(options)} is deleted" + (f"; kept: {', '.join(kept)}" if kept else ""), err=True)


def stack_of(options: Options, make: Any) -> Any:
    from polos.deploy.stack import Progress, Stack  # noqa: PLC0415 (it loads botocore)

    def tell(progress: Progress) -> None:
        if progress.status.endswith("IN_PROGRESS"):
            return
        color = typer.colors.RED if progress.failed else None
        text = f"  {progress.status:<28} {progress.resource}"
        typer.secho(f"{text}: {progress.reason}" if progress.failed else text, fg=color, err=True)

    return Stack(stack_name(options), make, tell=tell)
