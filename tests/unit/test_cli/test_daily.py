"""Looking at executions and acting on them, in the store of a directory and on a server: the same commands."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from polos.entry.embedded import Embedded
from polos.server.local import LocalServer, serve

Call = Callable[..., Any]
ORDER = ("--payload", '{"item": "tea", "count": 3}')

MORE = """

@workflow(id="asking")
async def asking(ctx):
    answer = await ctx.step.suspend("confirm", {"amount": 9})
    return answer["data"]
"""


@pytest.fixture
def flows(here: Path) -> Path:
    """The program, with a workflow that asks."""
    file = here / "app.py"
    file.write_text((here / "flows.py").read_text(encoding="utf-8") + MORE, encoding="utf-8")
    (here / "flows.py").unlink()
    return file


@pytest.fixture
def server(flows: Path, polos: Call) -> Iterator[LocalServer]:
    """`polos dev`, in this process."""
    polos("workflow", "list")  # loads app.py
    runtime = Embedded(flows.parent / "server.db")
    with serve(runtime, port=0, local_mode=True) as served:
        yield served
    runtime.close()


@pytest.fixture(params=["store", "server"])
def at(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Where the commands go to."""
    if request.param == "server":
        return ("--api-url", request.getfixturevalue("server").url)
    request.getfixturevalue("flows")
    return ()


@pytest.fixture
def ran(polos: Call, at: tuple[str, ...]) -> Callable[..., str]:
    """Runs a workflow of the app; its id."""

    def run(workflow: str, *arguments: str) -> str:
        said = polos("run", workflow, *arguments, "--json", *at)
        return str(said.json["execution_id"])

    return run


def test_what_completed_is_told_by_every_command(polos: Call, ran: Call, at: tuple[str, ...]) -> None:
    done = ran("order", *ORDER)
    assert polos("status", done, *at).out.startswith("completed  order")
    assert polos("status", done, "--json", *at).json["payload"] == {"item": "tea", "count": 3}
    assert polos("result", done, *at).json == {"item": "tea", "price": 6}
    shown = polos("show", done, *at).out
    assert re.search(r"✓ price +━+ +\d+ ms", shown), shown
    assert polos("show", done, "--json", *at).json["timeline"]["operations"][0]["key"] == "price"
    logged = polos("logs", done, *at)
    assert [line.split()[2] for line in logged.out.splitlines()] == [
        "workflow_start", "step_start", "step_finish", "workflow_finish",
    ]  # fmt: skip
    (listed,) = polos("list", "--json", *at).json["executions"]
    assert (listed["id"], listed["status"]) == (done, "completed")


def test_what_failed_shows_its_error_first_and_how_to_go_on(
    polos: Call, ran: Call, at: tuple[str, ...]
) -> None:
    failed = ran("failing")
    shown = polos("show", failed, *at)
    assert shown.code == 0
    head = shown.out.splitlines()[:4]
    assert "failed" in head[0]
    assert any("ValueError: no luck" in line for line in head)
    assert "attempt 2" in shown.out
    assert f"polos retry {failed}" in shown.out
    assert (result := polos("result", failed, *at)).code == 1
    assert "no luck" in result.err
    assert polos("status", failed, *at).code == 0
    assert "step_fail" in polos("logs", failed, *at).out


def test_one_step_is_shown_in_full_with_its_logs(polos: Call, ran: Call, at: tuple[str, ...]) -> None:
    failed, done = ran("failing"), ran("order", *ORDER)
    shown = polos("show", failed, "--step", "boom", *at).out
    assert shown.count("WARNING shop: about to fail, [b]twice[/b]") == 2
    assert shown.count("ValueError: no luck") == 4  # of each attempt the error, and the end of its traceback
    assert re.search(r"attempt 1 .*\n.*WARNING.*\n  ValueError", shown), shown
    assert "output    6" in polos("show", done, "--step", "run:price", *at).out
    told = polos("show", failed, "--step", "boom", "--json", *at).json
    assert [line["level"] for log in told["logs"] for line in log["lines"]] == ["WARNING", "WARNING"]
    unknown = polos("show", done, "--step", "prize", *at)
    assert (unknown.code, "it has: price" in unknown.err) == (2, True)
    assert polos("show", done, "--step", "price", "--follow", *at).code == 2


def test_children_are_drawn_below_what_has_started_them(polos: Call, ran: Call, at: tuple[str, ...]) -> None:
    parent = ran("family")
    document = polos("show", parent, "--json", *at).json
    (child,) = document["children"].values()
    assert child["workflow_id"] == "echo"
    assert polos("show", parent, "--depth", "0", "--json", *at).json["children"] == {}
    assert "invoke_and_wait child" in polos("show", parent, *at).out


def test_a_list_is_filtered_and_paged(polos: Call, ran: Call, at: tuple[str, ...]) -> None:
    ran("order", *ORDER)
    ran("failing")
    echoed = [ran("echo", "--payload", str(number)) for number in range(3)]

    def ids(*filters: str) -> list[str]:
        return [one["id"] for one in polos("list", "--json", *filters, *at).json["executions"]]

    assert len(ids()) == 5
    assert set(ids("--workflow", "echo")) == {*echoed}
    assert len(ids("--status", "failed")) == 1
    assert len(ids("--since", "1h", "--workflow", "echo", "--status", "completed")) == 3
    page = polos("list", "--limit", "2", "--json", *at).json
    rest = ids("--cursor", page["next_cursor"])
    assert len(page["executions"]) + len(rest) == 5
    assert "--cursor" in polos("list", "--limit", "2", *at).err


