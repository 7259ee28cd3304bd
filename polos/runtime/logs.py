"""`ctx.logger`: an ordinary logger that is quiet while history is replayed."""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from polos.core.replay import Replay
from polos.core.start import StartInfo


class BodyLogger(logging.LoggerAdapter[logging.Logger]):
    """Logs what the code says where it goes on for the first time; adds the execution and workflow ids."""

    def __init__(self, logger: logging.Logger, replay: Replay, info: StartInfo) -> None:
        super().__init__(logger, {"execution_id": info.execution, "workflow_id": info.workflow})
        self._replay = replay

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - logging's name
        """Quiet on replay."""
        return self._replay.live and super().isEnabledFor(level)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        """Add the ids to what the caller passes as `extra`."""
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def body_logger(name: str = "polos.workflow") -> Any:
    """What makes the logger of an execution."""
    logger = logging.getLogger(name)
    return lambda replay, info: BodyLogger(logger, replay, info)
