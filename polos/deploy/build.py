"""Build: the pipeline from modules to files, and how the files on disk compare to it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from polos.deploy.checks import check
from polos.deploy.collect import collect
from polos.deploy.merging import DEFAULT_FILES, merged, read_merge_file
from polos.deploy.plan import Options, StackPlan, plan
from polos.deploy.render import render
from polos.deploy.template import MARK, template
from polos.errors import InvalidDefinition


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
        InvalidDefinition: A file in the way is none that a build wrote; nothing is written then.
    """
    changed = list(changes(built, root))
    foreign = [path for path in changed if _is_foreign(root / path)]
    if foreign:
        raise InvalidDefinition(
            f"{', '.join(foreign)} in {root}: not written by `polos build` (there is no '{MARK}' in it), so it stays. "
            "Move it away, or build elsewhere with --output"
        )
    for path in changed:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(built.files[path], encoding="utf-8")
    return changed


def _is_foreign(file: Path) -> bool:
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    return bool(text.strip()) and MARK not in text
