"""`import polos` shows every public name, to people, programs and type checkers alike."""

import ast
import inspect
import tomllib
from pathlib import Path

import pytest

import polos

ROOT = Path(__file__).parents[2]
HOMES: dict[str, str] = polos._HOMES


def names_for_type_checkers() -> dict[str, str]:
    """What the `if TYPE_CHECKING:` block of the roof imports: name -> module."""
    tree = ast.parse((ROOT / "polos" / "__init__.py").read_text(encoding="utf-8"))
    blocks = [
        node
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.asname or alias.name: node.module or "" for node in imports for alias in node.names}


def test_type_checkers_see_the_names_that_programs_see() -> None:
    assert names_for_type_checkers() == HOMES


@pytest.mark.parametrize("name", sorted(HOMES))
def test_a_public_name_is_found_and_documented(name: str) -> None:
    value = getattr(polos, name)
    if inspect.ismodule(value) or inspect.isclass(value) or inspect.isroutine(value):
        assert inspect.getdoc(value), f"polos.{name} has no docstring"


def test_all_names_are_listed() -> None:
    assert set(polos.__all__) == {"__version__", *HOMES}
    assert set(polos.__all__) <= set(dir(polos))


def test_an_unknown_name_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'wrkflow'"):
        _ = polos.wrkflow
    with pytest.raises(ImportError):
        from polos import wrkflow  # noqa: F401


def test_a_name_may_be_an_object_or_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HOMES, "Fraction", "fractions")
    monkeypatch.setitem(HOMES, "aws", "polos.adapters")
    try:
        assert polos.Fraction.__name__ == "Fraction"
        assert polos.aws.__name__ == "polos.adapters.aws"
    finally:
        for name in ("Fraction", "aws"):
            vars(polos).pop(name, None)


def test_the_version_is_the_distributions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert polos.__version__ == project["version"]