def test_a_step_that_asks_is_answered_and_the_result_waited_for(polos: Call, server: LocalServer) -> None:
    at = ("--api-url", server.url)
    asked = polos("invoke", "asking", *at).out.strip()
    while "confirm" not in (status := polos("status", asked, *at)).out:
        assert status.code == 0
    assert f"polos resume {asked} --step confirm" in status.out
    under_way = polos("result", asked, *at)
    assert (under_way.code, under_way.out) == (5, "")
    assert "--wait" in under_way.err
    assert polos("result", asked, "--timeout", "0.05", *at).code == 5
    assert polos("resume", asked, "--step", "confirm", "--data", '{"ok": true}', *at).code == 0
    assert polos("result", asked, "--wait", *at).json == {"ok": True}


def test_what_is_asked_of_a_store_is_carried_out_by_whoever_works_on_it(polos: Call, flows: Path) -> None:
    asked = polos("invoke", "asking", "--attribute", "customer=ada", "--session", "s1")
    assert "polos dev" in asked.err, "nobody works on the store, and that is said"
    execution = asked.out.strip()
    for command in ("pause", "unpause", "cancel"):
        assert polos(command, execution).code == 0
    assert polos("status", execution).out.startswith("queued")
    assert [
        one["id"] for one in polos("list", "--attribute", "customer=ada", "--json").json["executions"]
    ] == [execution]
    assert [one["session_id"] for one in polos("session", "list", "--json").json] == ["s1"]
    runtime = Embedded(flows.parent / ".polos" / "polos.db")
    try:
        assert polos("result", execution, "--wait").code == 1
        assert polos("status", execution, "--json").json["status"] == "cancelled"
    finally:
        runtime.close()
    assert "had ended" in polos("cancel", execution).err


def test_a_retry_and_a_fork_can_be_left_to_others(polos: Call, flows: Path) -> None:
    failed = polos("run", "failing", "--json").json["execution_id"]
    again = polos("retry", failed, "--no-wait").out.strip()
    assert again not in ("", failed)
    forked = polos("fork", failed, "--no-wait", "--json").json["id"]
    assert polos("status", forked, "--json").json["copy_of"] == failed


def test_what_the_code_defines_is_listed_and_explained(polos: Call, at: tuple[str, ...]) -> None:
    assert {one["id"] for one in polos("workflow", "list", "--json", *at).json} >= {"order", "echo", "asking"}
    shown = polos("workflow", "show", "order", *at)
    assert "item: string" in shown.out
    assert "polos invoke order --payload" in shown.out
    assert polos("agent", "list", "--json", *at).json == []
    unknown = polos("workflow", "show", "ordr", *at)
    assert (unknown.code, "'ordr'" in unknown.err) == (2, True)
    assert polos("queue", "list", "--json", *at).json[0]["name"] == "default"
    assert polos("queue", "show", "nope", *at).code == 2


def test_a_schedule_is_made_paused_resumed_and_deleted(polos: Call, at: tuple[str, ...]) -> None:
    made = polos("schedule", "create", "echo", "0 9 * * 1-5", "--timezone", "Europe/Berlin", "--json", *at)
    assert (made.code, made.json["cron"]) == (0, "0 9 * * 1-5"), made.err
    assert "paused" in polos("schedule", "pause", "echo", *at).out
    assert "due next" in polos("schedule", "resume", "echo", *at).out
    assert [one["workflow_id"] for one in polos("schedule", "list", "--json", *at).json] == ["echo"]
    assert polos("schedule", "delete", "echo", *at).code == 0
    assert polos("schedule", "delete", "echo", *at).code == 2
    assert polos("schedule", "create", "echo", "9 o'clock", *at).code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("status", "nothing"), 2, "nothing"),
        (("show", "nothing"), 2, "nothing"),
        (("logs", "0" * 26), 2, "0" * 26),
        (("logs",), 2, "whose logs"),
        (("list", "--status", "done"), 2, "completed"),
        (("list", "--since", "yesterday"), 2, "2h"),
        (("list", "--attribute", "customer"), 2, "NAME=VALUE"),
        (("list", "--watch", "--cursor", "x"), 2, "one of them"),
        (("resume", "x", "--data", "1"), 2, "--step"),
        (("resume", "x", "--step", "s", "--data", "{"), 2, "--data is not JSON"),
        (("list", "--api-url", "localhost:8080"), 2, "http://"),
        (("list", "--api-url", "http://127.0.0.1:9", "--store", "s.db"), 2, "one of them"),
        (("list", "--store", "nowhere.db"), 3, "nowhere.db"),
        (("run", "app.py:echo", "--api-url", "http://127.0.0.1:9"), 2, "by its id"),
        (("status", "../../etc", "--api-url", "http://127.0.0.1:9"), 2, "no id of an execution"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else None,
)  # fmt: skip
def test_bad_input_is_one_line_that_says_what_to_do(
    polos: Call, flows: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    polos("run", "echo", "--payload", "1")
    said = polos(*arguments)
    assert (said.code, said.out) == (code, "")
    assert words in said.err
    assert said.err.count("\n") == 1
    assert not Path("nowhere.db").exists()


def test_nothing_is_made_where_nothing_is_started(polos: Call, here: Path) -> None:
    assert polos("list").code == 3
    assert polos("invoke", "order").code == 2
    assert polos("chat", "nobody", "-m", "hi").code == 2
    assert not (here / ".polos").exists()


def test_a_watched_list_tells_changes_until_it_is_interrupted(polos: Call, flows: Path) -> None:
    ran = polos("run", "echo", "--payload", "1", "--json").json["execution_id"]
    command = [sys.executable, "-c", "from polos.cli import main; main()", "list", "--watch", "--json"]
    watching = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    told = json.loads(watching.stdout.readline())
    assert (told["id"], told["status"]) == (ran, "completed")
    watching.send_signal(signal.SIGINT)
    _, err = watching.communicate(timeout=60)
    assert (watching.returncode, err) == (130, "")
