"""Text as the body of a message: SQS carries the characters that XML allows, and Scheduler replaces its own keywords.

A body that could be changed or refused on the way travels wrapped: the mark, then its UTF-8 compressed and in base64.
Everything else, and so nearly everything, travels as it is and can be read in the console.
"""

from __future__ import annotations

import base64
import re
import zlib
from typing import Final

from polos.errors import StoreError
from polos.ports import TICK

SCHEDULER_KEYWORD: Final = "<aws.scheduler."
"""What begins a keyword that EventBridge Scheduler replaces in the input of a target."""

_SCHEDULED_TIME: Final = f"{SCHEDULER_KEYWORD}scheduled-time>"
_MARK: Final = "polos+zlib+base64:"

# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html: #x9 | #xA | #xD |
# #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF. MiniStack refuses others too, moto takes them.
UNSENDABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""A character that a message cannot carry."""


def wrap(body: str) -> str:
    """`body` as it travels."""
    if UNSENDABLE.search(body) or SCHEDULER_KEYWORD in body or body.startswith(_MARK):
        return _MARK + base64.b64encode(zlib.compress(body.encode())).decode()
    return body


def unwrap(body: str) -> str:
    """What `wrap` was given. StoreError if it begins with the mark and is not ours."""
    if not body.startswith(_MARK):
        return body
    try:
        return zlib.decompress(base64.b64decode(body.removeprefix(_MARK), validate=True)).decode()
    except (ValueError, zlib.error) as error:
        raise StoreError(
            f"a message begins with {_MARK!r} and cannot be unwrapped: {error}; something other than polos sent it"
        ) from error


def tick_input(body: str) -> str:
    """The input of a repeating schedule: `body` with TICK replaced by Scheduler's word for the due time.

    Nothing else may be left in it that Scheduler would replace. A wrapped body could not be filled in; but bodies are
    JSON, where a character may as well be written by its number.
    """
    body = UNSENDABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", body)
    body = body.replace(SCHEDULER_KEYWORD, SCHEDULER_KEYWORD.replace("<", "\\u003c"))
    return body.replace(TICK, _SCHEDULED_TIME)
