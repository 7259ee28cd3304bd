"""What a cold start loads: the handlers of steps and news need boto3, Powertools and pydantic, and little else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STACK = {
    "POLOS_LOG_TABLE": "logs",
    "POLOS_RECORD_TABLE": "records",
    "POLOS_BUCKET": "values",
    "POLOS_QUEUES": "{}",
    "POLOS_SCHEDULE_GROUP": "group",
    "POLOS_SCHEDULE_ROLE_ARN": "arn:aws:iam::123456789012:role/schedules",
    "POLOS_APP": "json",  # an app that costs nothing
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "none",
    "AWS_SECRET_ACCESS_KEY": "none",
}
# Of each, the reason: a model's SDK costs a second, and is loaded by the step that asks it.
NEVER = {
    "anthropic", "openai", "mcp", "httpx", "opentelemetry",  # models and tools: in the step that uses them
    "aws_xray_sdk",  # half a second; only where tracing is active
    "sqlite3", "typer", "rich", "moto", "pytest", "greenlet",  # one machine, the command line, tests
}  # fmt: skip
ROOMS_NEVER = {
    "polos.cli",
    "polos.deploy",
    "polos.testing",
    "polos.server",
    "polos.adapters.sqlite",
    "polos.adapters.memory",
}
PARSER = "aws_lambda_powertools.utilities.parser"


def loaded_by(statement: str) -> set[str]:
    """All modules that a fresh interpreter has loaded after `statement`, in the environment of a function."""
    program = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    path = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "SYSTEMROOT")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env=path | STACK,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout))


@pytest.mark.parametrize("handler", ["worker", "news", "dead", "sweeper"])
def test_a_handler_loads_nothing_that_it_does_not_need(handler: str) -> None:
    loaded = loaded_by(f"import handlers.{handler}")
    assert {name.partition(".")[0] for name in loaded} & NEVER == set()
    assert {
        name for name in loaded if any(f"{name}.".startswith(f"{room}.") for room in ROOMS_NEVER)
    } == set()


def test_powertools_is_loaded_before_pydantic_so_that_it_leaves_its_parser_out() -> None:
    loaded = loaded_by("import handlers.worker")
    assert "pydantic" in loaded
    assert PARSER not in loaded
