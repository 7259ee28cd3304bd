"""MiniStack, a second emulator of AWS, as a process of its own; and microburst, which makes its answers fail.

They disagree with moto in different places, so passing on both says more than passing on either. Both live in a virtual
environment of their own, `.cache/emulators-<version>`, made on first use: MiniStack pins an older botocore.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from polos.adapters.aws import tables
from polos.adapters.aws.clients import Aws, make_client
from polos.adapters.aws.dynamodb_log import DynamoLog
from polos.adapters.aws.dynamodb_records import DynamoRecords
from polos.adapters.aws.s3 import S3Blobs
from polos.adapters.aws.scheduler import SchedulerTimers
from polos.adapters.aws.settings import AwsSettings
from polos.adapters.aws.sqs import SqsQueue
from polos.adapters.clock import SystemClock
from polos.ports import Ports
from support.deployed_run import Unavailable, once

MINISTACK = "1.5.33"
MICROBURST = "0.10.0"
ACCOUNT = "111111111111"  # a key of twelve digits is the account itself, to MiniStack
REGION = "us-east-1"

_ROOT = Path(__file__).resolve().parents[2]
_VENV = _ROOT / ".cache" / f"emulators-{MINISTACK}-{MICROBURST}"
_PATIENCE = 60.0


class Stack:
    """The resources of one stack at an endpoint, and the adapters over them."""

    def __init__(self, endpoint: str) -> None:
        self.session = boto3.Session(region_name=REGION, aws_access_key_id=ACCOUNT, aws_secret_access_key="x")
        self.settings = AwsSettings(
            log_table="polos-logs",
            record_table="polos-records",
            bucket="polos-values",
            schedule_group="polos",
            schedule_role_arn=f"arn:aws:iam::{ACCOUNT}:role/polos-scheduler",
            region=REGION,
            queues=_Queues(self),
            endpoint=endpoint,
        )

    def client(self, service: str) -> Any:
        """A plain client of the endpoint."""
        return make_client(self.session, service, self.settings)

    def make(self) -> None:
        """Create tables, bucket and schedule group, unless they are there."""
        for spec in (
            tables.log_table(self.settings.log_table),
            tables.record_table(self.settings.record_table),
        ):
            _unless_there(self.client("dynamodb").create_table, **spec)
            _unless_there(
                self.client("dynamodb").update_time_to_live, **tables.time_to_live(spec["TableName"])
            )
        _unless_there(self.client("s3").create_bucket, Bucket=self.settings.bucket)
        self.client("s3").put_bucket_lifecycle_configuration(
            Bucket=self.settings.bucket, LifecycleConfiguration=tables.bucket_lifecycle()
        )
        _unless_there(self.client("scheduler").create_schedule_group, Name=self.settings.schedule_group)

    def ports(self) -> Ports:
        """The adapters, on the real clock."""
        aws = Aws(self.settings, clock=SystemClock(), session=self.session)
        blobs, queue = S3Blobs(aws), SqsQueue(aws)
        return Ports(
            log=DynamoLog(aws, blobs),
            records=DynamoRecords(aws),
            queue=queue,
            timers=SchedulerTimers(aws, queue),
            blobs=blobs,
            clock=aws.clock,
        )


class _Queues(dict[str, str]):
    """A queue that is asked for is made."""

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, name: str) -> str:
        answer = self._stack.client("sqs").create_queue(
            QueueName=f"polos-{os.getpid()}-{len(self)}", Attributes=tables.queue_attributes()
        )
        self[name] = str(answer["QueueUrl"])
        return self[name]


@once
def ministack() -> Stack:
    """The MiniStack of this process: started on first use, stopped when the process ends."""
    endpoint = _start(
        "ministack",
        {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": "{port}",
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "x",
            "AWS_DEFAULT_REGION": REGION,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent.sock",
        },
        health="/_ministack/health",
    )
    stack = Stack(endpoint)
    stack.make()
    return stack


class Microburst:
    """The fault proxy before MiniStack: `stack` reaches MiniStack through it."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self.stack = Stack(endpoint)

    def rules(self, *rules: dict[str, Any]) -> None:
        """Replace the rules, and forget what fired."""
        _http(f"{self._endpoint}/_microburst/rules", "POST", list(rules))
        _http(f"{self._endpoint}/_microburst/fired", "DELETE")

    def fired(self) -> list[dict[str, Any]]:
        """What befell which request."""
        found = _http(f"{self._endpoint}/_microburst/fired", "GET")
        return list(found["fired"] if isinstance(found, dict) else found)


@once
def microburst() -> Microburst:
    """The microburst of this process."""
    upstream = ministack().settings.endpoint or ""
    endpoint = _start(
        "microburst",
        {},
        *("--upstream", upstream, "--host", "127.0.0.1", "--port", "{port}"),
        health="/_microburst/health",
    )
    return Microburst(endpoint)


def _start(program: str, environ: dict[str, str], *arguments: str, health: str) -> str:
    port = _free_port()
    log = _VENV / f"{program}-{os.getpid()}.log"
    binary = installed() / program
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(binary), *(argument.format(port=port) for argument in arguments)],
            env={**_bare_environ(), **{name: value.format(port=port) for name, value in environ.items()}},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    atexit.register(_stop, process, log)
    endpoint = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + _PATIENCE
    while not _answers(endpoint + health):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(f"no emulator: {program} did not start; its output:\n{log.read_text()[-2000:]}")
        time.sleep(0.05)
    return endpoint


def _stop(process: subprocess.Popen[bytes], log: Path) -> None:
    process.terminate()
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    log.unlink(missing_ok=True)


@once
def installed() -> Path:
    """The folder of the programs; the environment is made if it is not there."""
    done = _VENV / ".installed"
    if not done.exists():
        _VENV.parent.mkdir(exist_ok=True)
        environment(_VENV)
        install(_VENV / "bin" / "python", f"ministack=={MINISTACK}", f"microburst=={MICROBURST}")
        done.touch()
    return _VENV / "bin"


def environment(folder: Path) -> None:
    """Make a virtual environment with pip in it. `Unavailable` where this Python cannot."""
    command = [sys.executable, "-m", "venv", "--clear", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unavailable(f"no emulator: {' '.join(command)} failed:\n{(done.stdout + done.stderr)[-1000:]}")


def install(python: Path, *requirements: str) -> None:
    """Install into the environment of `python`. `Unavailable`, with pip's last line, if that cannot be done."""
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Unavailable(
            f"no emulator: pip cannot install {', '.join(requirements)}: {reason}. It needs a package index"
        )


def _bare_environ() -> dict[str, str]:
    """Without what belongs to our own interpreter, and without anything of a real AWS."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PYTHON", "VIRTUAL_ENV"))
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        _http(url, "GET")
    except (urllib.error.URLError, OSError, ValueError):
        return False
    return True


def _http(url: str, method: str, body: Any = None) -> Any:
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def _unless_there(create: Any, **arguments: Any) -> None:
    try:
        create(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        message = error.response["Error"].get("Message", "")
        if (
            code
            not in {
                "ResourceInUseException",
                "BucketAlreadyOwnedByYou",
                "ConflictException",
            }
            and "already" not in message
        ):
            raise


if __name__ == "__main__":
    print(f"emulators are in {installed()}")  # noqa: T201
