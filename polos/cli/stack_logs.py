"""The logs of all functions of a stack, in order."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

import typer

from polos.adapters.clock import SystemClock
from polos.cli.deploy import stack_of
from polos.cli.deploying import aws_refusals, clients, options_of
from polos.deploy.logs import Logs

POLL_SECONDS: Final = 2.0
LATE_MS: Final = 60_000
"""A group may show lines late: those read already are known by their ids."""


class StackLogs:
    """The logs of one stack.

    Raises:
        StoreError: AWS refuses, or there is no such stack.
    """

    def __init__(
        self, apps: Sequence[str] | None, *, name: str | None, stage: str, region: str | None
    ) -> None:
        _, options = options_of(apps or ([name] if name else None), name=name, stage=stage)
        make = clients(region)
        with aws_refusals():
            resources = stack_of(options, make).resources().values()
        self._logs = Logs(make, [physical for kind, physical in resources if kind == "AWS::Logs::LogGroup"])

    def print(self, *, since: int, execution: str, follow: bool, as_json: bool) -> None:
        """Print them, from `since` minutes ago on; with `follow` until Ctrl-C."""
        begin = int((SystemClock().now() - since * 60) * 1000)
        while True:
            with aws_refusals():
                for line in self._logs.read(begin, execution=execution):
                    begin = max(begin, line.at - LATE_MS)
                    typer.echo(json.dumps(asdict(line), default=str) if as_json else _written(line))
            if not follow:
                return
            SystemClock().sleep(POLL_SECONDS)


def _written(line: Any) -> str:
    at = datetime.fromtimestamp(line.at / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]
    fields = line.fields
    function = line.group.rsplit("/", 1)[-1]
    if not fields:
        return f"{at} {function}: {line.text}"
    about = " ".join(str(fields[key]) for key in ("execution_id", "step") if fields.get(key))
    return f"{at} {function} {fields.get('level', '')} {about}: {fields.get('message', line.text)}"
