"""Which files of a project an app is made of: what a fresh interpreter loads from there when it imports the app."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from polos.errors import CannotLoad

_PROGRAM: Final = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
for name in sys.argv[2:]:
    importlib.import_module(name)
print("\\n" + json.dumps(sorted({m.__file__ for m in list(sys.modules.values()) if getattr(m, "__file__", None)})))
"""
_NOT_THE_APP: Final = ("polos", "handlers")
LEFT_OUT: Final = ("__pycache__", "tests", "test", ".venv", "node_modules")


def app_files(modules: Sequence[str], root: Path, import_root: Path) -> dict[str, Path]:
    """Path in the package -> file, of what `modules` are made of.

    The packages that hold them come whole, data files included, without tests; of everything else below `root`, the
    files that are imported.

    Raises:
        CannotLoad: They cannot be imported by a fresh interpreter, as Lambda has it.
    """
    found: dict[str, Path] = {}
    for file in _loaded(modules, root, import_root):
        if file.is_relative_to(import_root):
            inside = file.relative_to(import_root)
            if not set(inside.parts) & {*LEFT_OUT, "site-packages"} and inside.parts[0] not in _NOT_THE_APP:
                found[inside.as_posix()] = file
    for module in modules:
        package = import_root.joinpath(*module.split("."))
        if package.is_dir():
            found |= tree(package, import_root)
    return dict(sorted(found.items()))


def tree(directory: Path, base: Path, *, without: Sequence[str] = ()) -> dict[str, Path]:
    """Path from `base` -> file, of everything in a directory that belongs into a package."""
    found: dict[str, Path] = {}
    for file in sorted(directory.rglob("*")):
        inside = file.relative_to(directory)
        parts = set(inside.parts)
        if (
            file.is_file()
            and not parts & set(LEFT_OUT)
            and file.suffix != ".pyc"
            and inside.parts[0] not in without
        ):
            found[file.relative_to(base).as_posix()] = file
    return found


def _loaded(modules: Sequence[str], root: Path, import_root: Path) -> list[Path]:
    done = subprocess.run(  # noqa: S603 (our own program, the app's own modules)
        [sys.executable, "-c", _PROGRAM, str(import_root), *modules],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["the interpreter ended"]
        raise CannotLoad(
            ", ".join(modules),
            f"a fresh interpreter with {import_root} as its path cannot import it: {reason[0]}",
        )
    return [Path(file).resolve() for file in json.loads(done.stdout.strip().splitlines()[-1])]
