"""Imports keep the plan of the house: what may import what, and what is never loaded."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
ROOMS = sorted(path.parent.name for path in (ROOT / "polos").glob("*/__init__.py"))

# Time, chance and the world outside: an argument or a port, when the core needs them.
NOT_IN_CORE = {
    "boto3", "botocore", "httpx",
    "io", "logging", "os", "pathlib", "random", "secrets", "socket", "sqlite3", "subprocess", "tempfile",
    "time", "uuid",
}  # fmt: skip
# The codec stores values of these types: the class alone, with which no uuid is made and no file is touched.
TYPES_OF_VALUES = {"polos/core/codec/leaves.py": {("pathlib", "Path"), ("uuid", "UUID")}}
READS_THE_CLOCK = {"now", "utcnow", "today"}
DYNAMIC = {"__import__", "import_module", "open", "print", "input"}

HEAVY = {
    "anthropic", "aws_lambda_powertools", "boto3", "botocore", "croniter", "httpx", "mcp", "moto", "openai",
    "opentelemetry", "pydantic", "pytest", "rich", "sqlite3", "typer",
}  # fmt: skip
PROVIDERS = {"anthropic", "boto3", "botocore", "mcp", "openai"}

# `python -m polos.runtime.worker` is the documented command: a shim over entry, imported by nobody.
SHIM = "polos.runtime.worker"


def loaded_by(statement: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `statement`."""
    program = f"{statement}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def core_modules() -> list[Path]:
    return sorted((ROOT / "polos" / "core").rglob("*.py"))


def test_every_import_contract_is_kept() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [linter, "--no-logo", "--no-cache"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("polos", "handlers", cache_dir=None)
    imports = {
        name: graph.find_modules_directly_imported_by(name) for name in graph.modules - {"polos", SHIM}
    }
    try:
        list(graphlib.TopologicalSorter(imports).static_order())
    except graphlib.CycleError as error:
        pytest.fail("a circle of imports: " + " <- ".join(error.args[1]))


def test_importing_polos_loads_nothing_heavy() -> None:
    assert loaded_by("import polos") & HEAVY == set()


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in {"adapters", "testing"}])
def test_importing_a_room_loads_no_provider_of_models_or_cloud(room: str) -> None:
    assert loaded_by(f"import polos.{room}") & PROVIDERS == set()


@pytest.mark.parametrize("path", core_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_asks_nobody_for_time_chance_or_files(path: Path) -> None:
    offences = []
    allowed = TYPES_OF_VALUES.get(path.relative_to(ROOT).as_posix(), set())
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                offences += [alias.name for alias in names if alias.name.partition(".")[0] in NOT_IN_CORE]
            case ast.ImportFrom(module=str(module), names=names) if module.partition(".")[0] in NOT_IN_CORE:
                offences += [module for alias in names if (module, alias.name) not in allowed]
            case ast.Call(func=ast.Name(id=name)) if name in DYNAMIC:
                offences.append(f"{name}(...)")
            case ast.Call(func=ast.Attribute(attr="import_module" as name)):
                offences.append(f"{name}(...)")
            case ast.Call(func=ast.Attribute(value=ast.Name(id="datetime" | "date"), attr=name)) if (
                name in READS_THE_CLOCK
            ):
                offences.append(f"datetime.{name}()")
    assert offences == [], "time, chance and input are arguments of the core"


def test_every_package_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for top in ("polos", "handlers")
        for path in sorted((ROOT / top).rglob("*.py"))
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []
