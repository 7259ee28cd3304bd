"""Polos on AWS: the engine over DynamoDB, SQS, EventBridge Scheduler and S3, made once per process.

The environment says where everything is (`polos.adapters.aws.settings`, and the variables below): in Lambda the
template sets it; elsewhere (a container, a script) take it from the stack's outputs.

| variable | what |
|---|---|
| `POLOS_PROJECT_ID` | the project: every stored name begins with it; `default` if not set |
| `POLOS_SECRETS_PREFIX` | what comes before the names of secrets in Secrets Manager; `polos/<project>/` if not set |
| `POLOS_APP` | the modules with workflows, separated by commas |
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from polos.adapters.aws.clients import Aws
from polos.adapters.aws.dynamodb_log import DynamoLog
from polos.adapters.aws.dynamodb_records import DynamoRecords
from polos.adapters.aws.s3 import S3Blobs
from polos.adapters.aws.scheduler import SchedulerTimers
from polos.adapters.aws.secrets import PREFIX_VARIABLE, AwsSecrets
from polos.adapters.aws.settings import AwsSettings
from polos.adapters.aws.sqs import SqsQueue
from polos.adapters.clock import SystemClock
from polos.core.definitions import Registry
from polos.core.definitions import registry as process_registry
from polos.entry.identity import new_execution_id, new_token
from polos.entry.loading import load_source, named_sources
from polos.entry.memory import settle_memory
from polos.errors import CannotLoad
from polos.ports import Ports
from polos.runtime.delivery import Intake
from polos.runtime.engine import Engine
from polos.runtime.host import DEFAULT, Host, Settings
from polos.runtime.secrets import EnvironmentSource, Vault, use_vault
from polos.runtime.service import Service
from polos.runtime.steps import GRACE_SECONDS, LocalRunner, WorkerLoop

PROJECT_VARIABLE: Final = "POLOS_PROJECT_ID"
APP_VARIABLE: Final = "POLOS_APP"
STEP_THREADS: Final = 32
IN_A_STACK: Final = Settings(stack_schedules=True)


def aws_ports(aws: Aws) -> Ports:
    """The adapters of one stack, sharing its clients."""
    blobs, queue = S3Blobs(aws), SqsQueue(aws)
    return Ports(
        log=DynamoLog(aws, blobs),
        records=DynamoRecords(aws),
        queue=queue,
        timers=SchedulerTimers(aws, queue),
        blobs=blobs,
        clock=aws.clock,
    )


class AwsRuntime:
    """The engine and the requests of one project over AWS: what a sandbox keeps warm between invocations.

    Args:
        settings: Where the stack's resources are.
        ports: The adapters; made of `settings` unless given.
        engine: Limits of the engine.
        on_end: Told of each execution that ends here: project, execution.
        grace: Seconds that a sync step has to stop in after its timeout, before it counts as stuck.

    Attributes:
        stuck: Addresses of sync steps that went on after their timeout: this process must end, see `functions`.
    """

    def __init__(
        self,
        settings: AwsSettings,
        *,
        project: str,
        ports: Ports | None = None,
        registry: Registry = process_registry,
        engine: Settings = DEFAULT,
        on_end: Callable[[str, str], None] | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self.settings = settings
        self._aws = None if ports else Aws(settings, clock=SystemClock())
        self.ports = ports or aws_ports(self._aws)  # type: ignore[arg-type]
        self.stuck: list[str] = []
        self._loop = WorkerLoop()
        self._threads = ThreadPoolExecutor(STEP_THREADS, thread_name_prefix="polos-step")
        self._grace = grace
        self.host = Host(
            self.ports,
            registry,
            token=new_token,
            runner=self._runner,
            settings=engine,
            on_end=on_end,
        )
        self.intake = Intake(Engine(self.host))
        self.service = Service(self.host, project, new_id=new_execution_id)

    def _runner(self) -> LocalRunner:
        return LocalRunner(
            self._loop,
            self._threads,
            lambda: int(self.ports.clock.now() * 1000),
            on_stuck=self.stuck.append,
            grace=self._grace,
        )

    def warm(self) -> None:
        """Make the clients that every invocation uses: while Lambda starts a sandbox, CPU is not yet rationed."""
        settle_memory()
        if self._aws is not None:
            for service in ("dynamodb", "sqs"):
                self._aws.client(service)

    def close(self) -> None:
        """Stop the threads for steps. For a process that goes on without this runtime; a sandbox just freezes."""
        self._loop.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


def from_environment(environ: Mapping[str, str], **options: Any) -> AwsRuntime:
    """The runtime that the variables describe, with the user's modules imported.

    Raises:
        StoreError: A variable of the stack is missing; all missing ones are named.
        CannotLoad: POLOS_APP names no module, or one that cannot be imported.
    """
    settings = AwsSettings.from_env(environ)
    project = environ.get(PROJECT_VARIABLE) or "default"
    use_vault(stack_vault(Aws(settings, clock=SystemClock()), environ, project))
    modules = named_sources(environ.get(APP_VARIABLE, ""))
    if not modules:
        raise CannotLoad(
            APP_VARIABLE, "it is not set; it names the modules with workflows: 'shop.orders,shop.mails'"
        )
    for module in modules:
        load_source(module)
    return AwsRuntime(settings, project=project, **{"engine": IN_A_STACK, **options})


def stack_vault(aws: Aws, environ: Mapping[str, str], project: str) -> Vault:
    """Where the secrets of a stack are: variables of the environment first, then Secrets Manager and SSM."""
    prefix = environ.get(PREFIX_VARIABLE) or f"polos/{project}/"
    return Vault([EnvironmentSource(environ, file=None), AwsSecrets(aws, prefix=prefix)])


@functools.cache
def runtime() -> AwsRuntime:
    """The runtime of this process, made when first asked for."""
    return from_environment(os.environ)
