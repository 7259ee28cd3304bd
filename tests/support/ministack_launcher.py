"""MiniStack with a scheduler that is fit for tests; run by the interpreter of its own virtual environment.

As shipped it looks for due schedules every 10 s and hands out `<aws.scheduler.scheduled-time>` as it stands. AWS fills
that in, so this does: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html
"""

import sys
import time

from ministack.app import main
from ministack.services import eventbridge, scheduler

scheduler._SCHEDULE_TICK_INTERVAL = eventbridge._SCHEDULER_TICK_INTERVAL = 0.25
_invoke_target = eventbridge._invoke_target


def _filled_in(target, event, rule, view=None):
    if event.get("Source") == "aws.scheduler" and "<aws.scheduler.scheduled-time>" in target.get("Input", ""):
        due = time.strftime("%Y-%m-%dT%H:%M:00Z", time.gmtime(event["Time"]))
        target = {**target, "Input": target["Input"].replace("<aws.scheduler.scheduled-time>", due)}
    return _invoke_target(target, event, rule, view)


eventbridge._invoke_target = _filled_in
sys.argv = ["ministack"]
main()
