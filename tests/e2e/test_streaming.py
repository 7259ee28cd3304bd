"""The runtime that streams, started by the emulator's Lambda and asked through a function URL.

The emulator does not know AWS_LAMBDA_EXEC_WRAPPER, but runs custom runtimes by the same Runtime API: so `bootstrap`
starts the program that Lambda's wrapper variable names on AWS. It hands an answer on when it is whole.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from e2e.conftest import APP, STACK, TOKEN, make_secret
from polos.server.keys import ApiKeys
from polos.server.principals import Role
from support.cloud import Cloud, Deployment, cloud

pytestmark = pytest.mark.e2e


def test_a_stream_lasts_through_a_function_url(tmp_path: Path) -> None:
    with cloud() as sky:
        make_secret(sky)
        deploy_streaming(sky, tmp_path)
        deployed = Deployment(sky, f"{STACK}-dev")
        ports = deployed.service.ports
        _, key = ApiKeys(ports.records, ports.clock).create("default", Role.ADMIN)
        host = urlsplit(deployed.outputs["ApiUrl"]).netloc
        headers = {"Host": host, "Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=sky.endpoint, headers=headers, timeout=120) as http:
            body = {"topic": "news", "events": [{"event_type": "e", "data": n} for n in (1, 2)]}
            told = http.post("/v1/events", json=body)
            assert told.status_code == 201, told.text
            began = time.monotonic()
            read = http.get("/v1/events/stream", params={"topic": "news"}, headers={"Last-Event-ID": "0"})
            lasted = time.monotonic() - began
        assert (read.status_code, read.headers["content-type"]) == (200, "text/event-stream")
        data = [json.loads(line[6:])["data"] for line in read.text.splitlines() if line.startswith("data: ")]
        assert data == [1, 2]
        assert ": still here" in read.text, "it stayed open behind the last event"
        assert lasted > 10
        assert TOKEN not in deployed.logs()


def deploy_streaming(sky: Cloud, folder: Path) -> None:
    """The app with ApiStreaming, its API function on a custom runtime that is this machine's Python."""
    bootstrap = folder / "bootstrap"
    bootstrap.write_text(f'#!/bin/sh\nexec "$LAMBDA_TASK_ROOT/handlers/stream" {sys.executable}\n')
    bootstrap.chmod(0o755)
    properties: dict[str, Any] = {"Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 50}
    merge = folder / "merge.json"
    merge.write_text(json.dumps({"Resources": {"ApiFunction": {"Properties": properties}}}))
    sky.polos(
        "deploy", str(APP), "--name", STACK, "--target", "host", "--output", str(folder / "build"),
        "--merge", str(merge), "--include", str(bootstrap),
        "--parameter", "DataDeletionPolicy=Delete", "--parameter", "ApiStreaming=true",
    )  # fmt: skip
