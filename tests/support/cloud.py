"""A whole AWS on this machine: MiniStack as a process, stacks deployed to it by our own commands, and driven there.

Lambda code runs in processes of MiniStack's own, on this machine's Python: packages are built with `--target host`.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import boto3

from polos.adapters.aws.settings import AwsSettings
from polos.core.definitions import Registry
from polos.core.definitions import registry as process_registry
from polos.deploy.logs import Logs
from polos.deploy.stack import Stack
from polos.entry.aws import AwsRuntime
from polos.runtime.service import Service
from support import emulators
from support.deployed_run import Unavailable, once

ROOT = Path(__file__).resolve().parents[2]
ENDED = ("completed", "failed", "cancelled", "timed_out", "stalled")
LAUNCHER = Path(__file__).with_name("ministack_launcher.py")
PATIENCE = 300.0
"""Seconds within which anything happens, on a machine that has not much else to do; see `patience`."""
SAM_TRANSLATOR = "1.115.0"


class Cloud:
    """A running MiniStack.

    `auth`: it enforces IAM; then the credentials here are those of the account's owner. `proxy`: what its functions
    reach AWS through, and where faults are injected.
    """

    def __init__(
        self,
        endpoint: str,
        process: subprocess.Popen[bytes],
        log: Path,
        *,
        auth: bool,
        proxy: emulators.Microburst | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.proxy = proxy
        self.process = process
        self.log = log
        key, secret = ("test", "test") if auth else (emulators.ACCOUNT, "x")
        self.environ = {
            "AWS_ACCESS_KEY_ID": key,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": emulators.REGION,
            "AWS_REGION": emulators.REGION,
            "AWS_ENDPOINT_URL": endpoint,
            "SAM_CLI_TELEMETRY": "0",
        }
        self.session = boto3.Session(
            region_name=emulators.REGION, aws_access_key_id=key, aws_secret_access_key=secret
        )

    def client(self, service: str) -> Any:
        """A boto3 client of it."""
        return self.session.client(service, endpoint_url=self.endpoint)  # type: ignore[call-overload]

    def user(self, name: str, policy: str) -> dict[str, str]:
        """A user of IAM who may do what the policy (JSON) says: the variables that make a program be it."""
        iam = self.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=policy)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def polos(
        self, *arguments: str, cwd: Path = ROOT, who: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run our command line against it; it must succeed. `who`: the credentials of a user, not of the owner."""
        environ = (
            {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | self.environ | (who or {})
        )
        done = subprocess.run(
            [sys.executable, "-c", "from polos.cli import main; main()", *arguments],
            cwd=cwd, env=environ, capture_output=True, text=True, check=False, timeout=6 * PATIENCE,
        )  # fmt: skip
        if done.returncode:
            raise AssertionError(f"polos {' '.join(arguments)} failed:\n{done.stdout}\n{done.stderr}")
        return done

    def decisions(self) -> list[tuple[str, str, str, str, list[str]]]:
        """With `auth`: (principal, action, resource, decision, ids of the statements that allow it) of each request."""
        text = self.log.with_name("decisions.jsonl").read_text()
        return [tuple(json.loads(line)) for line in text.splitlines()]

    def worker_processes(self) -> list[int]:
        """The processes in which it runs Lambda functions."""
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(self.process.pid)], capture_output=True, text=True, check=False
        )
        return [int(pid) for pid in children.stdout.split()]

    def kill_workers(self) -> int:
        """Kill every process that runs a function; how many."""
        found = self.worker_processes()
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return len(found)


@once
def _python() -> Path:
    """The interpreter of MiniStack's environment, with what it expands SAM templates with."""
    folder = emulators.installed()
    done = folder.parent / f".sam-translator-{SAM_TRANSLATOR}"
    if not done.exists():
        emulators.install(folder / "python", f"aws-sam-translator=={SAM_TRANSLATOR}")
        done.touch()
    return folder / "python"


@contextmanager
def cloud(*, auth: bool = False, faults: bool = False) -> Iterator[Cloud]:
    """A MiniStack of one's own, until the block ends.

    `faults`: its functions ask AWS through a proxy that breaks what it is told to.
    """
    port, proxy_port = emulators._free_port(), emulators._free_port()
    python = _python()
    with tempfile.TemporaryDirectory(prefix="polos-cloud-", dir=_in_memory()) as folder:
        log = Path(folder) / "ministack.log"
        account = "000000000000" if auth else emulators.ACCOUNT
        environ = emulators._bare_environ() | {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_ACCOUNT_ID": account,
            "AWS_ACCESS_KEY_ID": "test" if auth else account,
            "AWS_SECRET_ACCESS_KEY": "test" if auth else "x",
            "AWS_DEFAULT_REGION": emulators.REGION,
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "DOCKER_HOST": "unix:///nonexistent.sock",
            "AUTH": "true" if auth else "false",
            "TMPDIR": folder,
            "IAM_DECISIONS": str(Path(folder) / "decisions.jsonl") if auth else "",
        }
        environ["AWS_ENDPOINT_URL"] = (
            f"http://127.0.0.1:{proxy_port if faults else port}"  # its functions inherit it
        )
        endpoint = f"http://127.0.0.1:{port}"
        with (
            _running([str(python), str(LAUNCHER)], log, environ) as process,
            _microburst(endpoint, proxy_port, Path(folder)) if faults else nullcontext() as proxy,
        ):
            _wait_for(f"{endpoint}/_ministack/health", process, log)
            yield Cloud(endpoint, process, log, auth=auth, proxy=proxy)


