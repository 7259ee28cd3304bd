"""Limits of AWS that neither CloudFormation nor cfn-lint tells before a deployment fails, or never tells.

cfn-lint does not look into SAM's resources, and takes a function's timeout of 5400 s, which only managed instances
have. Each problem names the resource and the fix; all are told at once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from polos.core.cron.zones import time_zone
from polos.deploy.intrinsics import without_comments
from polos.errors import InvalidDefinition, PolosError

MOST_RESOURCES: Final = 500
MANY_RESOURCES: Final = 400
MOST_ENVIRONMENT: Final = 4096
MOST_POLICY: Final = 10_240
MOST_BODY: Final = 1_000_000
MOST_SHOWN: Final = 12
"""Problems that are told one by one."""
_ARN: Final = 130  # characters of an ARN or URL that is known only when the stack stands: a cautious guess
_ID: Final = re.compile(r"[A-Za-z0-9]{1,255}", re.ASCII)
_EXPRESSION: Final = re.compile(
    r"cron\(( ?[0-9A-Z*?,/#LW-]+){6}\)|rate\([1-9][0-9]* (minute|hour|day)s?\)|at\([0-9T:-]{19}\)"
)

Resource = Mapping[str, Any]


def check(document: Mapping[str, Any]) -> list[str]:
    """Warnings about a template.

    Raises:
        InvalidDefinition: AWS would refuse it, or it would not work; all reasons at once, if they are few.
    """
    data = without_comments(dict(document))
    resources: dict[str, Resource] = data["Resources"]
    problems: list[str] = []
    if len(resources) > MOST_RESOURCES:
        problems.append(
            f"{len(resources)} resources; CloudFormation takes {MOST_RESOURCES}: let workflows share queues"
        )
    if len(json.dumps(data)) > MOST_BODY:
        problems.append(
            f"the template has {len(json.dumps(data))} characters; CloudFormation takes {MOST_BODY}"
        )
    problems += [
        f"{name}: {text}" for name, resource in resources.items() for text in _problems(name, resource, data)
    ]
    if problems:
        raise InvalidDefinition("AWS would refuse this stack:\n  " + "\n  ".join(_shown(problems)))
    if len(resources) > MANY_RESOURCES:
        return [
            f"{len(resources)} resources of the {MOST_RESOURCES} that CloudFormation takes: let workflows share queues"
        ]
    return []


def _shown(problems: Sequence[str]) -> list[str]:
    """As many as a person reads: what is wrong with one of sixty functions is wrong with all."""
    more = len(problems) - MOST_SHOWN
    return [*problems[:MOST_SHOWN], *([f"and {more} more of this kind"] if more > 0 else [])]


def _problems(name: str, resource: Resource, data: Mapping[str, Any]) -> Iterator[str]:
    if not _ID.fullmatch(name):
        yield "a logical id has letters and digits only"
    looks = _LOOKS.get(str(resource.get("Type")))
    if looks is not None:
        yield from looks(resource.get("Properties", {}), data)


def _function(properties: Resource, data: Mapping[str, Any]) -> Iterator[str]:
    defaults = data.get("Globals", {}).get("Function", {})
    timeout, memory = properties.get("Timeout", 3), properties.get("MemorySize", 128)
    if isinstance(timeout, int) and not 1 <= timeout <= 900:
        yield f"Timeout {timeout} s; Lambda runs a function for 1 to 900 s: split the step, or wait durably"
    if isinstance(memory, int) and not 128 <= memory <= 10_240:
        yield f"MemorySize {memory} MB; Lambda gives 128 to 10240"
    variables = _variables(defaults) | _variables(properties)
    size = sum(len(key) + _expected(value) for key, value in variables.items())
    if size > MOST_ENVIRONMENT:
        yield (
            f"its environment will have about {size} bytes, Lambda takes {MOST_ENVIRONMENT}: move values to a "
            "parameter store, or let workflows share queues (each takes about 150)"
        )
    if len(properties.get("Layers", ())) > 5:
        yield f"{len(properties['Layers'])} layers; Lambda takes 5"


def _variables(owner: Mapping[str, Any]) -> dict[str, Any]:
    return dict(owner.get("Environment", {}).get("Variables", {}))


def _expected(value: Any) -> int:
    """How long a value will be once its references are filled in."""
    text = json.dumps(value)
    if isinstance(value, str):
        return len(value)
    return len(re.sub(r"\$\{[^}]*\}", "", text)) + _ARN * max(1, len(re.findall(r"\$\{[^!}][^}]*\}", text)))


def _source(properties: Resource, data: Mapping[str, Any]) -> Iterator[str]:
    bound = properties.get("ScalingConfig", {}).get("MaximumConcurrency")
    if isinstance(bound, int) and not 2 <= bound <= 1000:
        yield f"MaximumConcurrency {bound}; Lambda takes 2 to 1000: for one at a time, say concurrency_limit=1"
    resources = data["Resources"]
    queue = resources.get(_target(properties.get("EventSourceArn")), {}).get("Properties", {})
    function = resources.get(_target(properties.get("FunctionName")), {}).get("Properties", {})
    visibility, timeout = queue.get("VisibilityTimeout", 30), function.get("Timeout", 3)
    if isinstance(visibility, int) and isinstance(timeout, int) and visibility < timeout:
        yield (
            f"the queue hides a message for {visibility} s, and its function may take {timeout} s: it would be "
            "delivered twice; raise VisibilityTimeout"
        )


def _target(value: Any) -> str:
    """The logical id that a reference is to."""
    if isinstance(value, Mapping) and "Ref" in value:
        return str(value["Ref"])
    if isinstance(value, Mapping) and "Fn::GetAtt" in value:
        return str(value["Fn::GetAtt"][0])
    return ""


def _queue(properties: Resource, data: Mapping[str, Any]) -> Iterator[str]:
    del data
    receives = properties.get("RedrivePolicy", {}).get("maxReceiveCount", 5)
    if isinstance(receives, int) and receives < 5:
        yield f"maxReceiveCount {receives}: throttling alone would send messages to the dead-letter queue; 5 or more"
    if isinstance(seconds := properties.get("VisibilityTimeout", 30), int) and not 0 <= seconds <= 43_200:
        yield f"VisibilityTimeout {seconds} s; SQS takes 0 to 43200"


def _schedule(properties: Resource, data: Mapping[str, Any]) -> Iterator[str]:
    del data
    expression = str(properties.get("ScheduleExpression", ""))
    if not _EXPRESSION.fullmatch(expression) or len(expression) > 256:
        yield f"ScheduleExpression {expression!r} is none that EventBridge Scheduler takes"
    try:
        time_zone(str(properties.get("ScheduleExpressionTimezone", "UTC")))
    except PolosError as error:
        yield str(error)
    target = properties.get("Target", {})
    if len(json.dumps(target.get("Input", ""))) > 256 * 1024:
        yield "its input is over the 256 KB that EventBridge Scheduler takes"


def _role(properties: Resource, data: Mapping[str, Any]) -> Iterator[str]:
    del data
    policies = [policy["PolicyDocument"] for policy in properties.get("Policies", ())]
    size = sum(_policy_size(policy) for policy in policies)
    if size > MOST_POLICY:
        yield (
            f"its policies will have about {size} characters, IAM takes {MOST_POLICY}: let workflows share queues, or "
            "give a managed policy of your own"
        )
    if len(properties.get("ManagedPolicyArns", ())) > 10:
        yield f"{len(properties['ManagedPolicyArns'])} managed policies; IAM takes 10"


def _policy_size(policy: Any) -> int:
    """Whitespace does not count; references become ARNs."""
    text = json.dumps(policy, separators=(",", ":"))
    return len(text) + _ARN * (text.count('"Fn::GetAtt"') + text.count('"Fn::Sub"') + text.count('"Ref"'))


_LOOKS: Final[Mapping[str, Callable[[Resource, Mapping[str, Any]], Iterator[str]]]] = {
    "AWS::Serverless::Function": _function,
    "AWS::Lambda::EventSourceMapping": _source,
    "AWS::SQS::Queue": _queue,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::IAM::Role": _role,
}
