"""The boto3 clients: one session, each client made when first asked for, and every request made through `Aws.call`.

The SDK makes one attempt; the retries are ours (`failures` says which errors deserve one). Two reasons: a caller must
know whether an earlier attempt may have been applied before it reads "condition failed" as "somebody else was first",
which the SDK does not tell; and the time between attempts is the clock's, so that tests hold it in their hands. The
wait is drawn evenly from 0 to an exponentially growing bound ("full jitter"): many workers that lost the same race must
not meet again. (docs/decisions/0010-the-adapters-repeat-calls-themselves.md)
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.config import Config

from polos.adapters.aws.failures import Failure, Fate, Refused, classify
from polos.adapters.aws.settings import AwsSettings
from polos.errors import TryAgain
from polos.ports import Clock

_CONNECT_TIMEOUT: Final = 2.0
_READ_TIMEOUT: Final = {
    "dynamodb": 5.0,
    "sqs": 25.0,  # above the longest long poll, 20 s
    "scheduler": 10.0,
    "s3": 30.0,
    "secretsmanager": 5.0,
    "ssm": 5.0,
}


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call is repeated: at most `attempts` times, and not begun again after `budget` seconds.

    Before repeat n it waits up to min(`cap`, `base` * 2**n) seconds. A worker's lease is about a minute: the budget
    leaves it time to stop in good order.
    """

    attempts: int = 9
    base: float = 0.05
    cap: float = 2.0
    budget: float = 20.0

    def wait(self, repeat: int, chance: float) -> float:
        """Seconds before repeat number `repeat` (0, 1, ...), for a `chance` in [0, 1)."""
        return chance * min(self.cap, self.base * 2.0**repeat)


class Aws:
    """The AWS of one stack. May be used from any thread; make one per process and keep it.

    Args:
        settings: Where the stack's resources are.
        clock: Tells the time, and sleeps between attempts.
        session: The boto3 session to take credentials from; the default chain's if None.
        clients: Clients made already (by `make_client`), by service; they hold no state and may be shared.
        chance: Gives a float in [0, 1) for each wait.
    """

    def __init__(
        self,
        settings: AwsSettings,
        *,
        clock: Clock,
        session: boto3.Session | None = None,
        clients: Mapping[str, Any] | None = None,
        patience: Patience = Patience(),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.patience = patience
        self.chance = chance
        self._session = session
        self._clients: dict[str, Any] = dict(clients or {})
        self._lock = threading.Lock()  # making clients is not safe in threads, using them is

    def client(self, service: str) -> Any:
        """The boto3 client of `service` ("dynamodb", "sqs", "scheduler", "s3"), made on first use."""
        client = self._clients.get(service)
        if client is None:
            with self._lock:
                client = self._clients.get(service) or self._make(service)
                self._clients[service] = client
        return client

    def call(
        self,
        service: str,
        operation: str,
        *,
        on: str,
        hear: Collection[str] = (),
        **arguments: Any,
    ) -> dict[str, Any]:
        """One request, repeated while that may help; its answer, with an S3 body read into bytes.

        Args:
            operation: As a method of the client, e.g. "put_item".
            on: What it is about, for error messages: "table polos-logs".
            hear: Error codes the caller wants to see as `Refused`; every other error is raised as a StoreError.

        Raises:
            Refused: One of `hear`.
            CredentialsMissing: There are none, or they have expired.
            TryAgain: Throttled or unreachable in every attempt.
            StoreError: Anything else the service says.
        """
        unsure, started, repeat = False, self.clock.monotonic(), 0
        while True:
            try:
                return self._attempt(service, operation, arguments)
            except Exception as error:
                failure = classify(error, service=service, operation=operation, on=on)
                if failure is None:
                    raise
                if failure.code in hear:
                    raise Refused(failure.code, failure.answer, unsure=unsure) from error
                if failure.fate is Fate.FINAL:
                    raise failure.error from error
                unsure = unsure or failure.fate is Fate.UNSURE
                self._wait(failure, repeat, started, cause=error)
                repeat += 1

    def pause(self, repeat: int) -> None:
        """Wait before repeat number `repeat` of something that a call refused, such as a lost race for a tail."""
        self.clock.sleep(self.patience.wait(repeat, self.chance()))

    def _attempt(self, service: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self.client(service), operation)(**arguments)
        if service == "s3" and "Body" in answer:
            answer["Body"] = answer[
                "Body"
            ].read()  # here, because it can break off and then has to be asked anew
        return answer

    def _wait(self, failure: Failure, repeat: int, started: float, *, cause: Exception) -> None:
        waited = self.clock.monotonic() - started
        if repeat + 1 >= self.patience.attempts or waited >= self.patience.budget:
            raise TryAgain(
                f"{failure.what} failed {repeat + 1} times in {waited:.1f} s, at last with: {failure.reason}. "
                "Nothing is wrong with the call itself; it may succeed later"
            ) from cause
        self.pause(repeat)

    def _make(self, service: str) -> Any:
        if self._session is None:
            self._session = boto3.Session(region_name=self.settings.region)
        return make_client(self._session, service, self.settings)


def make_client(session: boto3.Session, service: str, settings: AwsSettings) -> Any:
    """A client of `service` as `Aws` uses it: one attempt, our timeouts."""
    config = Config(
        region_name=settings.region,
        connect_timeout=_CONNECT_TIMEOUT,
        read_timeout=_READ_TIMEOUT[service],
        retries={"total_max_attempts": 1, "mode": "standard"},
        max_pool_connections=32,
        tcp_keepalive=True,
        user_agent_extra="polos",
        # Emulators on an address of their own have no host name per bucket.
        s3={"addressing_style": "path"} if settings.endpoint else None,
    )
    return session.client(service, endpoint_url=settings.endpoint, config=config)  # type: ignore[call-overload]
