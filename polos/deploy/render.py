"""Render: the files of a build as texts. The same plan gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from polos.deploy.compute import STREAM_PROGRAM
from polos.deploy.plan import Options, StackPlan
from polos.deploy.template import MARK
from polos.deploy.yaml_text import to_yaml

_DOORS: Final = {
    "worker": (
        "Starts and steps from the SQS queue of a Polos queue.",
        "polos.entry.functions",
        "process_functions().worker",
    ),
    "news": (
        "Timers, ends of children and signals from the stack's queue for news.",
        "polos.entry.functions",
        "process_functions().news",
    ),
    "dead": (
        "What no worker could handle: recorded, so that its execution goes on.",
        "polos.entry.functions",
        "process_functions().dead",
    ),
    "sweeper": (
        "Every few minutes: executions that have been silent for too long.",
        "polos.entry.functions",
        "process_functions().sweeper",
    ),
    "api": (
        "The HTTP API: requests from API Gateway or a function URL.",
        "polos.server.function",
        "process_api().handler",
    ),
}
"""Kind of function -> what its handler module says, where it imports from, and the expression of the handler."""


def render(plan: StackPlan, document: Mapping[str, Any]) -> dict[str, str]:
    """Path -> text of every file: the template (`document`, merged), handlers, the settings of the SAM CLI."""
    files = {"template.yaml": to_yaml(document), "samconfig.toml": samconfig(plan.options)}
    return files | {f"handlers/{name}": text for name, text in handlers(plan).items()}


def handlers(plan: StackPlan) -> dict[str, str]:
    """File name -> text of the modules that Lambda calls, one for each kind of function."""
    kinds = {function.kind for function in plan.functions}
    texts = {f"{kind}.py": _door(kind) for kind in sorted(kinds)}
    texts[STREAM_PROGRAM] = _STREAM
    return {"__init__.py": f'"""One door for each Lambda function, a few lines each. {MARK}."""\n'} | texts


_STREAM: Final = f"""\
#!/bin/sh
# {MARK}. Started by Lambda in place of its runtime, which cannot stream, where ApiStreaming is true.
# "$1" is the interpreter: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
layers="/opt/python:/opt/python/lib/${{1##*/}}/site-packages"
export PYTHONPATH="$LAMBDA_TASK_ROOT:$layers:${{PYTHONPATH:-/var/runtime}}"
exec "$1" -u -m polos.server.streaming
"""


def _door(kind: str) -> str:
    about, module, expression = _DOORS[kind]
    name = expression.partition("(")[0]
    return f'"""{about} {MARK}."""\n\nfrom {module} import {name}\n\nhandler = {expression}\n'


def stack_name(options: Options) -> str:
    """The name of the stack of a stage."""
    return f"{options.name}-{options.stage}"


def samconfig(options: Options) -> str:
    """The settings of `sam build` and `sam deploy`."""
    return f"""\
# {MARK}: the settings of `sam build` and `sam deploy`.
version = 0.1

[default.global.parameters]
stack_name = "{stack_name(options)}"

[default.deploy.parameters]
capabilities = "CAPABILITY_IAM CAPABILITY_AUTO_EXPAND"
confirm_changeset = false
fail_on_empty_changeset = false
resolve_s3 = true
tags = "polos:app={options.name} polos:stage={options.stage}"
"""