def _in_memory() -> str | None:
    """Where files cost no disk, if there is room: a function's code is unpacked anew for every process that runs it."""
    memory = Path("/dev/shm")
    room = shutil.disk_usage(memory).free if memory.is_dir() and os.access(memory, os.W_OK) else 0
    return str(memory) if room > 6 * 1024**3 else None


@contextmanager
def _microburst(upstream: str, port: int, folder: Path) -> Iterator[emulators.Microburst]:
    endpoint, log = f"http://127.0.0.1:{port}", folder / "microburst.log"
    command = [str(emulators.installed() / "microburst"), "--upstream", upstream]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    with _running(command, log, emulators._bare_environ()) as process:
        _wait_for(f"{endpoint}/_microburst/health", process, log)
        yield emulators.Microburst(endpoint)


@contextmanager
def _running(command: list[str], log: Path, environ: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=dict(environ), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        stop(process)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        if process.poll() is not None:
            raise Unavailable(f"no emulator: it ended instead of starting:\n{log.read_text()[-3000:]}")
        return emulators._answers(url)

    try:
        until(answers, f"{url} answers")
    except AssertionError as error:
        raise Unavailable(f"no emulator: {error}; it said:\n{log.read_text()[-3000:]}") from error


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and those it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def patience() -> float:
    """Seconds within which anything happens: more where many programs want each processor. Only failures use it up."""
    return PATIENCE * min(6.0, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)))


def until(holds: Callable[[], Any], what: str, *, within: float | None = None) -> Any:
    """Wait until something holds, and give it. `within`: seconds, else as long as there is patience."""
    seconds = patience() if within is None else within
    deadline = time.monotonic() + seconds
    while True:
        found = holds()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"it did not come to pass in {seconds:.0f} s: {what}")
        time.sleep(0.05)


def what_is_left(sky: Cloud, begun: float) -> dict[str, Any]:
    """Everything of ours that still stands, by kind.

    But for log groups younger than `begun` (epoch milliseconds): in this emulator a function that is under way while it
    is deleted makes its group again when it ends; in AWS its role does not let it.
    """
    asked = {
        "stacks": ("cloudformation", "list_stacks", "StackSummaries"),
        "tables": ("dynamodb", "list_tables", "TableNames"),
        "buckets": ("s3", "list_buckets", "Buckets"),
        "queues": ("sqs", "list_queues", "QueueUrls"),
        "functions": ("lambda", "list_functions", "Functions"),
        "sources": ("lambda", "list_event_source_mappings", "EventSourceMappings"),
        "schedules": ("scheduler", "list_schedules", "Schedules"),
        "groups": ("scheduler", "list_schedule_groups", "ScheduleGroups"),
        "logs": ("logs", "describe_log_groups", "logGroups"),
        "roles": ("iam", "list_roles", "Roles"),
        "alarms": ("cloudwatch", "describe_alarms", "MetricAlarms"),
        "apis": ("apigatewayv2", "get_apis", "Items"),
    }
    found = {}
    for kind, (service, operation, key) in asked.items():
        left = getattr(sky.client(service), operation)().get(key, [])
        left = [each for each in left if not _is_awss_own(each) and _of(each) < begun]
        if left:
            found[kind] = left
    return found


def _of(each: Any) -> float:
    return float(each.get("creationTime", 0)) if isinstance(each, dict) else 0.0


def _is_awss_own(each: Any) -> bool:
    return isinstance(each, dict) and (
        each.get("Name") == "default" or each.get("StackStatus") == "DELETE_COMPLETE"
    )


class Deployment:
    """A stack that stands: its outputs, and a client's requests over its tables and queues."""

    def __init__(self, cloud: Cloud, name: str, *, registry: Registry = process_registry) -> None:
        self.cloud = cloud
        self.name = name
        stacks = cloud.client("cloudformation").describe_stacks(StackName=name)["Stacks"]
        self.outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks[0]["Outputs"]}
        self.settings = AwsSettings.from_env(self.variables() | cloud.environ)
        os.environ |= {k: cloud.environ[k] for k in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        self.service: Service = AwsRuntime(self.settings, project="default", registry=registry).service

    def variables(self) -> dict[str, str]:
        """The variables of `AwsSettings`, from the stack's outputs."""
        return {
            "POLOS_LOG_TABLE": self.outputs["LogTable"],
            "POLOS_RECORD_TABLE": self.outputs["RecordTable"],
            "POLOS_BUCKET": self.outputs["ValuesBucket"],
            "POLOS_QUEUES": self.outputs["QueueUrls"],
            "POLOS_SCHEDULE_GROUP": self.outputs["ScheduleGroup"],
            "POLOS_SCHEDULE_ROLE_ARN": self.outputs["ScheduleRoleArn"],
            "POLOS_SCHEDULE_DLQ_ARN": self.outputs["ScheduleDlqArn"],
        }

    def ended(self, execution: str) -> Mapping[str, Any]:
        """The execution, once it has ended."""

        def look() -> Mapping[str, Any] | None:
            meta = self.service.latest(execution)
            return self.service.describe(meta) if meta.status in ENDED else None

        try:
            return dict(until(look, f"execution {execution} ends"))
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.logs()}") from error

    def resources(self) -> dict[str, tuple[str, str]]:
        """Logical id -> (type, name)."""
        return Stack(self.name, self.cloud.client).resources()

    def logs(self) -> str:
        """What the functions said last."""
        groups = [name for kind, name in self.resources().values() if kind == "AWS::Logs::LogGroup"]
        lines = Logs(self.cloud.client, groups).read(0)
        return "\n".join(line.text for line in lines)[-20_000:]
