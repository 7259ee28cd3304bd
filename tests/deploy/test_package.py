"""Packages: what is in them, and what is said of what cannot be."""

from __future__ import annotations

import ast
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from polos.deploy import package as module
from polos.deploy.artifacts import content_hash, zip_directory
from polos.deploy.package import CannotPackage, Contents, package, skipped
from polos.deploy.render import handlers
from polos.deploy.requirements import all_requirements, app_requirements, name_of, own_requirements
from polos.deploy.sources import app_files
from polos.errors import CannotLoad, InvalidDefinition
from support.apps import definition, planned

LAMBDA: dict[str, Any] = {"architecture": "arm64", "runtime": "python3.13"}
NOTHING = Contents((), {}, {})


class Pip:
    """pip, as far as a test needs it: it notes what it was asked for, and puts files where they belong."""

    def __init__(self, files: dict[str, str] | None = None, *, fails: str = "") -> None:
        self.files = files or {}
        self.fails = fails
        self.commands: list[list[str]] = []

    def __call__(self, command: list[str], **options: Any) -> Any:
        self.commands.append(command)
        target = Path(command[command.index("--target") + 1])
        for name, text in self.files.items():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_text(text)
        return SimpleNamespace(returncode=1 if self.fails else 0, stderr=self.fails)


def contents(*requirements: str) -> Contents:
    return Contents(requirements, {}, {"handlers/worker.py": "handler = None\n"})


def test_wheels_are_asked_for_by_the_functions_processor_and_runtime(tmp_path: Path) -> None:
    pip = Pip()
    package(contents("x>=1"), tmp_path / "p", cache=tmp_path / "wheels", run=pip, **LAMBDA)
    (command,) = pip.commands
    assert "--only-binary=:all:" in command
    assert "--platform=manylinux2014_aarch64" in command
    assert "--python-version=3.13" in command
    assert command[-1] == "x>=1"


def test_what_lambda_has_tests_caches_and_scripts_are_left_out(tmp_path: Path) -> None:
    pip = Pip(
        {
            "boto3/__init__.py": "", "boto3-1.0.dist-info/METADATA": "", "botocore/data.json": "",
            "botocore-1.0.dist-info/METADATA": "", "x/__init__.py": "", "x/tests/test_x.py": "",
            "x/__pycache__/a.pyc": "", "bin/x": "", "x-1.0.dist-info/METADATA": "",
        }
    )  # fmt: skip
    found = package(contents("x"), tmp_path / "p", cache=tmp_path / "wheels", run=pip, **LAMBDA)
    names = {name for name, _ in found.sizes} | {path.name for path in (tmp_path / "p" / "x").iterdir()}
    assert {"x", "x-1.0.dist-info", "polos", "handlers", "__init__.py"} == names - {"infra"}
    assert not (tmp_path / "p" / "polos" / "deploy").exists()
    assert (tmp_path / "p" / "polos" / "entry" / "functions.py").is_file()


def test_wheels_of_the_same_requirements_are_asked_for_once(tmp_path: Path) -> None:
    pip = Pip({"x/__init__.py": ""})
    for _ in range(2):
        package(contents("x"), tmp_path / "p", cache=tmp_path / "wheels", run=pip, **LAMBDA)
    assert len(pip.commands) == 1
    package(contents("x", "y"), tmp_path / "p", cache=tmp_path / "wheels", run=pip, **LAMBDA)
    assert len(pip.commands) == 2


def test_a_package_without_a_wheel_is_named_and_the_old_package_stays(tmp_path: Path) -> None:
    package(contents(), tmp_path / "p", cache=tmp_path / "wheels", run=Pip(), **LAMBDA)
    pip = Pip(
        fails="ERROR: Could not find a version\nERROR: No matching distribution found for fortran-thing>=2\n"
    )
    with pytest.raises(
        CannotPackage, match=r"fortran-thing>=2 has no wheel for Python 3\.13 on aarch64.*'x86_64'"
    ):
        package(contents("fortran-thing>=2"), tmp_path / "p", cache=tmp_path / "wheels", run=pip, **LAMBDA)
    assert (tmp_path / "p" / "handlers" / "worker.py").is_file()
    again = Pip()
    package(contents("fortran-thing>=2"), tmp_path / "p", cache=tmp_path / "wheels", run=again, **LAMBDA)
    assert again.commands, "a failed installation is not taken for wheels"


