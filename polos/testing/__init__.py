"""The harness users test their workflows with: AWS in the process, virtual time, crashes at chosen writes.

And models that say what a script tells them to: `FakeModel` in this process, `WireServer` on a loopback port.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    # For type checkers and editors: one line for every name of `_HOMES`.
    from polos.testing.aws import AwsHarness as AwsHarness
    from polos.testing.fake_model import FakeModel as FakeModel
    from polos.testing.fake_model import forbid_real_requests as forbid_real_requests
    from polos.testing.harness import Harness as Harness
    from polos.testing.harness import NothingHappens as NothingHappens
    from polos.testing.harness import RunsForEver as RunsForEver
    from polos.testing.harness import Started as Started
    from polos.testing.local import MemoryHarness as MemoryHarness
    from polos.testing.local import SqliteHarness as SqliteHarness
    from polos.testing.moto.faults import Fault as Fault
    from polos.testing.moto.harness import MotoHarness as MotoHarness
    from polos.testing.moto.meter import AwsMeter as AwsMeter
    from polos.testing.turns import Call as Call
    from polos.testing.turns import Failure as Failure
    from polos.testing.turns import ScriptEnded as ScriptEnded
    from polos.testing.turns import Turn as Turn
    from polos.testing.turns import call as call
    from polos.testing.turns import fail as fail
    from polos.testing.turns import turn as turn
    from polos.testing.wire_server import WireRequest as WireRequest
    from polos.testing.wire_server import WireServer as WireServer

# Public name -> the module it lives in, loaded when first asked for: a test of plain workflows loads no models.
_HOMES: Final[dict[str, str]] = {
    "AwsHarness": "polos.testing.aws",
    "AwsMeter": "polos.testing.moto",
    "Call": "polos.testing.turns",
    "Failure": "polos.testing.turns",
    "FakeModel": "polos.testing.fake_model",
    "Fault": "polos.testing.moto",
    "Harness": "polos.testing.harness",
    "MemoryHarness": "polos.testing.local",
    "MotoHarness": "polos.testing.moto",
    "NothingHappens": "polos.testing.harness",
    "RunsForEver": "polos.testing.harness",
    "ScriptEnded": "polos.testing.turns",
    "SqliteHarness": "polos.testing.local",
    "Started": "polos.testing.harness",
    "Turn": "polos.testing.turns",
    "WireRequest": "polos.testing.wire_server",
    "WireServer": "polos.testing.wire_server",
    "call": "polos.testing.turns",
    "fail": "polos.testing.turns",
    "forbid_real_requests": "polos.testing.fake_model",
    "turn": "polos.testing.turns",
}

__all__ = [*_HOMES]  # noqa: PLE0604  (strings all, by the annotation of `_HOMES`)


def __getattr__(name: str) -> Any:
    """Load a public name from the module it lives in.

    Raises:
        AttributeError: `name` is not a public name of polos.testing.
    """
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'polos.testing' has no attribute {name!r}")
    return getattr(import_module(home), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
