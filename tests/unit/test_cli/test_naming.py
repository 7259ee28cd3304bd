"""What an app is called if nobody says it: the names of its stacks come from there."""

from __future__ import annotations

from pathlib import Path

import pytest

from polos.cli.deploying import options_of


@pytest.mark.parametrize(
    ("project", "source", "name"),
    [
        ('[project]\nname = "Shop_Flows"', "app.py", "shop-flows"),
        ('[project]\nname = "shop"', "main", "shop"),
        ('[project]\nname = "shop"', "flows.py", "flows"),
        ('[project]\nname = "shop"', "examples.app", "examples-app"),
        ("[tool.other]", "app.py", "app"),
        ("project = 7", "app.py", "app"),
        ("no toml", "app.py", "app"),
        (None, "app.py", "app"),
    ],
    ids=["file", "module", "own file", "package", "no project", "no table", "no toml", "none"],
)
def test_two_projects_with_an_app_of_the_usual_name_are_two_stacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: str | None, source: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if project is not None:
        Path("pyproject.toml").write_text(project)
    assert options_of([source], name=None, stage="dev")[1].name == name
    assert options_of([source], name="mine", stage="dev")[1].name == "mine"