@pytest.mark.parametrize(
    ("output", "says"),
    [
        (
            "ERROR: Could not find a version that satisfies the requirement a==9 (from versions: 1.0, 1.1, 2.0, 3.0)\n"
            "ERROR: No matching distribution found for a==9",
            r"requirements.txt: a==9 has no wheel .* \(there are 1\.1, 2\.0, 3\.0\)",
        ),
        (
            "ERROR: Cannot install a==1 and b==2 because these have conflicting dependencies.",
            "Cannot install a==1",
        ),
        ("python: No module named pip", "ensurepip"),
        ("", "pip said nothing"),
    ],
)
def test_other_failures_of_pip_are_told_in_a_line(tmp_path: Path, output: str, says: str) -> None:
    pip = Pip(fails=output or "\n")
    with pytest.raises(CannotPackage, match=says):
        package(
            Contents(["x"], {}, {}, asked_by="requirements.txt: "),
            tmp_path / "p",
            cache=tmp_path / "wheels",
            run=pip,
            **LAMBDA,
        )


def test_a_package_that_is_too_large_names_the_largest_and_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1_000_000)
    pip = Pip({"fat/blob": "x" * 2_000_000})
    with pytest.raises(CannotPackage, match=r"Lambda takes .* unpacked; the largest in it: fat 1\.9 MB"):
        package(contents("fat"), tmp_path / "p", cache=tmp_path / "wheels", run=pip, **LAMBDA)
    assert not (tmp_path / "p").exists()


def test_the_same_package_zips_to_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "a").mkdir(parents=True)
        (tmp_path / name / "a" / "b.py").write_text("x = 1\n")
        zip_directory(tmp_path / name, tmp_path / f"{name}.zip")
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    assert zipfile.ZipFile(tmp_path / "one.zip").namelist() == ["a/b.py"]


def test_a_package_is_known_by_its_sources_and_modes_and_not_by_what_was_compiled_of_them(
    tmp_path: Path,
) -> None:
    module = tmp_path / "a.py"
    module.write_text("x = 1\n")
    before = content_hash(tmp_path)
    (tmp_path / "a.cpython-313.pyc").write_bytes(b"never the same")
    assert content_hash(tmp_path) == before
    module.chmod(0o755)
    as_program = content_hash(tmp_path)
    assert as_program != before
    module.write_text("x = 2\n")
    assert content_hash(tmp_path) not in (before, as_program)


