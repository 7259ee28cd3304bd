"""`polos run`: results, inputs, exit codes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., object]


def test_the_result_goes_to_stdout_and_everything_else_to_stderr(polos: Call) -> None:
    said = polos("run", "flows.py:order", "--payload", '{"item": "tea", "count": 3}')
    assert (said.code, said.json) == (0, {"item": "tea", "price": 6})
    assert "✓ price" in said.err


def test_a_module_names_its_workflows_like_a_file(polos: Call) -> None:
    assert polos("run", "flows:order", "--payload", '{"item": "tea"}').json["price"] == 2


def test_a_file_inside_a_package_is_imported_as_part_of_it(polos: Call, here: Path) -> None:
    (here / "shop").mkdir()
    (here / "shop" / "__init__.py").touch()
    (here / "shop" / "names.py").write_text("NAME = 'shop'\n", encoding="utf-8")
    code = (
        "from polos import workflow\nfrom .names import NAME\n"
        "@workflow(id='name')\nasync def name(ctx): return NAME + __name__\n"
    )
    (here / "shop" / "flows.py").write_text(code, encoding="utf-8")
    assert polos("run", "shop/flows.py:name").json == "shopshop.flows"


def test_the_only_workflow_of_a_module_needs_no_name(polos: Call, here: Path) -> None:
    code = "from polos import workflow\n@workflow\nasync def alone(ctx): return 'alone'\n"
    (here / "single.py").write_text(code, encoding="utf-8")
    assert polos("run", "single.py").json == "alone"


def test_a_workflow_is_found_by_the_name_of_its_variable_and_by_its_id(polos: Call, here: Path) -> None:
    code = "from polos import workflow\n@workflow(id='the-id')\nasync def the_name(ctx): return 1\n"
    (here / "named.py").write_text(code, encoding="utf-8")
    assert polos("run", "named.py:the-id").json == polos("run", "named.py:the_name").json == 1


@pytest.mark.parametrize("payload", ["0", "false", '""', "[]", "{}", "null", '{"$datetime": "x"}'])
def test_any_json_is_a_payload_and_comes_back_as_it_was(polos: Call, payload: str) -> None:
    said = polos("run", "flows.py:echo", "--payload", payload, "--json")
    assert said.json["result"] == json.loads(payload)


def test_a_payload_may_come_from_a_file_or_from_stdin(polos: Call, here: Path) -> None:
    (here / "payload.json").write_text('{"from": "file"}', encoding="utf-8")
    assert polos("run", "flows.py:echo", "--payload", "@payload.json").json == {"from": "file"}
    assert polos("run", "flows.py:echo", "--payload", "@-", stdin='{"from": "stdin"}').json == {
        "from": "stdin"
    }


def test_json_tells_every_step_with_its_attempts(polos: Call) -> None:
    said = polos("run", "flows.py:failing", "--json")
    assert (said.code, said.json["status"]) == (1, "failed")
    (step,) = said.json["steps"]
    assert (step["address"], step["stage"]) == ("run:boom", "failed")
    assert [attempt["error"]["message"] for attempt in step["attempts"]] == ["no luck", "no luck"]
    assert all(attempt["started"] <= attempt["ended"] for attempt in step["attempts"])


def test_a_child_is_shown_with_its_execution(polos: Call) -> None:
    said = polos("run", "flows.py:family", "--json")
    (step,) = said.json["steps"]
    assert said.json["result"] == [1, 2]
    child = polos("resume", step["child"], "flows.py", "--json")
    assert (child.json["workflow_id"], child.json["result"]) == ("echo", [1, 2])


def test_a_failed_execution_names_step_error_and_attempts(polos: Call) -> None:
    said = polos("run", "flows.py:failing")
    assert said.code == 1
    assert "failing failed: step 'boom' after 2 attempts: ValueError: no luck" in said.err
    assert (said.out, "Traceback" in said.err) == ("", False)


def test_verbose_shows_the_traceback_of_a_failed_step(polos: Call) -> None:
    assert 'raise ValueError("no luck")' in polos("run", "flows.py:failing", "--verbose").err


def test_a_result_that_cannot_be_stored_is_named_by_its_path(polos: Call) -> None:
    said = polos("run", "flows.py:unstorable")
    assert said.code == 1
    assert "unstorable failed: NotStorable: result" in said.err
    assert "client" in said.err
    assert "Traceback" not in said.err


def test_two_runs_share_the_store_and_do_not_meet(polos: Call, here: Path) -> None:
    first = polos("run", "flows.py:echo", "--payload", "1", "--json").json["execution_id"]
    second = polos("run", "flows.py:echo", "--payload", "2", "--json").json["execution_id"]
    assert first != second
    assert (here / ".polos" / "polos.db").exists()


def test_store_and_project_may_be_chosen(polos: Call, here: Path) -> None:
    chosen = ("--store", "elsewhere.db", "--project", "p")
    ran = polos("run", "flows.py:echo", "--payload", "1", "--json", *chosen).json["execution_id"]
    assert polos("resume", ran, "flows.py", *chosen).json == 1
    assert polos("resume", ran, "flows.py", "--store", "elsewhere.db").code == 2
    assert not (here / ".polos").exists()


def test_the_help_tells_the_exit_codes(polos: Call) -> None:
    said = polos("--help")
    assert said.code == 0
    for word in ("run", "resume", "130"):
        assert word in said.out


def test_the_version_is_shown(polos: Call) -> None:
    from polos import __version__

    assert polos("--version").out.strip() == __version__
