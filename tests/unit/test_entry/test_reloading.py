"""New code for a running process: adopted whole, or not at all."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from polos.core.definitions import Registry
from polos.entry.reloading import App, Watcher
from polos.errors import CannotLoad
from support import snippets

APP = """
from polos import Queue, workflow
import reloading_part

@workflow(id="reloading-one", queue=Queue("reloading-queue", concurrency_limit=LIMIT))
async def one(ctx):
    return reloading_part.WORD
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    path, modules = [*sys.path], {*sys.modules}
    (tmp_path / "reloading_app.py").write_text(APP.replace("LIMIT", "1"), encoding="utf-8")
    (tmp_path / "reloading_part.py").write_text('WORD = "old"\n', encoding="utf-8")
    with snippets.own_registry():
        yield tmp_path
    sys.path[:] = path
    for name in {*sys.modules} - modules:
        del sys.modules[name]


@pytest.fixture
def app(place: Path) -> tuple[App, Registry]:
    running = Registry()
    app = App(["reloading_app.py"], running=running)
    app.load()
    return app, running


def test_what_an_app_imports_is_new_too_even_when_nothing_but_its_text_has_changed(
    app: tuple[App, Registry], place: Path
) -> None:
    loaded, running = app
    part = place / "reloading_part.py"
    before, watcher = part.stat(), Watcher(loaded.roots)
    old = running.get("reloading-one")
    part.write_text('WORD = "new"\n', encoding="utf-8")
    os.utime(
        part, ns=(before.st_atime_ns, before.st_mtime_ns + 1)
    )  # the byte code of "old" says the same second and size
    assert watcher.changed() == [part]
    loaded.reload()
    assert running.get("reloading-one") is not old
    assert sys.modules["reloading_part"].WORD == "new"


def test_a_queue_may_have_another_limit_and_a_workflow_may_go(app: tuple[App, Registry], place: Path) -> None:
    loaded, running = app
    text = APP.replace("LIMIT", "7").replace("reloading-one", "reloading-two")
    (place / "reloading_app.py").write_text(text, encoding="utf-8")
    loaded.reload()
    assert [definition.id for definition in running] == ["reloading-two"]
    assert running.queues["reloading-queue"].concurrency_limit == 7


@pytest.mark.parametrize(
    "text", ["def f(:", "import reloading_nowhere", "x = 1"], ids=["syntax", "import", "none"]
)
def test_code_that_cannot_be_loaded_changes_nothing_and_is_loaded_when_mended(
    app: tuple[App, Registry], place: Path, text: str
) -> None:
    loaded, running = app
    old, module = running.get("reloading-one"), sys.modules["reloading_app"]
    (place / "reloading_app.py").write_text(text, encoding="utf-8")
    for _ in range(2):
        with pytest.raises(CannotLoad):
            loaded.reload()
        assert running.get("reloading-one") is old
        assert sys.modules["reloading_app"] is module
    (place / "reloading_app.py").write_text(APP.replace("LIMIT", "1"), encoding="utf-8")
    loaded.reload()
    assert running.get("reloading-one") is not old


def test_what_is_installed_is_not_imported_again(app: tuple[App, Registry]) -> None:
    import pydantic

    app[0].reload()
    assert sys.modules["pydantic"] is pydantic


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda at: (at / "fresh.py").touch(), ["fresh.py"]),
        (lambda at: (at / "reloading_part.py").unlink(), ["reloading_part.py"]),
        (lambda at: (at / "notes.txt").touch(), []),
        (lambda at: [(at / ".venv").mkdir(), (at / ".venv" / "x.py").touch()], []),
        (
            lambda at: [
                (at / "env").mkdir(),
                (at / "env" / "pyvenv.cfg").touch(),
                (at / "env" / "x.py").touch(),
            ],
            [],
        ),
    ],
    ids=["new", "gone", "no-source", "hidden", "environment"],
)
def test_sources_are_watched_and_nothing_else(
    place: Path, change: Callable[[Path], object], told: list[str]
) -> None:
    watcher = Watcher([place])
    change(place)
    assert [path.name for path in watcher.changed()] == told
    assert watcher.changed() == []
