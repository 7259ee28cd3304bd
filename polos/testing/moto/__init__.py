"""AWS in this process, for tests: moto made safe, fast and strict, on a clock that the test holds.

    with MotoHarness(queues=["shop/default"]) as aws:
        ports = aws.ports()
        ports.log.append("shop/log", 0, ["{}"])
        aws.clock.advance(60)
        assert aws.meter.write_units == 1

What moto alone does not do, and this adds: one lock around every request; transactions that cost what they touch and
keep their `ClientRequestToken`; queries that read one partition; limits and expressions checked as AWS does; capacity
units counted; schedules that fire; long polls, delays and visibility on the clock of the test; faults on demand.
"""

try:
    import moto as _moto  # noqa: F401
except ImportError as error:
    raise ImportError(
        "polos.testing.moto runs on moto, which is not installed: pip install 'moto[dynamodb,s3,scheduler,sqs]'"
    ) from error

from polos.testing.moto.faults import Fault, Faults
from polos.testing.moto.harness import MotoHarness
from polos.testing.moto.meter import AwsMeter, Usage
from polos.testing.moto.requests import Call

__all__ = ["AwsMeter", "Call", "Fault", "Faults", "MotoHarness", "Usage"]
