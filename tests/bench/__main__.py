"""`make bench`: Polos and DBOS on the same workloads in the same run, and what Polos uses on AWS.

    python -m tests.bench [--quick] [--rounds N] [--json FILE]

Each side runs in processes of its own, in turns (A B C C B A ...), since a machine is not equally fast all the time; a
figure is the median over the rounds. It takes about a quarter of an hour, with --quick two minutes.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from tests.bench.driving import measure_all
from tests.bench.report import as_json, show


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench", description="Measure Polos, and DBOS beside it."
    )
    parser.add_argument("--quick", action="store_true", help="fewer and smaller workloads")
    parser.add_argument("--rounds", type=int, help="how often each side is measured (3, or 1 when quick)")
    parser.add_argument(
        "--json", type=Path, default=Path("bench.json"), help="where the figures go (%(default)s)"
    )
    options = parser.parse_args()
    progress = Console(stderr=True)
    console = Console(width=max(100, progress.width), highlight=False)
    progress.print("[dim]The machine should have nothing else to do.[/]")
    figures = measure_all(
        quick=options.quick,
        rounds=options.rounds or (1 if options.quick else 3),
        tell=lambda text: progress.print(f"[dim]{text}[/]"),
    )
    show(figures, console)
    machine = {"python": platform.python_version(), "machine": platform.machine(), "dbos": version("dbos")}
    options.json.write_text(
        json.dumps({"on": machine, **as_json(figures)}, indent=2) + "\n", encoding="utf-8"
    )
    console.print(f"[dim]{options.json}[/]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
