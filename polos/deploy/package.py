"""Package: the app's code, polos and wheels for Lambda's processor in one directory. No Docker, no compiler.

pip takes wheels only, for the platform of the functions; a requirement that has none there is an error that names it.
Wheels are kept in `.polos/wheels`, so that a build whose requirements did not change asks nobody.
"""

from __future__ import annotations

import compileall
import hashlib
import json
import py_compile
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from polos.deploy.requirements import COMMAND_LINE, IN_THE_RUNTIME
from polos.deploy.sources import LEFT_OUT, tree
from polos.errors import InvalidDefinition

MOST_BYTES: Final = 250 * 1024 * 1024
"""What Lambda takes, unpacked, layers included."""
HOST: Final = "host"
_MACHINES: Final = {"arm64": "aarch64", "x86_64": "x86_64"}
_GLIBCS: Final = (
    "manylinux2014",
    "manylinux_2_17",
    "manylinux_2_28",
    "manylinux_2_34",
)  # of Amazon Linux 2023
_NOT_IN_LAMBDA: Final = ("cli", "deploy", "testing")

Run = Callable[..., Any]


class CannotPackage(InvalidDefinition):
    """Something the app needs cannot be put into a package for Lambda."""

    code = "cannot_package"


@dataclass(frozen=True, slots=True)
class Packaged:
    """A package on disk. `sizes`: (name, bytes) of what is in it, the largest first."""

    directory: Path
    architecture: str
    sizes: tuple[tuple[str, int], ...]

    @property
    def size(self) -> int:
        """Bytes, unpacked."""
        return sum(size for _, size in self.sizes)


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into a package: requirements, files of the app, texts of handlers by path.

    `asked_by`: what errors about requirements begin with, such as "requirements.txt: ".
    """

    requirements: Sequence[str]
    files: Mapping[str, Path]
    texts: Mapping[str, str]
    asked_by: str = ""


def skipped(architecture: str) -> tuple[str, ...]:
    """The distributions that are not installed: Lambda has them, an emulator on this machine does not."""
    return COMMAND_LINE if architecture == HOST else (*COMMAND_LINE, *IN_THE_RUNTIME)


def package(
    contents: Contents,
    directory: Path,
    *,
    architecture: str,
    runtime: str,
    cache: Path,
    run: Run = subprocess.run,
) -> Packaged:
    """Make the package in `directory`, in place of what was there.

    Args:
        architecture: "arm64", "x86_64", or "host": for this interpreter.
        runtime: Of the functions, like "python3.13".
        cache: Where installed wheels are kept.

    Raises:
        CannotPackage: A requirement without a wheel, or a package that is too large; nothing is replaced then.
    """
    wheels = _installed(contents, architecture=architecture, runtime=runtime, cache=cache, run=run)
    new = directory.with_name(directory.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(wheels, new)
    own = Path(__file__).parents[1]
    for path, file in {**tree(own, own.parent, without=_NOT_IN_LAMBDA), **contents.files}.items():
        shutil.copy(file, _place(new / path))  # with its mode: it may be a program
    for path, text in contents.texts.items():
        write_text(_place(new / path), text)
    if architecture == HOST:
        compileall.compile_dir(new, quiet=2, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
    packaged = Packaged(directory, architecture, _sizes(new))
    if packaged.size > MOST_BYTES:
        shutil.rmtree(new)
        raise CannotPackage(
            f"the package has {megabytes(packaged.size)}, Lambda takes {megabytes(MOST_BYTES)} unpacked; the largest "
            f"in it: {largest(packaged)}. Leave requirements out, or move them into a layer of an own queue"
        )
    shutil.rmtree(directory, ignore_errors=True)
    new.rename(directory)
    return packaged


def write_text(file: Path, text: str) -> None:
    """Write a file; one that begins with `#!` is a program, and may be run."""
    file.write_text(text, encoding="utf-8")
    if text.startswith("#!"):
        file.chmod(0o755)


def megabytes(size: int) -> str:
    """Bytes for people."""
    return f"{size / 1024 / 1024:.1f} MB"


def largest(packaged: Packaged, count: int = 10) -> str:
    """What is largest in a package, in one line."""
    return ", ".join(f"{name} {megabytes(size)}" for name, size in packaged.sizes[:count])


def _place(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _sizes(directory: Path) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for file in directory.rglob("*"):
        if file.is_file():
            name = file.relative_to(directory).parts[0]
            found[name] = found.get(name, 0) + file.stat().st_size
    return tuple(sorted(found.items(), key=lambda item: (-item[1], item[0])))


# --- wheels -----------------------------------------------------------------------------------------------------------


def _installed(contents: Contents, *, architecture: str, runtime: str, cache: Path, run: Run) -> Path:
    """The directory of the installed wheels, from the cache if the same were installed before."""
    requirements = contents.requirements
    version = (
        ".".join(map(str, sys.version_info[:2])) if architecture == HOST else runtime.removeprefix("python")
    )
    key = hashlib.sha256(json.dumps([architecture, version, list(requirements)]).encode()).hexdigest()[:16]
    place = cache / f"{architecture}-{version}-{key}"
    if place.is_dir():
        return place
    fresh = place.with_name(place.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    if requirements:
        command = [sys.executable, "-m", "pip", "install", *_options(architecture, version)]
        done = run(
            [*command, "--target", str(fresh), *requirements], capture_output=True, text=True, check=False
        )
        if done.returncode:
            shutil.rmtree(fresh)
            raise CannotPackage(contents.asked_by + _reason(done.stderr, architecture, version))
    _prune(fresh, skipped(architecture))
    fresh.rename(place)
    return place


def _options(architecture: str, version: str) -> list[str]:
    options = ["--quiet", "--disable-pip-version-check", "--no-compile", "--upgrade"]
    if architecture == HOST:
        return options
    platforms = [f"{glibc}_{_MACHINES[architecture]}" for glibc in _GLIBCS]
    wanted = [f"--platform={platform}" for platform in platforms]
    return [*options, *wanted, "--only-binary=:all:", "--implementation=cp", f"--python-version={version}"]


def _reason(output: str, architecture: str, version: str) -> str:
    if "No module named pip" in output:
        return f"{sys.executable} has no pip: run `{sys.executable} -m ensurepip`, it installs the wheels"
    found = re.search(r"No matching distribution found for (.+)", output)
    if found:
        versions = re.search(r"\(from versions: (?!none)([^)]+)\)", output)
        there = f" (there are {', '.join(versions[1].split(', ')[-3:])})" if versions else ""
        return (
            f"{found[1].strip()} has no wheel for Python {version} on {_MACHINES.get(architecture, architecture)} that "
            f"satisfies the requirements{there}. Take a version that has one, let the queue run on "
            f"architecture={'x86_64' if architecture == 'arm64' else 'arm64'!r}, or do without it"
        )
    conflict = re.search(r"(Cannot install [^\n]+)", output)
    last = output.strip().splitlines()[-1:] or ["pip said nothing"]
    return f"pip cannot install the requirements: {conflict[1] if conflict else last[0]}"


def _prune(directory: Path, names: Sequence[str]) -> None:
    """Take out what Lambda has, tests, caches and scripts."""
    for info in directory.glob("*.dist-info"):
        name = re.sub(r"[-_.]+", "-", info.name.removesuffix(".dist-info").rsplit("-", 1)[0]).lower()
        if name in names:
            shutil.rmtree(info)
            shutil.rmtree(directory / name.replace("-", "_"), ignore_errors=True)
    shutil.rmtree(directory / "bin", ignore_errors=True)
    for folder in [path for path in directory.rglob("*") if path.is_dir() and path.name in LEFT_OUT]:
        shutil.rmtree(folder, ignore_errors=True)
