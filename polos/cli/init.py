"""`polos init`: a project from the template of the package, with an app, tests that pass, and a README."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Final

import typer

from polos.cli.exits import BadUsage, command
from polos.cli.options import AsJson, Verbose
from polos.deploy.naming import slug
from polos.errors import StoreError

FILES: Final = {
    "app.py": "app.py.txt",
    "tests/test_app.py": "tests/test_app.py.txt",
    "pyproject.toml": "pyproject.toml.txt",
    "README.md": "README.md.txt",
    ".gitignore": "gitignore.txt",
}
"""What is written -> what it is in the template: text, so that no tool takes it for code of ours."""
MAY_BE_THERE: Final = frozenset({".git", ".venv", "venv", ".python-version", ".DS_Store"})


@command
def init(
    directory: Annotated[
        Path, typer.Argument(file_okay=False, help="Where to: a new or an empty directory.")
    ] = Path(),
    *,
    name: Annotated[str | None, typer.Option(help="What it is called; else as its directory.")] = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """Begin a project: an app with two workflows, tests that pass, pyproject.toml, README.md and .gitignore.

    A directory that holds anything is left alone (what git and a virtual environment put there does not count).

    Exit codes: 0 done; 2 the directory is not empty; 3 it cannot be written.
    """
    del verbose
    there = sorted(path.name for path in directory.iterdir()) if directory.is_dir() else []
    in_the_way = [found for found in there if found not in MAY_BE_THERE]
    if in_the_way:
        shown = ", ".join(in_the_way[:3]) + (" ..." if len(in_the_way) > 3 else "")
        raise BadUsage(f"{directory.resolve()} is not empty ({shown}); name a new one: polos init my-project")
    called = name or directory.resolve().name or "project"
    written = _write(directory, called)
    if as_json:
        typer.echo(json.dumps({"directory": str(directory.resolve()), "files": written}, indent=2))
        return
    for path in written:
        typer.echo(f"wrote {directory / path}", err=True)
    into = "" if directory == Path() else f"cd {directory} && "
    typer.echo(f"Next:  {into}polos dev      Tests:  {into}pytest", err=True)


def _write(directory: Path, name: str) -> list[str]:
    template = files("polos.cli").joinpath("template")
    for path, source in FILES.items():
        text = template.joinpath(source).read_text(encoding="utf-8")
        text = text.replace("{{name}}", name).replace("{{slug}}", slug(name) or "project")
        try:
            (directory / path).parent.mkdir(parents=True, exist_ok=True)
            (directory / path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{directory / path} cannot be written: {error.strerror or error}") from error
    return [*FILES]
