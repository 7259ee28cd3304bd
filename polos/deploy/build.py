"""Build: the pipeline from modules to files, and how the files on disk compare to it."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polos.deploy.checks import check
from polos.deploy.collect import collect
from polos.deploy.compute import code_uri
from polos.deploy.merging import DEFAULT_FILES, merged, read_merge_file
from polos.deploy.package import HOST, Contents, Packaged, package, skipped, write_text
from polos.deploy.plan import Options, StackPlan, plan
from polos.deploy.render import render
from polos.deploy.requirements import all_requirements, app_requirements
from polos.deploy.sources import app_files, tree
from polos.deploy.template import MARK, template
from polos.errors import CannotLoad, InvalidDefinition


@dataclass(frozen=True, slots=True)
class Build:
    """An app, planned and rendered. `files`: path from the project's root -> text."""

    plan: StackPlan
    document: Mapping[str, Any]
    files: Mapping[str, str]
    warnings: Sequence[str] = ()


def build(sources: Sequence[str], options: Options, *, root: Path, merge: Path | None = None) -> Build:
    """Collect, plan and render; nothing is written.

    Args:
        sources: Modules or files of the app.
        root: The project's directory: where a merge file is looked for.
        merge: The merge file, if it is not one of the usual names.

    Raises:
        CannotLoad, InvalidDefinition, InvalidSchedule: What is wrong, where, and what to do.
    """
    planned = plan(collect(sources), options)
    over = merge or next((root / name for name in DEFAULT_FILES if (root / name).is_file()), None)
    document = template(planned)
    if over is not None:
        document = merged(document, read_merge_file(over))
    return Build(planned, document, render(planned, document), check(document))


def changes(built: Build, root: Path) -> dict[str, str]:
    """Path -> unified diff of every file that is not on disk as it was built."""
    found: dict[str, str] = {}
    for path, text in built.files.items():
        file = root / path
        before = file.read_text(encoding="utf-8") if file.is_file() else ""
        if before != text:
            lines = difflib.unified_diff(
                before.splitlines(keepends=True), text.splitlines(keepends=True), path, path, n=2
            )
            found[path] = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    return found


def write(built: Build, root: Path) -> list[str]:
    """Write the files that changed; their paths.

    Raises:
        InvalidDefinition: As of `require_ours`; nothing is written then.
    """
    require_ours(built, root)
    changed = list(changes(built, root))
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        write_text(root / path, built.files[path])
    return changed


def require_ours(built: Build, root: Path) -> None:
    """Whether the files of a build can be written.

    Raises:
        InvalidDefinition: A file in the way is none that a build wrote.
    """
    foreign = [path for path in changes(built, root) if _is_foreign(root / path)]
    if foreign:
        raise InvalidDefinition(
            f"{', '.join(foreign)} in {root}: not written by `polos build` (there is no '{MARK}' in it), so it stays. "
            "Move it away, or build elsewhere with --output"
        )


def _is_foreign(file: Path) -> bool:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return bool(text.strip()) and MARK not in text


def package_all(
    built: Build,
    root: Path,
    *,
    requirements: Path | None = None,
    include: Sequence[Path] = (),
    wheels: Path | None = None,
    project: Path | None = None,
) -> list[Packaged]:
    """Make the package of each processor that the functions run on, where the template looks for it.

    Args:
        root: Where the files of the build are written to.
        requirements: The app's requirements, if they are not in requirements.txt or pyproject.toml of `project`.
        include: Files and directories that the app needs beside what it imports.
        wheels: Where installed wheels are kept; `.polos/wheels` of the working directory if None.
        project: The project's directory; the working directory if None.

    Nothing but `.polos/` is written, so that what is wrong is known before the files of the build change.

    Raises:
        CannotPackage: A requirement without a wheel, a package that is too large.
        CannotLoad: The app cannot be imported as Lambda will.
        InvalidDefinition: As of `require_ours`.
    """
    require_ours(built, root)
    options, project = built.plan.options, project or Path.cwd()
    host = options.target == HOST
    files = _files(built, project, include)
    wanted, asked_by = app_requirements(project, requirements)
    found: list[Packaged] = []
    for architecture in (HOST,) if host else built.plan.architectures:
        contents = Contents(
            all_requirements(wanted, skip=skipped(architecture)),
            files,
            {path: text for path, text in built.files.items() if path.startswith("handlers/")},
            asked_by=f"{asked_by}: " if asked_by else "",
        )
        place = root / code_uri(built.plan, architecture)
        found.append(
            package(
                contents,
                place,
                architecture=architecture,
                runtime=options.runtime,
                cache=(wheels or Path(".polos") / "wheels").resolve(),
            )
        )
    return found


def _files(built: Build, project: Path, include: Sequence[Path]) -> dict[str, Path]:
    """Path in the package -> file, of the app and of what it names beside."""
    modules = built.plan.modules
    files = app_files(modules, project, import_root(modules))
    for extra in include:
        files |= {extra.name: extra} if extra.is_file() else tree(extra.resolve(), extra.resolve().parent)
    return files


def import_root(modules: Sequence[str]) -> Path:
    """The directory that all modules of an app are imported from.

    Raises:
        CannotLoad: They have no common one: they could not be imported side by side in Lambda.
    """
    roots: dict[Path, str] = {}
    for name in modules:
        file = Path(sys.modules[name].__file__ or name).resolve()
        steps = name.count(".") + (file.name == "__init__.py")
        roots.setdefault(file.parents[steps], name)
    if len(roots) > 1:
        places = ", ".join(f"{name} from {root}" for root, name in roots.items())
        raise CannotLoad(
            ", ".join(modules), f"they are imported from several directories: {places}; move them into one"
        )
    return next(iter(roots))
