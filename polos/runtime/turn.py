"""The state of one invocation: the messages at hand, the journal as far as it is known, the replay, the steps.

What it offers are the small moves that `invocation` and `dispatch` are made of: advance the replay, append at the
tail, begin a step, make a message, show a status.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any, Final

from polos.core.failures import failure
from polos.core.ids import derived_id
from polos.core.journal import CANCEL, Entry, Journal, Outcome
from polos.core.messages import Message, MessageKind
from polos.core.operations import RunStep
from polos.core.replay import Issued, Replay, Rewind
from polos.core.start import StartInfo
from polos.core.step import run_topic
from polos.errors import PolosError, ReplayMismatch
from polos.ports import Outgoing, Ports
from polos.runtime import names
from polos.runtime.environment import StepEnvironment
from polos.runtime.executions import Executions, Meta
from polos.runtime.host import Host, Lease
from polos.runtime.step_logs import StepLog
from polos.runtime.steps import Job
from polos.runtime.topics import Topics

MAX_ROUNDS: Final = 1000
DISTANT_SECONDS: Final = 900.0
RUNS_STEPS: Final = frozenset({MessageKind.START, MessageKind.RUN})


class Turn:
    """One worker's turn at one execution. `close` must be called at its end."""

    def __init__(
        self, host: Host, ports: Ports, messages: Sequence[Message], *, lease: Lease, dead: bool
    ) -> None:
        self.host = host
        self.ports = ports
        self.messages = messages
        self.lease = lease
        self.dead = dead
        self.project = messages[0].project
        self.execution = messages[0].execution
        self.tokens = {message.token for message in messages}
        self.hops = max(message.hops for message in messages)
        self.executions = Executions(ports.records)
        self.journal = Journal()
        self.replay: Replay | None = None
        self.stalled: PolosError | None = None
        self.everything = False
        self.steps = host.runner()
        self.running: dict[str, Job] = {}
        self.used = 0
        self.again = False
        self.meta: Meta | None = None
        self.generation = 0
        self._info: StartInfo | None = None

    def exclusive(self) -> AbstractContextManager[Any]:
        """Held while deciding and appending, not while steps run."""
        return self.host.exclusive(f"{self.project}|{self.execution}")

    def open(self) -> None:
        """Read the journal up to its tail."""
        self.journal = self.host.read_journal(self.ports, self.project, self.execution)
        self.again = any(self.journal.positions(token) for token in self.tokens)

    def close(self) -> None:
        """Throw the replay away; keep the prefix of the journal for the next invocation."""
        self._drop_replay()
        self.host.keep_journal(self.project, self.execution, self.journal)

    # --- read -----------------------------------------------------------------------------------------------------

    def now_ms(self) -> int:
        """The time for a new entry: never before the entry at the tail."""
        now = int(self.ports.clock.now() * 1000)
        return max(now, self.journal.entries[-1].at) if len(self.journal) else now

    def read(self) -> None:
        """Take over what others have appended behind the tail that was known."""
        name = names.journal(self.project, self.execution)
        self.journal.extend(Entry.decode(text) for text in self.ports.log.read(name, len(self.journal)))

    def mine(self, position: int) -> bool:
        """Whether a message at hand appended the entry before this position."""
        return 0 < position <= len(self.journal) and self.journal.entries[position - 1].by in self.tokens

    def advance(self) -> Replay | None:
        """The replay, fed up to the tail. None if nothing has started or it stalls (then `stalled` says why)."""
        if self.stalled is not None or not self.journal.started:
            return None
        while True:
            try:
                if self.replay is None:
                    definition = self.host.registry.get((self.journal.start.extra or {})["workflow"])
                    self.replay = self.host.new_replay(self.journal, definition)
                self.replay.mine = self.mine
                self.replay.advance()
            except Rewind:
                self._drop_replay()
            except ReplayMismatch as error:
                self.stall(error)
                return None
            else:
                return self.replay

    def _drop_replay(self) -> None:
        if self.replay is not None:
            replay, self.replay = self.replay, None
            self.host.close_replay(replay)
            self.generation += 1

    def stall(self, error: PolosError) -> None:
        """Code and journal disagree: show it, run nothing, keep taking news."""
        self.stalled = error
        self._drop_replay()
        change = {"status": "stalled", "error": failure(error), "updated_at": self.now_ms()}
        self.executions.project(self.project, self.execution, len(self.journal), change)

    def append(self, entries: list[Entry]) -> bool:
        """Append at the tail this was decided from. False: somebody was first; their entries have been read."""
        name = names.journal(self.project, self.execution)
        entries = [self._in_order(entry) for entry in entries]
        texts = [entry.encode() for entry in entries]
        if self.ports.log.append(name, len(self.journal), texts, expires_at=self._expires()):
            self.journal.extend(entries)
            if self.host.settings.cold:
                self._compare_cold()
            return True
        self.read()
        return False

    def _in_order(self, entry: Entry) -> Entry:
        """One that was made before others were appended is dated like the last of them: time never goes back."""
        last = self.journal.entries[-1].at if len(self.journal) else entry.at
        return entry if entry.at >= last else replace(entry, at=last)

    def _expires(self) -> float | None:
        """When the store may forget these entries."""
        keep = self.host.settings.keep_seconds
        return None if keep is None else self.ports.clock.now() + keep

    def append_own(self, make: Any) -> bool:
        """Append what `make()` says until it stands or `make` gives None. True if it stands."""
        for _ in range(MAX_ROUNDS):
            entry = make()
            if entry is None:
                return False
            if self.append([entry]):
                return True
        raise PolosError("an entry was refused a thousand times; something appends without end")

    # --- steps ----------------------------------------------------------------------------------------------------

    def may_run(self) -> bool:
        """Whether this invocation may begin one more step itself: news only dispatch, and time must be left.

        Nor may one whose message was handled before: a step that kills its process is tried as a message of its own,
        whose receives are counted for it alone.
        """
        if (
            self.dead
            or self.again
            or self.replay is None
            or not any(m.kind in RUNS_STEPS for m in self.messages)
        ):
            return False
        limit = self.replay.definition.steps_per_invocation
        if limit is not None and self.used >= limit:
            return False
        return self.lease.remaining() > self.host.settings.spare_seconds

    def begin(self, issued: Issued, token: str) -> None:
        """Run the current attempt of a step here, once: a batch may hold its message twice."""
        operation = issued.operation
        if not isinstance(operation, RunStep):
            raise PolosError(f"{issued.address} is no step")
        if issued.address in self.running:
            return
        self.lease.check()
        if not operation.inline:
            self.used += 1
        job = Job(issued.address, issued.attempt, operation, token, self._environment(issued, token))
        self.running[issued.address] = job
        self.lease.meanwhile(self._goes_on)
        self.steps.start(job)

    def _goes_on(self) -> None:
        """A step takes long: the sweeper shall not take this execution for one that was forgotten."""
        meta = self.executions.get(self.project, self.execution)
        if meta is not None and not meta.ended:
            self.executions.looked_at(meta, int(self.ports.clock.now() * 1000))

    def _environment(self, issued: Issued, token: str) -> StepEnvironment:
        info, limit = self.info, self.host.settings.step_log_bytes
        return StepEnvironment(
            project=self.project,
            execution=self.execution,
            workflow=info.workflow,
            root_execution=info.root_execution or self.execution,
            root_workflow=info.root_workflow or info.workflow,
            address=issued.address,
            attempt=issued.attempt,
            token=token,
            ports=self.ports,
            topics=Topics(self.ports, self.project, self.host.settings.keep_seconds),
            log=StepLog(limit) if limit > 0 else None,
        )

    # --- showing --------------------------------------------------------------------------------------------------

    @property
    def info(self) -> StartInfo:
        """The fixed facts of this execution, from its start entry."""
        if self._info is None:
            self._info = StartInfo.from_data(self.journal.start.extra or {})
        return self._info

    @property
    def workflow(self) -> str:
        """The workflow this is an execution of."""
        return self.info.workflow

    @property
    def queue(self) -> str:
        """The Polos queue of this execution."""
        return self.info.queue

    @property
    def here(self) -> str:
        """The queue whose compute this invocation runs on."""
        for message in self.messages:
            if message.kind is MessageKind.RUN and message.extra and "queue" in message.extra:
                return str(message.extra["queue"])
        return self.queue

    @property
    def run_topic(self) -> str:
        """The topic of the run this execution belongs to."""
        info = self.info
        return run_topic(info.root_workflow or info.workflow, info.root_execution or info.execution)

    def with_metadata(self, data: str) -> str:
        """Event data (JSON text) with `_metadata` naming this execution, if it is an object."""
        value = json.loads(data)
        if not isinstance(value, dict):
            return data
        value["_metadata"] = {"execution_id": self.execution, "workflow_id": self.workflow}
        return json.dumps(value, ensure_ascii=False)

    def show(self, status: str) -> None:
        """Bring the record up to the tail: waiting, running, queued."""
        change: dict[str, Any] = {"status": status, "updated_at": self.now_ms(), "error": None}
        if self.meta is not None:
            change["started_at"] = self.journal.start.at
        self._show(change)

    def show_end(self, end: Entry) -> None:
        """Bring the record to its final state."""
        extra = end.extra or {}
        change = {
            "status": extra["status"],
            "updated_at": end.at,
            "completed_at": end.at,
            "started_at": self.journal.start.at,
            "result": end.value,
            "error": end.error,
        }
        self._show(change)
        if self.host.on_end is not None:
            self.host.on_end(self.project, self.execution)

    def _show(self, change: dict[str, Any]) -> None:
        """Over the record as this turn has read or written it, if it has; else over what stands."""
        if self.meta is not None and self.meta.position <= len(self.journal) and not self.meta.ended:
            self.meta = self.executions.replace(self.meta, position=len(self.journal), change=change)
            if self.meta is not None:
                return
        self.executions.project(self.project, self.execution, len(self.journal), change)

    def cancel_reason(self) -> dict[str, Any]:
        """What the end entry says of a cancellation: that it was the run timeout, if it was."""
        position = self.journal.find(CANCEL)
        reason = (self.journal.entries[position].extra or {}).get("reason") if position is not None else None
        return {"status": Outcome.TIMED_OUT.value} if reason == "timeout" else {}

    # --- sending --------------------------------------------------------------------------------------------------

    def message(self, kind: MessageKind, key: str = "", **fields: Any) -> Message:
        """A new message about this execution, one hop further than those at hand."""
        base = Message(kind, self.project, self.host.token(), self.execution, key=key, hops=self.hops + 1)
        return replace(base, workflow=self.messages[0].workflow, **fields)

    def send_at(self, queue: str, message: Message, due: float) -> None:
        """Send so that it arrives at `due`: by a delay if the queue can, else by a timer named after its token."""
        delay = max(0.0, due - self.ports.clock.now())
        if delay <= self.ports.queue.max_delay:
            self.ports.queue.send(queue, [Outgoing(message.encode(), delay)])
        else:
            self.at(queue, message, due)

    def is_distant(self, due: float) -> bool:
        """Whether a time is beyond what any queue of AWS delays: there a wait is a timer of its own."""
        return due - self.ports.clock.now() > DISTANT_SECONDS

    def timer(self, address: str, due: float, error: dict[str, Any] | None) -> Message:
        """The message that ends a wait. A distant one is always the same: a kick finds the timer that it names."""
        message = self.message(MessageKind.TIMER, address, due=due, error=error)
        if not self.is_distant(due):
            return message
        return replace(message, token=derived_id(self.project, self.execution, "timer", address))

    def at(self, queue: str, message: Message, due: float) -> None:
        """Send by a timer named after its token: one of that name that stands already is enough."""
        self.ports.timers.at(f"{self.project}|{message.token}", due, queue, message.encode())

    # --- finding code that is not deterministic ---------------------------------------------------------------------

    def _compare_cold(self) -> None:
        """Replay the journal anew and compare what is issued with what this invocation's replay has issued."""
        warm = self.advance()
        if warm is None:
            return
        definition = self.host.registry.get((self.journal.start.extra or {})["workflow"])
        cold = self.host.new_replay(self.journal, definition)
        try:
            cold.advance()
            difference = _difference(warm.picture(), cold.picture())
        except (ReplayMismatch, Rewind) as error:
            difference = str(error)
        finally:
            self.host.close_replay(cold)
        if difference:
            self.stall(ReplayMismatch(f"the workflow's code is not deterministic: {difference}"))


def _difference(warm: dict[str, Any], cold: dict[str, Any]) -> str:
    for name in ("operations", "effects", "done_at", "finish"):
        if warm[name] == cold[name]:
            continue
        if name == "operations":
            changed = sorted({a for a, _ in warm[name].items() ^ cold[name].items()})
            return (
                f"a replay of the same journal issued {', '.join(changed[:5])} differently; something a step changes, "
                "or chance, time or input from outside, decides what the workflow does: take such values from steps "
                "or from ctx.step.now/uuid/random"
            )
        return f"a replay of the same journal gave {name} {cold[name]!r} and not {warm[name]!r}"
    return ""
