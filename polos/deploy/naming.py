"""Names in the template: the same for the same queue or schedule, whatever else the app has.

CloudFormation replaces a resource whose logical id changes, and a replaced queue loses its messages. So an id depends
on nothing but the name it stands for, and two names never share one.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

_PLAIN: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*", re.ASCII)
_READABLE: Final = 40


def logical_name(name: str) -> str:
    """`send-mails` as `SendMails`; a name that could be mistaken for another by then has its hash at the end."""
    camel = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^a-zA-Z0-9]+", name))
    if _PLAIN.fullmatch(name) and len(camel) <= _READABLE:
        return camel
    return camel[:_READABLE] + "X" + hashlib.sha256(name.encode()).hexdigest()[:8]


def slug(text: str) -> str:
    """A text as the name of a stack: `[a-z][a-z0-9-]*`."""
    found = re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")
    return found if found[:1].isalpha() else f"app-{found}".rstrip("-")
