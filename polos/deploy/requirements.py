"""What has to be installed beside the app's code: polos' own requirements and the app's."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import requires
from pathlib import Path
from typing import Any, Final

from polos.errors import InvalidDefinition

DISTRIBUTION: Final = "polos-worker"
IN_THE_RUNTIME: Final = ("boto3", "botocore", "s3transfer")
"""In every Lambda runtime for Python."""
COMMAND_LINE: Final = ("rich", "typer")
"""What only the command line needs."""

_NAME: Final = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?")


def name_of(requirement: str) -> str:
    """The distribution a requirement is of, normalised: `Foo_Bar[x]>=1` is `foo-bar`."""
    found = _NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[1]).lower() if found else ""


def own_requirements(extras: Iterable[str] = (), *, skip: Sequence[str] = ()) -> list[str]:
    """The requirements of polos itself, with those of some of its extras."""
    wanted = {extra.strip() for extra in extras if extra.strip()}
    found: list[str] = []
    for line in requires(DISTRIBUTION) or ():
        requirement, _, marker = line.partition(";")
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)['\"]", marker)
        if name_of(requirement) in skip or (extra and extra[1] not in wanted):
            continue
        if name_of(requirement) == DISTRIBUTION:  # an extra made of others
            found += own_requirements(_extras(requirement), skip=skip)
        else:
            found.append(requirement.strip())
    return found


def app_requirements(root: Path, given: Path | None) -> tuple[list[str], Path | None]:
    """What the app asks for, and where: in `given`, else in requirements.txt, else in pyproject.toml.

    Raises:
        InvalidDefinition: The file cannot be read.
    """
    file = given or next(
        (root / name for name in ("requirements.txt", "pyproject.toml") if (root / name).is_file()), None
    )
    if file is None:
        return [], None
    try:
        if file.suffix != ".toml":
            return list(_lines(file)), file
        project: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8")).get("project", {})
    except (OSError, ValueError) as error:
        raise InvalidDefinition(f"requirements in {file} cannot be read: {error}") from error
    if name_of(str(project.get("name", ""))) == DISTRIBUTION:
        return [], None
    return list(project.get("dependencies", ())), file


def all_requirements(app: Sequence[str], *, skip: Sequence[str]) -> list[str]:
    """Both, without what Lambda has and without polos itself, whose code is copied; sorted."""
    extras = [extra for line in app if name_of(line) == DISTRIBUTION for extra in _extras(line)]
    own = own_requirements(extras, skip=skip)
    others = [line for line in app if name_of(line) not in (DISTRIBUTION, *skip)]
    return sorted({*own, *others})


def _extras(requirement: str) -> list[str]:
    found = _NAME.match(requirement)
    return found[2][1:-1].split(",") if found and found[2] else []


def _lines(file: Path) -> Iterator[str]:
    """The lines of a requirements file, of files it includes too; options of pip are none."""
    for raw in file.read_text(encoding="utf-8").replace("\\\n", " ").splitlines():
        line = re.sub(r"(^|\s)#.*$", "", raw).strip()
        if line.startswith(("-r ", "--requirement ")):
            yield from _lines(file.parent / line.split(maxsplit=1)[1])
        elif line.startswith("-"):
            raise InvalidDefinition(
                f"{file}: {line!r} is an option of pip; name the packages only, and set options in pip's configuration"
            )
        elif line:
            yield line.partition(" --hash=")[0].strip()
