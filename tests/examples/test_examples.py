"""Every example runs without a key, prints what a reader understands, and is listed in examples/README.md."""

from __future__ import annotations

import importlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest

from support import snippets
from support.snippets import ROOT

FOLDER: Final = ROOT / "examples"
NAMES: Final = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem not in ("__init__", "running"))

Run = Callable[..., str]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """`run(name, *arguments)`: start an example as its command does, nobody at the terminal; what it prints."""
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    for name in [name for name in sys.modules if name.startswith("examples.")]:
        monkeypatch.delitem(
            sys.modules, name
        )  # what it defines has to be defined anew, in a registry of its own
    loaded: list[str] = []

    def start(name: str, *arguments: str, code: int = 0) -> str:
        loaded.append(f"examples.{name}")
        ended = importlib.import_module(loaded[-1]).main(list(arguments))
        printed = capsys.readouterr()
        assert ended == code, printed.err
        return printed.err if code else printed.out

    with snippets.own_registry():
        yield start
    for name in [*loaded, "examples.running"]:
        sys.modules.pop(name, None)


def test_agent_with_tools(run: Run) -> None:
    printed = run("agent_with_tools")
    assert "get_forecast: Oslo: rain, 9 degrees" in printed
    assert "Take an umbrella.\n(3 steps, " in printed
    assert "Name a city" in run("agent_with_tools", "And in Atlantis?")


def test_structured_output(run: Run) -> None:
    printed = run("structured_output")
    assert "Ada complains about payment, urgency 4 of 5" in printed
    assert "(Ticket after" in printed


def test_streaming(run: Run) -> None:
    printed = run("streaming", "Tell me about snails.")
    assert printed.startswith("There is much to say about snails. First, it is there.")
    assert re.search(r"\d+ text_delta", printed)


def test_chat_with_memory(run: Run, tmp_path: Path) -> None:
    printed = run("chat_with_memory")
    assert "You said: my name is Ada, I live in Oslo." in printed
    assert "in another session: You have told me nothing yet." in printed
    kept = ["--store", str(tmp_path / "chat.db"), "--session", "b"]
    run("chat_with_memory", *kept, "my name is Bo.")
    assert "You said: my name is Bo." in run("chat_with_memory", *kept, "Who am I?")


def test_guardrails(run: Run) -> None:
    printed = run("guardrails")
    assert printed.count("refused:") == 1
    assert "It made 3 % last year, according to its report. Call [number removed]." in printed
    assert "nothing was said: no answer passed the guardrails" in run("guardrails", "Be stubborn!")


def test_hooks(run: Run) -> None:
    printed = run("hooks")
    assert "paid 12.50 EUR to Ada Lovelace [checked]" in printed
    assert "stopped: 12500.00 EUR is more than may be paid at once" in printed
    assert "read_file: the content of project/etc/notes.txt" in printed


def test_workflow_basics(run: Run) -> None:
    printed = run("workflow_basics", "--city", "Rome", "--nights", "3")
    assert "3 nights in Rome: 294.00 EUR" in printed
    assert "asked 2 times" in printed
    assert "completed" in printed
    assert "payload.nights" in run("workflow_basics", "--nights", "0", code=1)


def test_approval(run: Run) -> None:
    assert run("approval", "--answer", "yes").count("published 'How to wait'") == 1
    refused = run("approval", "--answer", "no")
    assert "not published: not today" in refused
    assert "rejected by the user: not today" in refused


def test_state(run: Run) -> None:
    printed = run("state", "--times", "3")
    assert "Ada, after 3 at the same time: {'tea': 3, 'cup': 1}" in printed
    assert "Charles, next time: {'elephant': 1, 'tea': 1}" in printed
    assert "Ada, as if that had not been: {'tea': 3, 'cup': 1, 'pot': 1}" in printed


def test_saga(run: Run) -> None:
    printed = run("saga")
    assert "complete: flight-lisbon, hotel-lisbon, car-lisbon" in printed
    assert printed.index("undone hotel-lisbon") < printed.index("undone flight-lisbon")
    assert "0 bookings undone" in run("saga", "--sold-out", "flight")


def test_queues(run: Run) -> None:
    printed = run("queues", "--pages", "5")
    assert "5 pages printed, at most 2 at the same time" in printed
    assert "ada: served 3 times, at most 1 at the same time" in printed


def test_fan_out(run: Run, tmp_path: Path) -> None:
    printed = run("fan_out")
    assert "counted by 5 executions: 4 completed, 1 failed" in printed
    (tmp_path / "text.txt").write_text("one two two\nthree two\n", encoding="utf-8")
    assert run("fan_out", str(tmp_path / "text.txt")).splitlines()[0].split() == ["3", "two"]


def test_router(run: Run) -> None:
    printed = run("router")
    assert "> What is 6 * 7?\ncalculator: 42\n" in printed
    assert "librarian: In English he is Ulysses; Joyce wrote about him." in printed


def test_event_trigger(run: Run) -> None:
    assert run("event_trigger").splitlines() == [
        "1: welcome, Ada",
        "2: welcome, Charles",
        "3 clicks: home, prices, home",
        "1 clicks: docs",
        "A2: paid 20 EUR",
    ]


def test_schedule(run: Run) -> None:
    printed = run("schedule")
    assert "examples.reminder (ada): '30 18 * * 0' in Europe/Oslo" in printed
    assert "paused: ada" in printed
    days = re.findall(r"^  (\w{3}) .* 07:00 Europe/Oslo$", printed, re.MULTILINE)
    assert len(days) == 5
    assert {"Sat", "Sun"}.isdisjoint(days)


def test_order_processing(run: Run) -> None:
    shipped = run("order_processing", "--amount", "20")
    assert "for Ada\norder A1: shipped\nmail to Ada: Good news" in shipped
    refused = run("order_processing", "--answer", "no")
    assert "telescope is back on the shelf\norder A1: refused" in refused
    assert "order A1: unpaid" in run("order_processing", "--amount", "20", "--no-payment")
    assert "amount: Input should be greater than 0" in run("order_processing", "--amount", "-4", code=1)


# --- all of them ----------------------------------------------------------------------------------------------------


def test_every_example_has_a_test() -> None:
    assert [name for name in NAMES if f"test_{name}" not in globals()] == []
    assert len(NAMES) >= 16


def test_every_example_is_listed_with_its_command() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`python -m examples.{name}`" not in text] == []


def test_a_wrong_command_line_is_explained(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run("agent_with_tools", "--provider", "nobody")
    assert ended.value.code == 2
    assert "invalid choice: 'nobody'" in capsys.readouterr().err


def test_a_real_provider_without_a_key_says_which_key(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    assert "OPENAI_API_KEY" in run("agent_with_tools", "--provider", "openai", code=1)
