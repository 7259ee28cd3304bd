"""MiniStack with a scheduler that is fit for tests; run by the interpreter of its own virtual environment.

As shipped it looks for due schedules every 10 s and hands out `<aws.scheduler.scheduled-time>` as it stands. AWS fills
that in, and so does this: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

import json
import os
import sys
import time
from pathlib import Path

from ministack.app import main
from ministack.core import iam_evaluator
from ministack.services import eventbridge, scheduler

scheduler._SCHEDULE_TICK_INTERVAL = eventbridge._SCHEDULER_TICK_INTERVAL = 0.25
_invoke_target = eventbridge._invoke_target


def _filled_in(target, event, rule, view=None):
    if event.get("Source") == "aws.scheduler" and "<aws.scheduler.scheduled-time>" in target.get("Input", ""):
        due = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(event["Time"]))
        target = {**target, "Input": target["Input"].replace("<aws.scheduler.scheduled-time>", due)}
    return _invoke_target(target, event, rule, view)


eventbridge._invoke_target = _filled_in


def _note_decisions(file):
    """With AUTH=true: which statements allow each request, so that those that allow none are found."""
    decide = iam_evaluator.evaluate

    def evaluate(ctx, policies, *limits):
        # The emulator asks for sqs:SendMessageBatch, which is no action of IAM: to AWS a batch is so many single calls.
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
        if ctx.action.startswith("sqs:"):
            ctx.action = ctx.action.removesuffix("Batch")
        # It also takes every schedule for one of the group "default", whatever group the request names.
        groups = {name for *_, name in scheduler._schedule_groups._data} - {"default"}
        if ctx.action.startswith("scheduler:") and len(groups) == 1:
            ctx.resource_arn = ctx.resource_arn.replace(":schedule/default/", f":schedule/{groups.pop()}/")
        result = decide(ctx, policies, *limits)
        allowing = [
            statement.sid
            for policy in policies
            for statement in policy
            if iam_evaluator._first_match(ctx, [statement], "Allow") is not None
        ]
        if sys._getframe(1).f_code.co_name == "evaluate_resource_policy":
            return result  # a queue's own policy, beside the role's
        noted = [ctx.principal_arn, ctx.action, ctx.resource_arn, result.decision, allowing]
        file.write(json.dumps(noted) + "\n")
        file.flush()
        return result

    iam_evaluator.evaluate = evaluate


if os.environ.get("IAM_DECISIONS"):
    _note_decisions(Path(os.environ["IAM_DECISIONS"]).open("a"))  # noqa: SIM115 (open until the end)

sys.argv = ["ministack"]
main()
