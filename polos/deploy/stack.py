"""The stack in CloudFormation: create or update it, look at it, delete it with everything that it has made."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore.exceptions import ClientError

from polos.deploy.artifacts import empty_bucket
from polos.errors import NotFound, StoreError

Clients = Callable[[str], Any]
"""Makes the boto3 client of a service."""

POLL_SECONDS: Final = 2.0
_CAPABILITIES: Final = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
_NO_CHANGES: Final = re.compile(
    r"didn't contain changes|no updates are to be performed|no changes", re.IGNORECASE
)
_GONE: Final = ("ResourceNotFoundException", "NoSuchBucket", "404", "NotFound")


@dataclass(frozen=True, slots=True)
class Progress:
    """A line of what CloudFormation does: a resource, its state, and the reason if it failed."""

    resource: str
    status: str
    reason: str = ""

    @property
    def failed(self) -> bool:
        """Whether something went wrong with it."""
        return self.status.endswith("FAILED") or "ROLLBACK" in self.status


class Stack:
    """One stack.

    Args:
        tell: Told of each resource that changes, while it does.
        sleep: Between looks at CloudFormation.
    """

    def __init__(
        self,
        name: str,
        clients: Clients,
        *,
        tell: Callable[[Progress], None] = lambda progress: None,
        sleep: Callable[[float], None] = time.sleep,
        poll: float = POLL_SECONDS,
    ) -> None:
        self.name = name
        self._clients = clients
        self._cloudformation = clients("cloudformation")
        self._tell = tell
        self._sleep = sleep
        self._poll = poll
        self._told: set[str] = set()

    # --- looking ------------------------------------------------------------------------------------------------

    def find(self) -> dict[str, Any] | None:
        """What CloudFormation says of it; None if there is none."""
        try:
            found: dict[str, Any] = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return None if found["StackStatus"] in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS") else found

    def outputs(self) -> dict[str, str]:
        """Its outputs. `NotFound` if there is no such stack."""
        found = self.find()
        if found is None:
            raise NotFound(f"there is no stack {self.name} here; `polos deploy` makes it")
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", ())}

    def resources(self) -> dict[str, tuple[str, str]]:
        """Logical id -> (type, physical id)."""
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            each["LogicalResourceId"]: (each["ResourceType"], each.get("PhysicalResourceId", ""))
            for page in pages
            for each in page["StackResourceSummaries"]
        }

    def deployed_template(self) -> Any:
        """The template it was made of, before its transforms."""
        return self._cloudformation.get_template(StackName=self.name, TemplateStage="Original")[
            "TemplateBody"
        ]

    # --- changing -----------------------------------------------------------------------------------------------

    def deploy(self, template_url: str, parameters: Mapping[str, str], tags: Mapping[str, str]) -> bool:
        """Create or update it; False if there was nothing to change.

        Raises:
            StoreError: CloudFormation refused the template, or rolled the change back; with its reasons.
        """
        before = self.find()
        if before is not None and before["StackStatus"] == "ROLLBACK_COMPLETE":
            self._cloudformation.delete_stack(StackName=self.name)  # its creation failed: nothing is in it
            self._wait_for_end()
            before = None
        known = {each["ParameterKey"] for each in (before or {}).get("Parameters", ())}
        given: list[dict[str, Any]] = [
            {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
        ]
        given += [{"ParameterKey": key, "UsePreviousValue": True} for key in sorted(known - set(parameters))]
        change = self._change_set(template_url, given, tags, kind="UPDATE" if before else "CREATE")
        if change is None:
            return False
        self._mark_told()
        self._cloudformation.execute_change_set(ChangeSetName=change, StackName=self.name)
        failures = self._follow()
        found = self.find()
        status = found["StackStatus"] if found else "DELETE_COMPLETE"
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise StoreError(
                f"stack {self.name} is {status}:\n  " + "\n  ".join(failures or ["no reason was given"])
            )
        return True

    def _change_set(
        self, template_url: str, parameters: list[dict[str, Any]], tags: Mapping[str, str], *, kind: str
    ) -> str | None:
        """The change set to execute; None if it would change nothing."""
        answer = self._cloudformation.create_change_set(
            StackName=self.name,
            ChangeSetName=f"polos-{secrets.token_hex(6)}",
            ChangeSetType=kind,
            TemplateURL=template_url,
            Capabilities=_CAPABILITIES,
            Parameters=parameters,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
        change = str(answer["Id"])
        while True:
            state = self._cloudformation.describe_change_set(ChangeSetName=change, StackName=self.name)
            if state["Status"] == "CREATE_COMPLETE" and (state.get("Changes") or kind == "CREATE"):
                return change
            if state["Status"] in ("CREATE_COMPLETE", "FAILED"):
                break
            self._sleep(self._poll)
        self._cloudformation.delete_change_set(ChangeSetName=change, StackName=self.name)
        reason = state.get("StatusReason") or "no reason was given"
        if state["Status"] == "CREATE_COMPLETE" or _NO_CHANGES.search(reason):
            return None
        raise StoreError(f"CloudFormation refuses the template of {self.name}: {reason}")

    def delete(self, *, keep_data: bool = False) -> list[str]:
        """Delete it, and what it leaves: tables and bucket unless `keep_data`, schedules made at run time.

        Gives the names of what was kept. `NotFound` if there is no such stack.
        """
        held = self._held(self.outputs())
        if not keep_data and held["bucket"]:
            _unless_gone(lambda: empty_bucket(self._clients("s3"), held["bucket"]))
        self._delete_schedules(held["group"])
        groups = [name for kind, name in self.resources().values() if kind == "AWS::Logs::LogGroup"]
        self._mark_told()
        self._cloudformation.delete_stack(StackName=self.name)
        failures = self._follow()
        if self.find() is not None:
            raise StoreError(f"stack {self.name} was not deleted:\n  " + "\n  ".join(failures))
        for group in groups:  # what a function said while it was deleted may have made its group again
            _unless_gone(lambda group=group: self._clients("logs").delete_log_group(logGroupName=group))  # type: ignore[misc]
        data = [held["logs"], held["records"], held["bucket"]]
        if keep_data:
            return [name for name in data if name]
        for table in filter(None, data[:2]):
            _unless_gone(lambda table=table: self._clients("dynamodb").delete_table(TableName=table))  # type: ignore[misc]
        if held["bucket"]:
            _unless_gone(lambda: empty_bucket(self._clients("s3"), held["bucket"]))
            _unless_gone(lambda: self._clients("s3").delete_bucket(Bucket=held["bucket"]))
        return []

    def _held(self, outputs: Mapping[str, str]) -> dict[str, str]:
        keys = {
            "logs": "LogTable",
            "records": "RecordTable",
            "bucket": "ValuesBucket",
            "group": "ScheduleGroup",
        }
        return {name: outputs.get(output, "") for name, output in keys.items()}

    def _delete_schedules(self, group: str) -> None:
        """Those made at run time. The group would take them along, but AWS takes its time for that."""
        if not group:
            return
        scheduler, own = self._clients("scheduler"), self._own_schedules()
        try:
            pages = scheduler.get_paginator("list_schedules").paginate(GroupName=group)
            names = [each["Name"] for page in pages for each in page["Schedules"]]
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                return
            raise
        for name in set(names) - own:
            _unless_gone(lambda name=name: scheduler.delete_schedule(GroupName=group, Name=name))  # type: ignore[misc]

    def _own_schedules(self) -> set[str]:
        return {
            physical.rsplit("|", 1)[-1].rsplit("/", 1)[-1]
            for kind, physical in self.resources().values()
            if kind == "AWS::Scheduler::Schedule"
        }

    # --- following ----------------------------------------------------------------------------------------------

    def _follow(self) -> list[str]:
        """Tell what happens until nothing does; the reasons of what failed."""
        failures: list[str] = []
        while True:
            for progress in self._news():
                self._tell(progress)
                if progress.failed and progress.reason and progress.resource != self.name:
                    failures.append(f"{progress.resource}: {progress.reason}")
            found = self.find()
            if found is None or not found["StackStatus"].endswith("IN_PROGRESS"):
                for progress in self._news():
                    self._tell(progress)
                return failures
            self._sleep(self._poll)

    def _wait_for_end(self) -> None:
        while (found := self.find()) is not None and found["StackStatus"].endswith("IN_PROGRESS"):
            self._sleep(self._poll)

    def _mark_told(self) -> None:
        self._told |= {event["EventId"] for event in self._events()}

    def _news(self) -> Iterator[Progress]:
        for event in reversed(list(self._events())):
            if event["EventId"] not in self._told:
                self._told.add(event["EventId"])
                yield Progress(
                    event["LogicalResourceId"], event["ResourceStatus"], event.get("ResourceStatusReason", "")
                )

    def _events(self) -> Iterator[dict[str, Any]]:
        try:
            pages = self._cloudformation.get_paginator("describe_stack_events").paginate(StackName=self.name)
            for page in pages:
                yield from page["StackEvents"]
        except ClientError as error:
            if "does not exist" not in str(error):
                raise


def _unless_gone(action: Callable[[], Any]) -> None:
    try:
        action()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise
