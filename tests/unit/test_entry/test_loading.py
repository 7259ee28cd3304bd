"""Finding the code that a command names."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from polos.entry.loading import Target, default_source, is_local, load_source
from polos.errors import CannotLoad


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    path, modules = [*sys.path], {*sys.modules}
    yield tmp_path
    sys.path[:] = path
    for name in {*sys.modules} - modules:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "source", "workflow"),
    [
        ("flows.py:order", "flows.py", "order"),
        ("shop.flows:order", "shop.flows", "order"),
        ("flows.py", "flows.py", ""),
        ("a/b/flows.py:order", "a/b/flows.py", "order"),
        ("C:\\code\\flows.py", "C:\\code\\flows.py", ""),
        ("C:\\code\\flows.py:order", "C:\\code\\flows.py", "order"),
        ("flows.py:", "flows.py", ""),
    ],
)
def test_a_target_is_a_source_and_perhaps_a_workflow(text: str, source: str, workflow: str) -> None:
    assert Target.parse(text) == (source, workflow)


def test_a_target_is_written_as_it_is_read() -> None:
    for text in ("flows.py:order", "flows.py"):
        assert str(Target.parse(text)) == text


def test_a_file_is_imported_once_and_under_the_name_it_has_for_others(here: Path) -> None:
    (here / "single_file.py").write_text("COUNT = [1]", encoding="utf-8")
    first = load_source("single_file.py")
    assert load_source(str(here / "single_file.py")) is first
    assert load_source("single_file") is first
    assert first.__name__ == "single_file"


def test_a_file_of_a_package_is_that_module_of_the_package(here: Path) -> None:
    inner = here / "outer_pkg" / "inner_pkg"
    inner.mkdir(parents=True)
    (here / "outer_pkg" / "__init__.py").write_text("", encoding="utf-8")
    (inner / "__init__.py").write_text("", encoding="utf-8")
    (inner / "leaf.py").write_text("from . import __name__ as package", encoding="utf-8")
    module = load_source("outer_pkg/inner_pkg/leaf.py")
    assert (module.__name__, module.package) == ("outer_pkg.inner_pkg.leaf", "outer_pkg.inner_pkg")


def test_a_file_from_elsewhere_finds_its_neighbours(
    here: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "neighbour_mod.py").write_text("VALUE = 7", encoding="utf-8")
    (elsewhere / "main_mod.py").write_text("from neighbour_mod import VALUE", encoding="utf-8")
    assert load_source(str(elsewhere / "main_mod.py")).VALUE == 7


def test_code_that_failed_to_import_can_be_mended_and_imported(here: Path) -> None:
    (here / "mended_mod.py").write_text("1 / 0", encoding="utf-8")
    with pytest.raises(CannotLoad, match=r"ZeroDivisionError.*mended_mod.py:1"):
        load_source("mended_mod.py")
    (here / "mended_mod.py").write_text("VALUE = 1", encoding="utf-8")
    assert load_source("mended_mod.py").VALUE == 1


def test_the_error_that_the_code_raised_is_the_cause(here: Path) -> None:
    (here / "failing_mod.py").write_text("raise KeyError('x')", encoding="utf-8")
    with pytest.raises(CannotLoad) as caught:
        load_source("failing_mod.py")
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_module_that_is_missing_inside_of_the_code_is_not_taken_for_the_code_itself(here: Path) -> None:
    (here / "asking_mod.py").write_text("import not_installed_at_all", encoding="utf-8")
    with pytest.raises(CannotLoad, match="No module named 'not_installed_at_all'"):
        load_source("asking_mod")


def test_ctrl_c_while_code_is_imported_is_ctrl_c(here: Path) -> None:
    (here / "slow_mod.py").write_text("raise KeyboardInterrupt", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt):
        load_source("slow_mod.py")


def test_only_code_below_the_working_directory_is_local(
    here: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (here / "own_mod.py").touch()
    (here / "own_pkg").mkdir()
    other = tmp_path_factory.mktemp("other") / "theirs.py"
    other.touch()
    for source in ("own_mod.py", "own_mod", "own_pkg.sub", str(here / "own_mod.py")):
        assert is_local(source), source
    for source in (str(other), "json", "os.path", "missing.py", "../theirs.py"):
        assert not is_local(source), source


def test_a_link_that_leads_out_of_the_working_directory_is_not_local(
    here: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other") / "theirs.py"
    other.touch()
    (here / "link.py").symlink_to(other)
    assert not is_local("link.py")


def test_the_first_of_the_usual_names_is_the_app(here: Path) -> None:
    assert default_source() is None
    (here / "workflows.py").touch()
    assert default_source() == "workflows.py"
    (here / "app.py").touch()
    assert default_source() == "app.py"
