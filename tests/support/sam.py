"""The SAM CLI and cfn-lint, in a virtual environment of their own that is made on first use (it takes some minutes)."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support import emulators
from support.deployed_run import once

SAM = "1.170.0"
CFN_LINT = "1.58.0"
ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".cache" / f"sam-{SAM}"

_TRANSFORM = """
import json, sys
import boto3
from samtranslator.internal.managed_policies import get_bundled_managed_policy_map
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
template = json.load(sys.stdin)
session = boto3.Session(region_name="us-east-1")
translator = Translator(get_bundled_managed_policy_map("aws"), Parser(), boto_session=session)
json.dump(translator.translate(template, {}), sys.stdout, indent=1)
"""


@once
def installed() -> Path:
    """The folder of the programs."""
    done = VENV / ".installed"
    if not done.exists():
        VENV.parent.mkdir(exist_ok=True)
        emulators.environment(VENV)
        emulators.install(VENV / "bin" / "python", f"aws-sam-cli=={SAM}", f"cfn-lint=={CFN_LINT}")
        done.touch()
    return VENV / "bin"


def sam(*arguments: str, cwd: Path, environ: Mapping[str, str] | None = None) -> str:
    """What the SAM CLI says; it must succeed."""
    return _run([str(installed() / "sam"), *arguments], cwd=cwd, environ=environ)


def transformed(template: str) -> str:
    """A template (JSON, packages in S3) after the SAM transform, as JSON."""
    return _run([str(installed() / "python"), "-c", _TRANSFORM], cwd=ROOT, text=template)


def lint(template: Path) -> str:
    """What cfn-lint says of a template; it must find nothing."""
    return _run([str(installed() / "cfn-lint"), str(template)], cwd=template.parent)


def _run(
    command: list[str], *, cwd: Path, environ: Mapping[str, str] | None = None, text: str | None = None
) -> str:
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "VIRTUAL_ENV"))
    }
    dummy = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}
    done = subprocess.run(
        command, cwd=cwd, env={**own, **dummy, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_POLL_DELAY": "1", **(environ or {})},
        input=text, capture_output=True, text=True, check=False, timeout=1800,
    )  # fmt: skip
    if done.returncode:
        raise AssertionError(f"{' '.join(command[:6])} failed:\n{done.stdout[-6000:]}\n{done.stderr[-6000:]}")
    return done.stdout + done.stderr
