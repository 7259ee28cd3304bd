"""Bad input: one clear message on stderr, an exit code, no traceback, and nothing lost."""

import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., object]


def refused(said: object, code: int, *words: str) -> None:
    """It ended with that code, and one message that has these words."""
    assert said.code == code, said
    assert said.out == ""
    assert "Traceback" not in said.err
    assert said.err.count("polos: ") == 1
    for word in words:
        assert word in said.err


def test_an_unknown_workflow_is_told_with_those_that_are_known(polos: Call) -> None:
    refused(polos("run", "flows.py:ordr"), 2, "'ordr'", "order", "echo")


def test_a_module_with_several_workflows_asks_which(polos: Call) -> None:
    refused(polos("run", "flows.py"), 2, "flows.py", "several", "order", "echo")


def test_a_module_without_workflows_says_so(polos: Call, here: Path) -> None:
    (here / "empty.py").touch()
    refused(polos("run", "empty.py"), 2, "empty.py", "no workflow")


@pytest.mark.parametrize("target", ["nothing.py:x", "no.such.module:x", "dir/nothing.py"])
def test_a_file_or_module_that_is_not_there(polos: Call, target: str) -> None:
    refused(polos("run", target), 2, target.partition(":")[0], "there is no")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import pandaz", ("pandaz", "broken.py:1")),
        ("x = 1\ndef f(:\n", ("SyntaxError", "broken.py:2")),
        ("1 / 0", ("ZeroDivisionError", "broken.py:1")),
        ("import sys\nsys.exit(3)", ("SystemExit", "broken.py:2")),
        (
            "from polos import workflow\n@workflow(schedule=True, trigger_on_event='x')\nasync def w(ctx): pass",
            ("schedule or trigger_on_event", "broken.py:2"),
        ),
    ],
    ids=["import", "syntax", "error", "exit", "definition"],
)
def test_code_that_does_not_import(polos: Call, here: Path, code: str, words: tuple[str, ...]) -> None:
    (here / "broken.py").write_text(code, encoding="utf-8")
    refused(polos("run", "broken.py:x"), 2, "broken.py cannot be loaded", *words)


def test_a_file_named_like_a_module_that_is_loaded_is_refused(polos: Call, here: Path) -> None:
    (here / "json.py").touch()
    refused(polos("run", "json.py:x"), 2, "'json'", "rename")


@pytest.mark.parametrize("payload", ["{item: 1}", "", "tea", "{'item': 1}", '{"item":', "[1,]"])
def test_a_payload_that_is_no_json(polos: Call, payload: str) -> None:
    refused(polos("run", "flows.py:order", "--payload", payload), 2, "not JSON", "line 1")


def test_a_payload_file_that_is_not_there_or_no_text(polos: Call, here: Path) -> None:
    refused(polos("run", "flows.py:order", "--payload", "@nothing.json"), 2, "nothing.json", "No such file")
    (here / "binary").write_bytes(b"\xff\xfe\x00")
    refused(polos("run", "flows.py:order", "--payload", "@binary"), 2, "UTF-8")


def test_every_field_of_a_payload_that_does_not_validate_is_named(polos: Call) -> None:
    said = polos("run", "flows.py:order", "--payload", '{"count": "many", "item": ["tea"]}')
    refused(said, 2, "payload.count: ", "payload.item: ")


@pytest.mark.parametrize("arguments", [(), ("--payload", "null")])
def test_a_payload_that_is_missing(polos: Call, arguments: tuple[str, ...]) -> None:
    refused(polos("run", "flows.py:order", *arguments), 2, "payload: ")


def test_nothing_is_started_for_a_payload_that_does_not_validate(polos: Call, here: Path) -> None:
    polos("run", "flows.py:order", "--payload", "1")
    assert not (here / ".polos").exists(), "the store was not even opened"


def test_an_execution_that_is_not_there(polos: Call) -> None:
    refused(polos("resume", "nothing", "flows.py"), 2, "'nothing'")
    refused(polos("run", "flows.py:order", "--resume", "nothing"), 2, "'nothing'")


def test_an_execution_of_another_workflow(polos: Call) -> None:
    ran = polos("run", "flows.py:echo", "--payload", "1", "--json").json["execution_id"]
    refused(polos("run", "flows.py:order", "--resume", ran), 2, "'echo'", "'order'")


def test_a_payload_cannot_be_changed_by_a_resume(polos: Call) -> None:
    refused(polos("run", "flows.py:echo", "--resume", "x", "--payload", "1"), 2, "--payload")


def test_a_file_that_is_no_store_is_left_as_it_is(polos: Call, here: Path) -> None:
    (here / "notes.txt").write_text("these are my notes, and not a database\n" * 100, encoding="utf-8")
    before = (here / "notes.txt").read_bytes()
    refused(
        polos("run", "flows.py:echo", "--payload", "1", "--store", "notes.txt"), 3, "notes.txt", "damaged"
    )
    assert (here / "notes.txt").read_bytes() == before


def test_a_store_that_is_damaged_is_told_and_left_as_it_is(polos: Call, here: Path) -> None:
    polos("run", "flows.py:echo", "--payload", "1", "--store", "s.db")
    with (here / "s.db").open("r+b") as store:
        store.write(b"\x00" * 64)
    before = (here / "s.db").read_bytes()
    refused(
        polos("run", "flows.py:echo", "--payload", "1", "--store", "s.db"), 3, "s.db", "damaged", "backup"
    )
    assert (here / "s.db").read_bytes() == before


def test_a_store_of_a_newer_version_is_refused_and_left_as_it_is(polos: Call, here: Path) -> None:
    polos("run", "flows.py:echo", "--payload", "1", "--store", "s.db")
    with sqlite3.connect(here / "s.db") as store:
        store.execute("PRAGMA user_version = 999")
    store.close()
    said = polos("run", "flows.py:echo", "--payload", "1", "--store", "s.db")
    refused(said, 3, "999", "newer", "pgrade")
    with sqlite3.connect(here / "s.db") as store:
        assert store.execute("SELECT count(*) FROM records WHERE sort = 'meta'").fetchone() == (1,)


def test_a_directory_that_cannot_be_made_is_told(polos: Call, here: Path) -> None:
    (here / "file").touch()
    refused(polos("run", "flows.py:echo", "--payload", "1", "--store", "file/s.db"), 3, "file", "writ")


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind the superuser")
def test_a_directory_that_cannot_be_written_is_told(polos: Call, here: Path) -> None:
    (here / "locked").mkdir(mode=0o500)
    refused(
        polos("run", "flows.py:echo", "--payload", "1", "--store", "locked/s.db"), 3, "locked", "writable"
    )


def test_verbose_shows_the_traceback_of_an_error(polos: Call) -> None:
    said = polos("run", "nothing.py:x", "--verbose")
    assert said.code == 2
    assert "Traceback" in said.err
    assert "CannotLoad" in said.err


def test_an_option_that_is_unknown_is_refused(polos: Call) -> None:
    said = polos("run", "flows.py:echo", "--paylod", "1")
    assert said.code == 2
    assert "--paylod" in said.err
