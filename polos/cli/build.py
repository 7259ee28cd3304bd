"""`polos build` and `polos diff`: the files of a stack, and how they compare to those on disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from polos.cli.deploying import (
    Apps,
    Include,
    Merge,
    Name,
    Output,
    Requirements,
    Runtime,
    Stage,
    Target,
    Tracing,
    built,
    options_of,
)
from polos.cli.exits import Exit, command
from polos.cli.options import Verbose
from polos.deploy.build import changes, package_all, write
from polos.deploy.package import megabytes


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
    verbose: Verbose = False,
) -> None:
    """Render template.yaml, handlers/ and samconfig.toml from an app's decorators, and package its code.

    The same app gives the same bytes. `sam deploy` or `polos deploy` makes it run.
    """
    del verbose
    sources, options = options_of(
        apps, name=name, stage=stage, target=target, runtime=runtime, tracing=tracing
    )
    found = built(sources, options, merge)
    if check:
        _check(list(changes(found, output)), sources)
        return
    output.mkdir(parents=True, exist_ok=True)
    for path in write(found, output):
        typer.echo(f"wrote {output / path}")
    if not package:
        return
    for packaged in package_all(found, output, requirements=requirements, include=include or ()):
        typer.echo(f"packaged {packaged.directory}: {megabytes(packaged.size)} for {packaged.architecture}")
        for part, size in packaged.sizes[:10]:
            typer.echo(f"  {megabytes(size):>9}  {part}")


def _check(stale: list[str], sources: list[str]) -> None:
    if stale:
        typer.secho(
            f"out of date: {', '.join(stale)}; run `polos build {' '.join(sources)}` and commit what it writes",
            fg=typer.colors.RED,
            err=True,
        )
        raise typer.Exit(Exit.FAILED)
    typer.echo("up to date")


@command
def diff(
    apps: Apps = None,
    *,
    stage: Stage = "dev",
    name: Name = None,
    runtime: Runtime = "python3.13",
    tracing: Tracing = False,
    output: Output = Path(),
    merge: Merge = None,
    verbose: Verbose = False,
) -> None:
    """Show what `polos build` would change in template.yaml, handlers/ and samconfig.toml."""
    del verbose
    sources, options = options_of(apps, name=name, stage=stage, runtime=runtime, tracing=tracing)
    found = changes(built(sources, options, merge), output)
    for text in found.values():
        typer.echo(text, nl=False)
    typer.echo(f"{len(found)} file{'s' if len(found) != 1 else ''} would change", err=True)
