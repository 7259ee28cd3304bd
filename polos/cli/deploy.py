"""`polos deploy`, `polos destroy` and `polos logs`: a stack's life."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from polos.adapters.clock import SystemClock
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
from polos.cli.options import Verbose
from polos.deploy.build import package_all, write
from polos.deploy.package import megabytes
from polos.deploy.plan import Options
from polos.deploy.render import stack_name

POLL_SECONDS = 2.0


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
    verbose: Verbose = False,
) -> None:
    """Build, upload, create or update the stack, and print the API's address."""
    from polos.deploy.deployment import deploy as deploy_stack  # noqa: PLC0415 (it loads botocore)
    from polos.deploy.missing import require_secrets  # noqa: PLC0415 (it loads botocore)

    del verbose
    sources, options = options_of(
        apps, name=name, stage=stage, target=target, runtime=runtime, tracing=tracing
    )
    parameters = parse_parameters(parameter)
    found = built(sources, options, merge)
    make = clients(region)
    with aws_refusals():
        require_secrets(make, found.plan.secrets, project=parameters.get("Project", "default"))
    output.mkdir(parents=True, exist_ok=True)
    write(found, output)
    packages = package_all(found, output, requirements=requirements, include=include or ())
    for packaged in packages:
        typer.echo(f"packaged {megabytes(packaged.size)} for {packaged.architecture}", err=True)
    with aws_refusals():
        done = deploy_stack(
            found,
            packages,
            _stack(options, make),
            artifacts_of(make, options, bucket),
            root=output,
            parameters=parameters,
            tell=lambda text: typer.echo(text, err=True),
        )
    typer.echo(f"{stack_name(options)}: {'deployed' if done.changed else 'nothing to change'}", err=True)
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
    verbose: Verbose = False,
) -> None:
    """Delete the stack and all that it made: data, packages, and schedules made at run time."""
    del verbose
    _, options = options_of(apps or ([name] if name else None), name=name, stage=stage)
    make = clients(region)
    stack = _stack(options, make)
    with aws_refusals():
        outputs = stack.outputs()
    if not yes:
        lost = "" if keep_data else f", with all executions in {outputs.get('RecordTable', 'its tables')}"
        if not typer.confirm(f"Delete {stack_name(options)}{lost}?", err=True):
            raise BadUsage("nothing was deleted")
    with aws_refusals():
        kept = stack.delete(keep_data=keep_data)
        artifacts_of(make, options, bucket).forget()
    typer.echo(f"{stack_name(options)} is deleted" + (f"; kept: {', '.join(kept)}" if kept else ""), err=True)


@command
def logs(
    apps: Apps = None,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
    execution: Annotated[str, typer.Option("--execution", help="Only lines of this execution.")] = "",
    since: Annotated[int, typer.Option(min=1, help="Minutes to look back.")] = 10,
    stage: Stage = "dev",
    name: Name = None,
    region: Region = None,
    verbose: Verbose = False,
) -> None:
    """Print the logs of all functions of a stack, in order."""
    from polos.deploy.logs import Logs  # noqa: PLC0415 (only here)

    del verbose
    _, options = options_of(apps or ([name] if name else None), name=name, stage=stage)
    make = clients(region)
    with aws_refusals():
        resources = _stack(options, make).resources().values()
        groups = [physical for kind, physical in resources if kind == "AWS::Logs::LogGroup"]
        _print_logs(Logs(make, groups), since=since, execution=execution, follow=follow)


def _print_logs(reader: Any, *, since: int, execution: str, follow: bool) -> None:
    begin = int((SystemClock().now() - since * 60) * 1000)
    while True:
        for line in reader.read(begin, execution=execution):
            begin = max(
                begin, line.at - 60_000
            )  # a group may show lines late: those read are known by their ids
            typer.echo(_written(line))
        if not follow:
            return
        SystemClock().sleep(POLL_SECONDS)


def _written(line: Any) -> str:
    at = datetime.fromtimestamp(line.at / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    fields = line.fields
    function = line.group.rsplit("/", 1)[-1]
    if not fields:
        return f"{at} {function}: {line.text}"
    about = " ".join(str(fields[key]) for key in ("execution_id", "step") if fields.get(key))
    return f"{at} {function} {fields.get('level', '')} {about}: {fields.get('message', line.text)}"


def _stack(options: Options, make: Any) -> Any:
    from polos.deploy.stack import Progress, Stack  # noqa: PLC0415 (it loads botocore)

    def tell(progress: Progress) -> None:
        if progress.status.endswith("IN_PROGRESS"):
            return
        color = typer.colors.RED if progress.failed else None
        text = f"  {progress.status:<28} {progress.resource}"
        typer.secho(f"{text}: {progress.reason}" if progress.failed else text, fg=color, err=True)

    return Stack(stack_name(options), make, tell=tell)
