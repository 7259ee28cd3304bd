"""What AWS asks for what the engine uses, in US dollars, us-east-1, on demand, beyond the free tiers.

Sources, to be looked at again when `AS_OF` is old: https://aws.amazon.com/dynamodb/pricing/on-demand,
https://aws.amazon.com/sqs/pricing, https://aws.amazon.com/lambda/pricing (durable functions included),
https://aws.amazon.com/eventbridge/pricing, https://aws.amazon.com/s3/pricing,
https://aws.amazon.com/step-functions/pricing. Storage, data transfer, logs and a queue's idle polling are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

AS_OF: Final = "September 2026"
REGION: Final = "us-east-1"

WRITE_UNIT: Final = 0.625e-6
READ_UNIT: Final = 0.125e-6
SQS_REQUEST: Final = 0.40e-6
SCHEDULER_INVOCATION: Final = 1.00e-6
LAMBDA_REQUEST: Final = 0.20e-6
LAMBDA_GB_SECOND_ARM: Final = 0.0000133334
S3_PUT: Final = 5.0e-6
S3_GET: Final = 0.4e-6

STEP_FUNCTIONS_TRANSITION: Final = 25.0e-6
DURABLE_OPERATION: Final = 8.0e-6


@dataclass(frozen=True, slots=True)
class Line:
    """So much of something, at so much each; `price` and `dollars` in US dollars."""

    what: str
    count: float
    price: float

    @property
    def dollars(self) -> float:
        """What it costs."""
        return self.count * self.price
