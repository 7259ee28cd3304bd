"""Kill the demo's workflow in the middle, restart it, and check in the side log that nothing recorded ran again.

    python -m examples.demo

Exit code 0: it finished, and no step whose result was recorded ran a second time. 1: a promise was broken.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from rich.console import Console
from rich.table import Table

from polos.entry.embedded import Embedded
from polos.runtime.timeline import Stage, TimelineReader

FLOWS = Path(__file__).with_name("flows.py")
STEPS = 13
KILL_AFTER = 6
"""The process is killed once so many steps have ended."""

console = Console(highlight=False)


@dataclass(frozen=True)
class Note:
    """A line of the side log: a step begins, ends or fails in a process."""

    pid: int
    step: str
    what: str
    at: float


class Demo:
    """One demo in a directory of its own: a store and a side log."""

    def __init__(self, directory: Path) -> None:
        self.store = directory / "demo.db"
        self.log = directory / "side.log"
        self.log.touch()

    def notes(self, what: str) -> list[Note]:
        """The notes of one kind so far."""
        lines = self.log.read_text(encoding="utf-8").splitlines()
        return [note for note in (Note(**json.loads(line)) for line in lines) if note.what == what]

    @contextmanager
    def process(self, *arguments: str) -> Iterator[subprocess.Popen[str]]:
        """`polos` as a process of its own; what it says appears here, indented."""
        environment = {**os.environ, "DEMO_LOG": str(self.log), "POLOS_STORE": str(self.store)}
        with subprocess.Popen(
            [sys.executable, "-m", "polos.cli", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            assert process.stderr is not None
            reader = Thread(target=show, args=(process.stderr,), daemon=True)
            reader.start()
            try:
                yield process
            finally:
                process.kill()
                reader.join()

    def recorded(self, execution: str) -> set[str]:
        """The steps whose results stand in the journal."""
        runtime = Embedded(self.store, work=False)
        try:
            timeline = TimelineReader(runtime.service, execution).read()
        finally:
            runtime.close()
        return {item.key for item in timeline.items if item.stage is Stage.DONE}

    def execution(self) -> str:
        """The id of the only execution in the store."""
        runtime = Embedded(self.store, work=False)
        try:
            (record,) = runtime.store.records.find("created", "default|executions").records
        finally:
            runtime.close()
        return record.key.partition.rpartition("|")[2]


def show(lines: Iterable[str]) -> None:
    """Print what a process says, as it says it."""
    for line in lines:
        console.print(
            f"  {line.rstrip()}", style="dim" if line.startswith("airports ") else None, soft_wrap=True
        )


def main() -> int:
    """Run, kill, resume, check."""
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="polos-demo-") as directory:
        demo = Demo(Path(directory))
        console.print(f"[bold]A workflow of {STEPS} steps over 28,000 airports, killed in the middle[/]\n")
        console.print("[bold]Process 1[/] polos run flows.py:airports")
        first = run_and_kill(demo)
        execution = demo.execution()
        before = demo.recorded(execution)
        console.print(f"  [bold red]SIGKILL[/] with {len(before)} results recorded\n")
        console.print(f"[bold]Process 2[/] polos resume {execution}")
        second, result = resume(demo, execution)
        console.print(f"\n{summary(result)}\n")
        problems = check(demo, before, first=first, second=second)
        console.print(f"[dim]{time.monotonic() - begun:.1f} s[/]")
    return 1 if problems else 0


def run_and_kill(demo: Demo) -> int:
    """Start the workflow and kill its process in the middle; its process id."""
    with demo.process("run", f"{FLOWS}:airports") as process:
        while len(demo.notes("ends")) < KILL_AFTER:
            if process.poll() is not None:
                raise SystemExit("the first process ended before it could be killed")
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
    return process.pid


def resume(demo: Demo, execution: str) -> tuple[int, dict[str, object]]:
    """Go on in a new process until the end: its process id, and the result."""
    with demo.process("resume", execution, str(FLOWS)) as process:
        assert process.stdout is not None
        out = process.stdout.read()
        if process.wait() != 0:
            raise SystemExit("the resumed workflow did not complete")
    return process.pid, json.loads(out)


def summary(result: dict[str, object]) -> str:
    """The result in words."""
    return (
        f"[bold]{result['airports']:,} airports[/] in {result['regions']} regions. Highest: {result['highest']}. "
        f"Northernmost: {result['northernmost']}. Southernmost: {result['southernmost']}. "
        f"A tour of the highest of each region takes {result['tour_km']:,} km: {' '.join(result['tour'])}."  # type: ignore[arg-type]
    )


def check(demo: Demo, before: set[str], *, first: int, second: int) -> list[str]:
    """Compare the side log with what was recorded before the kill; print both, and what is wrong, if anything is."""
    begun, failed = (
        Counter((n.pid, n.step) for n in demo.notes("begins")),
        Counter(n.step for n in demo.notes("fails")),
    )
    steps = list(dict.fromkeys(note.step for note in demo.notes("begins")))
    table = Table("step", "process 1", "process 2", "", box=None, padding=(0, 3, 0, 0))
    problems = []
    for step in steps:
        one, two = begun[first, step], begun[second, step]
        remark = "recorded before the kill" if step in before else ""
        if failed[step]:
            remark = f"failed {failed[step]} times, then succeeded"
        elif one and two:
            remark = "interrupted, so it ran again"
        if step in before and two:
            remark = "[bold red]ran again although it was recorded[/]"
            problems.append(step)
        table.add_row(step, str(one or "·"), str(two or "·"), f"[dim]{remark}[/]")
    console.print(table)
    console.print()
    if len(steps) != STEPS:
        problems.append(f"{len(steps)} steps ran, and not {STEPS}")
    if problems:
        console.print(f"[bold red]A promise was broken:[/] {', '.join(problems)}")
    else:
        console.print(
            f"[bold green]✓[/] Nothing that was recorded ran again: {len(before)} of {STEPS} steps."
        )
    return problems


if __name__ == "__main__":
    sys.exit(main())
