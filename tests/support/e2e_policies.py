"""The policies of the deployed stack: which roles have which statements, and which of those no test can need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.cloud import Cloud

STACK = "e2e"
POLICY = "polos"
"""The one inline policy of each role."""

# (kind of role, statement) -> why nothing here breaks without it; "*" stands for all.
NOT_SEEN: dict[tuple[str, str], str] = {
    ("*", "WriteLogs"): "the emulator writes logs without asking for permission",
    ("*", "ConsumeQueue"): "the emulator polls without the role; short functions extend no lease",
    ("*", "HandScheduleRole"): "the emulator does not ask whether a role may be passed",
    ("*", "TellMissingValues"): "an error path: what a value that is gone is told as",
    ("Schedule", "SendMessages"): "the emulator delivers schedules without taking on their role",
    ("Schedule", "KeepUndelivered"): "the emulator delivers schedules without taking on their role",
    ("Sweep", "WakeSweeper"): "the emulator delivers schedules without taking on their role",
}


def kind_of(role: str) -> str:
    """The kind of a role, by its name or by the ARN of who has taken it on; "" for what is no role of the stack.

    All workers have the same statements; which of them an app uses is its own.
    """
    found = re.search(rf"(?:^|/){STACK}-dev-([A-Za-z0-9]+)-", role)
    if found is None:
        return ""
    return "Worker" if found[1].startswith("Role") else found[1].removesuffix("Role")


def excused(kind: str, sid: str) -> bool:
    """Whether the list says why nothing needs the statement."""
    return bool({(kind, sid), ("*", sid), (kind, "*")} & set(NOT_SEEN))


def given(sky: Cloud) -> set[tuple[str, str]]:
    """(kind of role, statement) of the stack's policies."""
    return {(role, statement["Sid"]) for role, statement in statements(sky)}


def statements(sky: Cloud) -> Iterator[tuple[str, dict[str, Any]]]:
    """(kind of role, statement) of the stack's policies, in full."""
    for role, document in roles(sky):
        yield from ((kind_of(role), statement) for statement in document["Statement"])


def roles(sky: Cloud) -> Iterator[tuple[str, dict[str, Any]]]:
    """The stack's roles and their policies."""
    iam = sky.client("iam")
    for role in iam.list_roles()["Roles"]:
        if kind_of(role["RoleName"]):
            yield (
                role["RoleName"],
                iam.get_role_policy(RoleName=role["RoleName"], PolicyName=POLICY)["PolicyDocument"],
            )


@contextmanager
def without(sky: Cloud, kind: str, sid: str) -> Iterator[None]:
    """The roles of that kind lack the statement, until the block ends."""
    iam = sky.client("iam")
    before = {role: document for role, document in roles(sky) if kind_of(role) == kind}

    def put(role: str, kept: list[dict[str, Any]]) -> None:
        document = json.dumps({**before[role], "Statement": kept})
        iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=document)

    try:
        for role, document in before.items():
            kept = [each for each in document["Statement"] if each["Sid"] != sid]
            assert len(kept) == len(document["Statement"]) - 1, f"{role} has no statement {sid}"
            put(role, kept)
        yield
    finally:
        for role, document in before.items():
            put(role, document["Statement"])
