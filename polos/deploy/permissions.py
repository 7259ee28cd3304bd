"""What functions may do: the statements of `infra/policies.toml`, and those that users add.

Named actions on named resources only; whoever needs more has to write down why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from polos.deploy.infra import infra_toml
from polos.errors import InvalidDefinition
from polos.runtime.secrets import Reference


@dataclass(frozen=True, slots=True)
class Permission:
    """One statement. `resources`: names of `infra/policies.toml`, or ARNs (texts or CloudFormation functions).

    `to`: the service that a role may be passed to. `ours`: from `infra/`, where resources are names.
    """

    sid: str
    why: str
    actions: tuple[str, ...]
    resources: tuple[Any, ...]
    to: str = ""
    ours: bool = True

    @classmethod
    def of_user(cls, statement: Mapping[str, Any], *, who: str, number: int) -> Permission:
        """A statement of a decorator or queue. Raises `InvalidDefinition` for one that is unclear or too broad."""
        unknown = set(statement) - {"Action", "Resource", "Sid", "Why", "Effect"}
        actions, resources = _texts(statement.get("Action")), _texts(statement.get("Resource"))
        example = "{'Action': 'ses:SendEmail', 'Resource': 'arn:aws:ses:eu-west-1:111122223333:identity/shop.example'}"
        if unknown or not actions or not resources or statement.get("Effect", "Allow") != "Allow":
            raise InvalidDefinition(
                f"{who}: the policy {dict(statement)!r} is not understood; write it as {example}"
            )
        broad = [action for action in actions if str(action) == "*" or str(action).endswith(":*")]
        why = str(statement.get("Why", ""))
        if broad or ("*" in resources and not why):
            raise InvalidDefinition(
                f"{who}: the policy {dict(statement)!r} allows too much. Name each action, and each resource by its "
                "ARN; where AWS offers no resource to name, say so with 'Why': '...'"
            )
        sid = str(statement.get("Sid", "")) or f"App{number}"
        return cls(sid, why or f"Asked for by {who}.", tuple(actions), tuple(resources), ours=False)


def permissions(kind: str, *, tracing: bool = False, vpc: bool = False) -> tuple[Permission, ...]:
    """The statements for a kind of function."""
    data, on = infra_toml("policies.toml"), {"tracing": tracing, "vpc": vpc}
    rows = [row for row in data["statement"] if kind in row["functions"]]
    rows += [row for row in data["optional"] if kind in row["functions"] and on[row["when"]]]
    return tuple(_permission(row) for row in rows)


def role_permissions(role: str) -> tuple[Permission, ...]:
    """The statements of a role of EventBridge Scheduler: "schedule", or "sweep"."""
    return tuple(_permission(row) for row in infra_toml("policies.toml")[role])


def _permission(row: Mapping[str, Any]) -> Permission:
    actions, resources = tuple(sorted(row["actions"])), tuple(row["resources"])
    return Permission(row["sid"], row["why"], actions, resources, row.get("to", ""))


def secret_permissions(secrets: Sequence[str]) -> tuple[Permission, ...]:
    """The right to read each secret that the code names, and no other."""
    stored = [Reference.parse(name) for name in secrets]
    ids = sorted({_secret_arn(each) for each in stored if each.service != "ssm"})
    parameters = sorted({each.id.lstrip("/") for each in stored if each.service == "ssm"})
    found: list[Permission] = []
    if ids:
        why = "The secrets that the code names, one by one; AWS ends each ARN with six characters of chance."
        arns = tuple({"Fn::Sub": arn} for arn in ids)
        found.append(Permission("ReadSecrets", why, ("secretsmanager:GetSecretValue",), arns, ours=False))
    if parameters:
        place = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter/"
        arns = tuple({"Fn::Sub": place + name} for name in parameters)
        why = "The parameters that the code names, one by one."
        found.append(Permission("ReadParameters", why, ("ssm:GetParameter",), arns, ours=False))
    return tuple(found)


def _secret_arn(reference: Reference) -> str:
    if reference.id.startswith("arn:"):
        return reference.id
    name = reference.id if reference.service else f"polos/${{Project}}/{reference.id}"
    return f"arn:${{AWS::Partition}}:secretsmanager:${{AWS::Region}}:${{AWS::AccountId}}:secret:{name}-??????"


def _texts(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return [value] if isinstance(value, str | Mapping) else list(value)
