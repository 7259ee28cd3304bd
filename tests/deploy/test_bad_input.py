"""Bad input: one clear error that names the place and the fix, and nothing is changed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

GOOD = "from polos import workflow\n\n@workflow\nasync def order(ctx):\n    return 1\n"


def polos(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Our command, where there is an AWS region and there are credentials, and nothing answers."""
    environ = {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1",
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-c", "from polos.cli import main; main()", *arguments],
        cwd=folder, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("import not_there_at_all\n", ["flows.py cannot be loaded", "not_there_at_all", "flows.py:1"]),
        ("def broken(:\n", ["flows.py cannot be loaded", "SyntaxError", "flows.py:1"]),
        ("raise SystemExit(3)\n", ["flows.py cannot be loaded", "SystemExit"]),
        ("x = 1\n", ["defines no workflow", "@workflow"]),
        (
            GOOD + "\n@workflow(id='order')\nasync def other(ctx):\n    return 2\n",
            ["two workflows have the id 'order'", "flows.py:3", "flows.py:7", "another id"],
        ),
        (
            GOOD + "\n@workflow(schedule='0 0 */2 * 1')\nasync def report(ctx, due):\n    return 2\n",
            ["workflow 'report'", "flows.py:7", "Write '0 0 */2 * *'"],
        ),
        (
            GOOD + "\n@workflow(queue={'timeout': 901})\nasync def long(ctx):\n    return 2\n",
            ["queue 'long'", "timeout=901", "Lambda allows 1 to 900", "flows.py:7"],
        ),
        (
            GOOD + "\n@workflow(queue={'max_invocations': 1})\nasync def one(ctx):\n    return 2\n",
            ["queue 'one'", "max_invocations=1", "concurrency_limit=1", "flows.py:7"],
        ),
        (
            GOOD
            + "\n@workflow(policies=[{'Action': 's3:*', 'Resource': '*'}])\nasync def one(ctx):\n    return 2\n",
            ["workflow 'one'", "flows.py:7", "allows too much"],
        ),
        (
            GOOD
            + "\n@workflow(schedule={'cron': '0 9 * * *', 'timezone': 'Mars/X'})\nasync def r(ctx, d):\n    return 2\n",
            ["Mars/X"],
        ),
    ],
)
def test_an_app_that_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, code: str, says: list[str]
) -> None:
    (tmp_path / "flows.py").write_text(code)
    done = polos(tmp_path, "deploy", "flows.py")
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for part in says:
        assert part in done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"flows.py", "__pycache__"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["build"], "name the modules with workflows"),
        (["build", "nowhere.py"], "there is no such file"),
        (["build", "flows.py", "--target", "moon"], "say lambda or host"),
        (["build", "flows.py", "--stage", "Prod!"], "like prod"),
        (["build", "flows.py", "--runtime", "node22"], "like python3.13"),
        (["build", "flows.py", "--merge", "nowhere.yaml"], "nowhere.yaml"),
        (["deploy", "flows.py", "--parameter", "oops"], "NAME=VALUE"),
    ],
)
def test_an_option_that_cannot_be_says_what_can(tmp_path: Path, arguments: list[str], says: str) -> None:
    (tmp_path / "flows.py").write_text(GOOD)
    done = polos(tmp_path, *arguments)
    assert done.returncode == 2, done.stderr
    assert says in done.stderr
    assert not (tmp_path / "template.yaml").exists()


def test_an_aws_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(GOOD)
    done = polos(tmp_path, "destroy", "flows.py", "--yes")
    assert done.returncode == 3
    assert "127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_that_is_not_ours_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(GOOD)
    (tmp_path / "template.yaml").write_text("Resources: {}\n")
    done = polos(tmp_path, "build", "flows.py", "--no-package")
    assert done.returncode == 2
    assert "template.yaml" in done.stderr
    assert "--output" in done.stderr
    assert (tmp_path / "template.yaml").read_text() == "Resources: {}\n"
    assert not (tmp_path / "handlers").exists()


def test_a_requirement_without_a_wheel_is_told_before_a_file_is_written(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(GOOD)
    (tmp_path / "requirements.txt").write_text("no such name!\n")
    done = polos(tmp_path, "build", "flows.py", "--output", "out")
    assert done.returncode == 2, done.stderr
    assert "requirements.txt: pip cannot install the requirements" in done.stderr
    assert not (tmp_path / "out" / "template.yaml").exists()


def test_check_fails_when_the_files_are_out_of_date_and_diff_says_how(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(GOOD)
    assert polos(tmp_path, "build", "flows.py", "--check").returncode == 1
    assert polos(tmp_path, "build", "flows.py", "--no-package").returncode == 0
    assert polos(tmp_path, "build", "flows.py", "--check").returncode == 0
    (tmp_path / "flows.py").write_text(GOOD.replace("@workflow", "@workflow(queue={'memory_mb': 256})"))
    assert polos(tmp_path, "build", "flows.py", "--check").returncode == 1
    shown = polos(tmp_path, "diff", "flows.py")
    assert "+  QueueOrder:" in shown.stdout
    assert "1 file would change" in shown.stderr


def test_a_merge_file_is_laid_over_the_template(tmp_path: Path) -> None:
    (tmp_path / "flows.py").write_text(GOOD)
    (tmp_path / "polos.merge.yaml").write_text(
        "Resources:\n  ApiFunction:\n    Properties:\n      ReservedConcurrentExecutions: 7\n"
    )
    assert polos(tmp_path, "build", "flows.py", "--no-package").returncode == 0
    assert "ReservedConcurrentExecutions: 7" in (tmp_path / "template.yaml").read_text()
