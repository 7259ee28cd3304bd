"""An `async def` test truly runs: a test that is skipped in silence would pass for ever."""

import subprocess
import sys
from pathlib import Path

CONFTEST = Path(__file__).parents[1] / "conftest.py"


def test_a_failing_coroutine_test_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "test_it.py").write_text(
        "import asyncio\n"
        "async def test_right(tmp_path):\n    await asyncio.sleep(0)\n    assert tmp_path.exists()\n"
        "async def test_wrong():\n    await asyncio.sleep(0)\n    assert False\n",
        encoding="utf-8",
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        "-o",
        f"pythonpath={CONFTEST.parent}",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "1 failed, 1 passed" in done.stdout
