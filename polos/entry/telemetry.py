"""What Lambda functions tell about themselves: structured logs, metrics, traces, all with execution and step ids."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit

from polos.core.messages import Message
from polos.errors import NotAllowedHere
from polos.runtime.environment import step_environment

Handler = Callable[[Any, Any], Any]

NAMESPACE: Final = "Polos"


class Telemetry(Protocol):
    """Where a function's logs, counts and traces go."""

    def around(self, handler: Handler) -> Handler:
        """The same handler, each of its invocations observed."""
        ...

    def handling(self, messages: Sequence[Message]) -> Any:
        """A context manager around the handling of some messages of one execution."""
        ...

    def count(self, name: str, number: int = 1) -> None:
        """Add to a metric of this invocation."""
        ...


class Quiet:
    """Telemetry for who wants none: plain logging, no metrics, no traces."""

    def around(self, handler: Handler) -> Handler:
        """The handler itself."""
        return handler

    @contextmanager
    def handling(self, messages: Sequence[Message]) -> Iterator[None]:
        """Nothing around it."""
        del messages
        yield

    def count(self, name: str, number: int = 1) -> None:
        """Counted by nobody."""


class Powertools:
    """Powertools for AWS Lambda: JSON logs, metrics in the embedded metric format (no API call), X-Ray if asked for.

    The logger is the one named "polos", so that what the engine logs and `ctx.logger` carry the same keys. `xray`: the
    SDK of X-Ray costs as much at a cold start as boto3 does; the template asks for it only where tracing is active.
    """

    def __init__(self, project: str, *, xray: bool = False) -> None:
        self.logger: Any = Logger(service="polos")
        self.logger.logger_handler.addFilter(_name_the_step)
        self._project = project
        self._metrics = Metrics(namespace=NAMESPACE, service=project)
        self._tracer = Tracer(service="polos", auto_patch=False) if xray else None

    def around(self, handler: Handler) -> Handler:
        """Logs with the request's id and whether it is a cold start; metrics written at the end."""
        observed = self._metrics.log_metrics(handler, capture_cold_start_metric=True)
        if self._tracer is not None:
            observed = self._tracer.capture_lambda_handler(observed, capture_response=False)
        decorated: Handler = self.logger.inject_lambda_context(observed, clear_state=True)
        return decorated

    @contextmanager
    def handling(self, messages: Sequence[Message]) -> Iterator[None]:
        """Log keys, and a subsegment of the trace, with the ids of what is handled."""
        keys = {"project": self._project, **_ids(messages)}
        self.logger.append_keys(**keys)
        try:
            if self._tracer is None:
                yield
            else:
                with self._tracer.provider.in_subsegment(f"## {keys['cause']}") as segment:
                    for name, value in keys.items():
                        segment.put_annotation(key=name, value=value)
                    yield
        finally:
            self.logger.remove_keys(list(keys))

    def count(self, name: str, number: int = 1) -> None:
        """A metric in the namespace `Polos`, by project."""
        self._metrics.add_metric(name=name, unit=MetricUnit.Count, value=number)


def _ids(messages: Sequence[Message]) -> dict[str, Any]:
    first = messages[0]
    return {
        "cause": ",".join(dict.fromkeys(message.kind.value for message in messages)),
        "execution_id": first.execution,
        "workflow_id": first.workflow,
        "operation": ",".join(message.key for message in messages[:10] if message.key),
    }


def _name_the_step(record: logging.LogRecord) -> bool:
    """What is logged inside of a step says so. A filter, for Powertools' keys are the same for all threads."""
    try:
        environment = step_environment()
    except NotAllowedHere:
        return True
    record.step = environment.address.partition(":")[2]
    record.attempt = environment.attempt
    return True
