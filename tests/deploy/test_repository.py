"""The repository's own template.yaml and handlers/ are what the example shop builds to."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_repositorys_template_and_handlers_are_the_build_of_the_example() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "from polos.cli import main; main()", "build", "examples.app", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_two_builds_in_processes_with_other_hash_seeds_give_the_same_bytes(tmp_path: Path) -> None:
    texts = set()
    for seed in ("1", "2"):
        folder = tmp_path / seed
        subprocess.run(
            [
                sys.executable, "-c", "from polos.cli import main; main()",
                "build", "examples.app", "--no-package", "--output", str(folder),
            ],
            cwd=ROOT, env={"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin"}, capture_output=True, check=True,
        )  # fmt: skip
        texts.add("".join(path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()))
    assert len(texts) == 1
