"""`polos build` and `polos diff`: the files of a stack, and how they compare to those on disk."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from polos.cli.deploying import (
    Apps,
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
    aws_refusals,
    built,
    clients,
    options_of,
)
from polos.cli.exits import Exit, command
from polos.cli.options import AsJson, Verbose
from polos.cli.progress import working
from polos.deploy.build import changes, package_all, write
from polos.deploy.package import Packaged, megabytes
from polos.deploy.plan import Options
from polos.deploy.render import stack_name


@command
def build(
    apps: Apps = None,
    *,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the files are out of date.")
    ] = False,
    package: Annotated[
        bool, typer.Option("--package/--no-package", help="Also package the code with wheels for Lambda.")
    ] = True,
    stage: Stage = "dev",
    name: Name = None,
    target: Target = "lambda",
    runtime: Runtime = "python3.13",
    tracing: Tracing = False,
    output: Output = Path(),
    merge: Merge = None,
    requirements: Requirements = None,
    include: Include = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Render template.yaml, handlers/ and samconfig.toml from an app's decorators, and package its code.

    The same app gives the same bytes. `sam deploy` or `polos deploy` makes it run.

    Exit codes: 0 done, or up to date; 1 --check: the files are out of date; 2 the code or an option.
    """
    del verbose
    sources, options = options_of(
        apps, name=name, stage=stage, target=target, runtime=runtime, tracing=tracing
    )
    found = built(sources, options, merge)
    if check:
        _check(list(changes(found, output)), sources, as_json=as_json)
        return
    output.mkdir(parents=True, exist_ok=True)
    packages: list[Packaged] = []
    if package:
        with working("packaging the code with wheels for Lambda"):
            packages = package_all(found, output, requirements=requirements, include=include or ())
    _tell([str(output / path) for path in write(found, output)], packages, as_json=as_json)


def _tell(written: Sequence[str], packages: Sequence[Packaged], *, as_json: bool) -> None:
    if as_json:
        told = [
            {"directory": str(one.directory), "bytes": one.size, "architecture": one.architecture}
            for one in packages
        ]
        typer.echo(json.dumps({"written": written, "packages": told}, indent=2))
        return
    for path in written:
        typer.echo(f"wrote {path}")
    for packaged in packages:
        typer.echo(f"packaged {packaged.directory}: {megabytes(packaged.size)} for {packaged.architecture}")
        for part, size in packaged.sizes[:10]:
            typer.echo(f"  {megabytes(size):>9}  {part}")


def _check(stale: list[str], sources: list[str], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"out_of_date": stale}, indent=2))
    if stale:
        typer.secho(
            f"out of date: {', '.join(stale)}; run `polos build {' '.join(sources)}` and commit what it writes",
            fg=typer.colors.RED,
            err=True,
        )
        raise typer.Exit(Exit.FAILED)
    if not as_json:
        typer.echo("up to date")


@command
def diff(
    apps: Apps = None,
    *,
    deployed: Annotated[
        bool, typer.Option("--deployed", help="Compare with the stack in AWS, not with the files on disk.")
    ] = False,
    stage: Stage = "dev",
    name: Name = None,
    target: Target = "lambda",
    runtime: Runtime = "python3.13",
    tracing: Tracing = False,
    output: Output = Path(),
    merge: Merge = None,
    region: Region = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Show what `polos build` would change in its files, or `polos deploy` in the stack.

    Exit codes: 0 done, whether anything would change or not; 2 the code or an option; 3 AWS refused.
    """
    del verbose
    sources, options = options_of(
        apps, name=name, stage=stage, target=target, runtime=runtime, tracing=tracing
    )
    found = built(sources, options, merge)
    if deployed:
        _diff_stack(found.document, options, region, as_json=as_json)
        return
    texts = changes(found, output)
    if as_json:
        typer.echo(json.dumps({str(path): text for path, text in texts.items()}, indent=2))
        return
    for text in texts.values():
        typer.echo(text, nl=False)
    typer.echo(f"{len(texts)} file{'s' if len(texts) != 1 else ''} would change", err=True)


def _diff_stack(document: Mapping[str, Any], options: Options, region: str | None, *, as_json: bool) -> None:
    from polos.deploy.comparing import compare, read_template  # noqa: PLC0415 (only here)
    from polos.deploy.stack import Stack  # noqa: PLC0415 (it loads botocore)

    with aws_refusals():
        stack = Stack(stack_name(options), clients(region))
        before = read_template(stack.deployed_template()) if stack.find() else {}
    if not before:
        typer.echo(f"there is no stack {stack_name(options)} here; all of it is new", err=True)
    found = list(compare(before, document))
    if as_json:
        typer.echo(json.dumps([asdict(change) for change in found], indent=2, default=str))
        return
    for change in found:
        for line in change.lines():
            typer.echo(line)
    typer.echo(
        f"{stack_name(options)}: {len(found)} part{'s' if len(found) != 1 else ''} would change; "
        "code is compared when it is packaged",
        err=True,
    )