def test_what_starts_the_streaming_runtime_is_a_program_in_the_package(tmp_path: Path) -> None:
    texts = handlers(planned(definition("a")))
    inside = {f"handlers/{name}": text for name, text in texts.items()}
    package(Contents((), {}, inside), tmp_path / "p", cache=tmp_path / "wheels", run=Pip(), **LAMBDA)
    environ = {"LAMBDA_TASK_ROOT": str(tmp_path / "p"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [tmp_path / "p" / "handlers" / "stream", "/bin/echo"],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["-u", "-m", "polos.server.streaming"]


def test_a_program_of_the_app_can_be_run_in_lambda(tmp_path: Path) -> None:
    files = {name: tmp_path / name for name in ("program", "data")}
    for name, mode in (("program", 0o700), ("data", 0o600)):
        files[name].write_text("#!/bin/sh\n")
        files[name].chmod(mode)
    made = package(
        Contents((), files, {}), tmp_path / "p", cache=tmp_path / "wheels", run=Pip(), **LAMBDA
    ).directory
    zip_directory(made, tmp_path / "p.zip")
    modes = {
        info.filename: info.external_attr >> 16 for info in zipfile.ZipFile(tmp_path / "p.zip").infolist()
    }
    assert (modes["program"], modes["data"]) == (0o755, 0o644)


# --- requirements -----------------------------------------------------------------------------------------------------


def test_polos_needs_no_command_line_and_no_boto3_in_lambda() -> None:
    names = {name_of(line) for line in own_requirements(skip=skipped("arm64"))}
    assert {"pydantic", "aws-lambda-powertools", "croniter"} <= names
    assert not names & {"boto3", "typer", "rich", "openai", "moto", "pytest"}


def test_extras_of_polos_that_the_app_asks_for_come_along() -> None:
    found = {
        name_of(line) for line in all_requirements(["polos-worker[openai]>=0.1", "Requests>=2"], skip=())
    }
    assert {"openai", "requests"} <= found
    assert "polos-worker" not in found


def test_requirements_are_read_from_where_projects_have_them(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "shop"\ndependencies = ["stripe>=1"]\n')
    assert app_requirements(tmp_path, None)[0] == ["stripe>=1"]
    (tmp_path / "more.txt").write_text("numpy\n")
    (tmp_path / "requirements.txt").write_text(
        "# ours\nstripe>=2  # pays\n-r more.txt\n\nx==1 --hash=sha256:00\n"
    )
    assert app_requirements(tmp_path, None)[0] == ["stripe>=2", "numpy", "x==1"]
    assert app_requirements(tmp_path, tmp_path / "more.txt")[0] == ["numpy"]
    (tmp_path / "more.txt").write_text("--index-url http://x\n")
    with pytest.raises(InvalidDefinition, match="option of pip"):
        app_requirements(tmp_path, None)


# --- the app's own code -----------------------------------------------------------------------------------------------


def test_the_apps_package_comes_whole_and_of_the_rest_what_is_imported(tmp_path: Path) -> None:
    files = {
        "shop/__init__.py": "import common\n", "shop/prices.json": "{}", "shop/tests/test_shop.py": "",
        "common.py": "", "unused.py": "", "README.md": "",
    }  # fmt: skip
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = app_files(["shop"], tmp_path, tmp_path)
    assert set(found) == {"shop/__init__.py", "shop/prices.json", "common.py"}


def test_an_app_that_a_fresh_interpreter_cannot_import_says_so(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("import not_there_at_all\n")
    with pytest.raises(CannotLoad, match="No module named 'not_there_at_all'"):
        app_files(["shop"], tmp_path, tmp_path)


# --- true wheels ------------------------------------------------------------------------------------------------------


@pytest.mark.e2e
def test_the_shipped_package_has_wheels_of_arm64_and_imports_all_of_the_functions_code(
    tmp_path: Path,
) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [
            sys.executable, "-c", "from polos.cli import main; main()",
            "build", "examples.app", "--output", str(tmp_path),
        ],
        cwd=root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder = tmp_path / ".polos" / "package" / "arm64"
    shared = list(folder.rglob("*.so"))
    assert shared
    for path in shared:
        machine = int.from_bytes(path.read_bytes()[18:20], "little")
        assert machine == 0xB7, f"{path} is not for arm64"
        assert "cpython-313" in path.name or "abi3" in path.name, path
    assert not list(folder.rglob("__pycache__")) + list(folder.rglob("tests"))
    assert not (folder / "boto3").exists()
    tags = [
        line
        for info in folder.glob("*.dist-info/WHEEL")
        for line in info.read_text().splitlines()
        if line.startswith("Tag:")
    ]
    assert all(tag.endswith(("aarch64", "-any")) for tag in tags)
    assert unresolved(folder) == set()


def unresolved(folder: Path) -> set[str]:
    """Top-level imports of our own code in a package that are neither in it nor in Lambda's runtime."""
    there = {path.name.removesuffix(".py") for path in folder.iterdir()} | set(sys.stdlib_module_names)
    there |= {"boto3", "botocore"}
    found: set[str] = set()
    for path in [
        *folder.glob("polos/**/*.py"),
        *folder.glob("handlers/*.py"),
        *folder.glob("examples/**/*.py"),
    ]:
        for node in ast.parse(path.read_text()).body:  # what is imported inside of functions is optional
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - there
