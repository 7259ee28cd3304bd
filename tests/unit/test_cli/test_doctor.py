"""`polos doctor`: what is not well is told with its fix, and the code says whether something is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLOS_API_URL", "POLOS_APP", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def findings(said: Any, check: str) -> list[dict[str, str]]:
    return [one for one in said.json if one["check"] == check]


def test_a_project_that_is_well(polos: Call, here: Path) -> None:
    (here / "flows.py").rename(here / "app.py")
    polos("run", "echo", "--payload", "1")
    said = polos("doctor", "--json")
    assert said.code == 0, said.out
    assert [one["state"] for one in said.json if one["check"] in ("python", "package", "app", "store")] == [
        "good"
    ] * 4
    assert "all is well" in polos("doctor").out


@pytest.mark.parametrize(
    ("file", "text", "check", "fix"),
    [
        ("app.py", "def f(:", "app", "mend"),
        (".polos/polos.db", "no store " * 1000, "store", "--store"),
        ("template.yaml", "# Rendered by `polos build`\n", "template", "polos build"),
    ],
    ids=["app", "store", "template"],
)
def test_what_is_broken_is_told_with_its_fix(
    polos: Call, here: Path, file: str, text: str, check: str, fix: str
) -> None:
    (here / "flows.py").rename(here / "app.py")
    (here / file).parent.mkdir(exist_ok=True)
    (here / file).write_text(text, encoding="utf-8")
    said = polos("doctor", "--json")
    assert said.code == 1
    (bad,) = [one for one in findings(said, check) if one["state"] == "bad"]
    assert fix in bad["fix"]


def test_a_model_without_its_key_and_a_server_that_is_away_are_told(polos: Call, here: Path) -> None:
    (here / "app.py").write_text(
        "from polos import Agent\nAgent(id='doctor-agent', provider='openai', model='m')", encoding="utf-8"
    )
    said = polos("doctor", "--json", "--api-url", "http://127.0.0.1:9")
    assert said.code == 1
    assert "OPENAI_API_KEY" in findings(said, "models")[0]["fix"]
    assert "polos dev" in findings(said, "server")[0]["fix"]
