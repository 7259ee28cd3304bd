"""A set of executions to look at, made by the real engine: `python -m tests.browser.recorded --port 8090`.

It serves the dashboard over a store of its own, on this machine without a key, until it is interrupted; its first line
says where, and which execution is which. Browser tests use it as `with recorded(directory) as there`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from polos import Agent, Queue, WorkflowContext, max_steps, tool, workflow
from polos.core.definitions import registry
from polos.entry.embedded import Embedded
from polos.llm.pricing import Price, Prices
from polos.llm.request import ModelRequest
from polos.runtime.service import StartOptions
from polos.server.local import LocalServer, serve
from polos.testing.fake_model import FakeModel
from polos.testing.turns import Turn, call, turn
from tests.support import filling

PATIENCE = 240.0
log = logging.getLogger("shop.payments")
log.setLevel(logging.INFO)
log.addHandler(logging.NullHandler())
HOSTILE: dict[str, Any] = {
    "html": "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>",
    "attribute": '" onmouseover="document.title=\'owned\'" x="',
    "url": "javascript:document.title='owned'",
    "template": "${document.title='owned'} {{constructor.constructor('1')()}}",
    "bidi": "safe\u202egpj.exe\u2066",
    "controls": "\u0000\u0007\u001b[31mred\u2028\u2029",
    "wide": "W" * 5000,
    "emoji": "👩‍👩‍👧‍👦 ünïcödé 漢字 \U0001f4a5",
    "<b>key</b>": {"__proto__": {"polluted": True}, "constructor": "x", "nested": [[[[{"deep": None}]]]]},
    "big": 2**63,
    "small": 1e-320,
}


class Size(StrEnum):
    """How large."""

    SMALL = "small"
    LARGE = "large"


class Line(BaseModel):
    """One line of an order."""

    sku: str = Field(description="What is ordered.", min_length=1)
    count: int = Field(1, ge=1, le=99)
    size: Size = Size.SMALL


class Order(BaseModel):
    """An order, with a field of every kind that a form has to show."""

    customer: str = Field(description="Who pays.")
    lines: list[Line] = Field(default_factory=lambda: [Line(sku="kettle")])
    express: bool = False
    total: float = Field(9.5, ge=0)
    deliver_on: datetime | None = None
    channel: Literal["web", "phone"] = "web"
    notes: dict[str, Any] = Field(default_factory=dict)


@dataclass
class Switches:
    """What the set's steps hang on."""

    hold: asyncio.Event | None = None
    changed: bool = False
    tries: dict[str, int] = field(default_factory=dict)


SWITCHES = Switches()


def conversation(request: ModelRequest) -> Turn:
    """What the agent's model says: tools for four turns, one of which fails, and words in the fifth."""
    said = [message for message in request.messages if message.role != "system"]
    last = max(i for i, message in enumerate(said) if message.role == "user")
    turns = sum(message.role == "assistant" for message in said[last:])
    asked = said[last].text
    if "trip" not in asked.lower():
        return turn(f"You said: {asked}. Ask me about a trip.", chunk_delay=0.01)
    match turns:
        case 0:
            return turn("Let me look.", calls=[call("shown-search", text="Oslo in May")], chunk_delay=0.005)
        case 1:
            return turn(calls=[call("shown-weather", city="Atlantis"), call("shown-weather", city="Oslo")])
        case 2:
            return turn(calls=[call("shown-search", text="museums")], reasoning="Rain: something indoors.")
        case 3:
            return turn(calls=[call("shown-weather", city="Bergen")])
        case _:
            text = "**Oslo** in May: 11 °C, some rain. Take a coat; see the Fram museum. <b>Not bold.</b>"
            return turn(text, chunk_delay=0.005)


def define() -> None:
    """Describe the workflows of the set, once in a process."""
    if "shown-running" not in registry:
        _define_steps()
        _define_waits()
        _define_agent()


def _define_steps() -> None:
    @workflow(id="shown-running", description="Waits in a step until the set is closed.")
    async def running(ctx: WorkflowContext, payload: dict[str, Any]) -> str:
        await ctx.step.run("prepare", _short, "ready")
        return await ctx.step.run("download", _long, timeout=36_000)

    @workflow(id="shown-charge", description="Its card is declined three times.")
    async def charge(ctx: WorkflowContext, payload: dict[str, Any]) -> str:
        await ctx.step.run("reserve", _short, payload["order"])
        key = ctx.execution_id
        return await ctx.step.run(
            "charge", _declined, key, payload, max_retries=2, base_delay=0.05, max_delay=0.1
        )

    @workflow(id="shown-resize", queue=Queue("shown-images", concurrency_limit=8))
    async def resize(ctx: WorkflowContext, payload: dict[str, Any]) -> dict[str, Any]:
        return await ctx.step.run("resize", _resized, payload["number"])

    @workflow(id="shown-fan-out", description="Forty children side by side.")
    async def fan_out(ctx: WorkflowContext, payload: int) -> int:
        made = [
            ctx.step.invoke_and_wait(f"image-{number:02d}", "shown-resize", {"number": number})
            for number in range(payload)
        ]
        return len(await asyncio.gather(*made))

    @workflow(
        id="shown-thousand", description="A thousand steps, one after another.", steps_per_invocation=None
    )
    async def thousand(ctx: WorkflowContext, payload: int) -> int:
        total = 0
        for number in range(payload):
            total += await ctx.step.run(f"step-{number:04d}", _counted, number)
        return total

    @workflow(id="shown-hostile", description=HOSTILE["html"])
    async def hostile(ctx: WorkflowContext, payload: dict[str, Any]) -> dict[str, Any]:
        await ctx.step.run("<script>document.title='owned'</script>", _short, payload)
        await ctx.step.publish_event("publish", "<i>topic</i>", payload)
        await ctx.step.run("fail", _hostile_failure, max_retries=0)
        return payload


def _define_waits() -> None:
    @workflow(id="shown-refund", description="Asks a person before it pays.")
    async def refund(ctx: WorkflowContext, payload: dict[str, Any]) -> Any:
        await ctx.step.run("look-up", _short, payload)
        form = {
            "title": f"Refund order {payload['order']}?",
            "description": "The customer says that the kettle never boiled.",
            "fields": [
                {"key": "approved", "type": "boolean", "label": "Approve", "required": True},
                {"key": "amount", "type": "number", "label": "Amount", "default": 42},
                {
                    "key": "reason",
                    "type": "select",
                    "label": "Reason",
                    "options": [{"value": "broken", "label": "Broken"}, {"value": "late", "label": "Late"}],
                },
                {"key": "feedback", "type": "textarea", "label": "Feedback"},
            ],
            "context": payload,
        }
        answer = await ctx.step.suspend("approve-refund", {"_form": form}, timeout=7 * 86_400)
        return {"answer": answer["data"], "refunded": await ctx.step.run("pay", _short, payload["order"])}

    @workflow(id="shown-asking", description="Asks whatever it is given.")
    async def asking(ctx: WorkflowContext, payload: Any) -> Any:
        return (await ctx.step.suspend("ask", payload))["data"]

    @workflow(id="shown-changing", description="Its code was changed under it, so it stalls.")
    async def changing(ctx: WorkflowContext, payload: dict[str, Any]) -> str:
        first = "after" if SWITCHES.changed else "before"
        await ctx.step.run(first, _short, first)
        await ctx.step.suspend("go-on")
        return first

    @workflow(
        id="shown-nightly",
        description="Runs at night.",
        schedule={"cron": "30 2 * * 1-5", "timezone": "Europe/Oslo"},
    )
    async def nightly(ctx: WorkflowContext) -> str:
        return await ctx.step.run("report", _short, "sent")

    @workflow(id="shown-order", description="Takes an order: a form is built from what it takes.")
    async def order(ctx: WorkflowContext, payload: Order) -> Order:
        await ctx.step.run("check", _short, payload.customer)
        await ctx.step.wait_for("settle", seconds=0.05)
        return payload

    @workflow(id="shown-listener", description="Waits for an event.")
    async def listener(ctx: WorkflowContext, payload: dict[str, Any]) -> Any:
        return (await ctx.step.wait_for_event("parcel", "parcels", timeout=86_400)).data


def _define_agent() -> None:
    @tool(id="shown-search")
    def search(ctx: WorkflowContext, text: str) -> dict[str, Any]:
        """Search for something.

        Args:
            text: What to search for.
        """
        return {"found": [f"{text}: 1", f"{text}: 2"], "note": "<em>from outside</em>"}

    @tool(id="shown-weather")
    def weather(ctx: WorkflowContext, city: str) -> str:
        """Tell the weather of a city.

        Args:
            city: Its name.
        """
        if city == "Atlantis":
            raise LookupError("there is no station in Atlantis")
        return f"11 °C, rain in {city}"

    Agent(
        id="shown-helper",
        provider=FakeModel(conversation, name="fake"),
        model="fake-1",
        description="Helps with trips.",
        system_prompt="You help with trips. Look things up before you answer.",
        tools=[search, weather],
        stop_conditions=[max_steps(8)],
        prices=Prices({"fake-1": Price("2", "8")}),
        stream_to_workflow=True,
    )


def _short(value: Any) -> Any:
    return value


def _counted(number: int) -> int:
    return number


def _resized(number: int) -> dict[str, Any]:
    time.sleep(0.002 * (number % 5))
    return {"number": number, "width": 100 * number}


def _declined(key: str, payload: dict[str, Any]) -> str:
    SWITCHES.tries[key] = SWITCHES.tries.get(key, 0) + 1
    log.info("asking the bank for order %s", payload["order"])
    if SWITCHES.tries[key] > 1:
        log.warning("slow answer\nfrom %s", HOSTILE["html"])
    raise ConnectionError(f"card declined (attempt {SWITCHES.tries[key]}) for order {payload['order']}")


def _hostile_failure() -> None:
    raise ValueError(HOSTILE["html"])


async def _long() -> str:
    SWITCHES.hold = asyncio.Event()
    await SWITCHES.hold.wait()
    return "downloaded"


# --- making them ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Recorded:
    """The set, and where it is served. `executions`: its names -> ids."""

    url: str
    executions: dict[str, str]
    runtime: Embedded
    server: LocalServer


@contextmanager
def recorded(directory: Path, *, port: int = 0, many: int = 0) -> Iterator[Recorded]:
    """Make the set in a store in `directory`, and serve it; `many`: further executions that have ended."""
    define()
    runtime = Embedded(directory / "polos.db", threads=8)
    try:
        made = make(runtime)
        if many:
            filling.put(runtime.service, many)
        with serve(runtime, port=port, local_mode=True) as server:
            yield Recorded(server.url, made, runtime, server)
    finally:
        runtime.close(drain_seconds=0.5)


def make(runtime: Embedded) -> dict[str, str]:
    """All of it, brought as far as it is to be. Names -> ids of executions."""
    service = runtime.service

    def start(workflow_id: str, payload: Any = None, **options: Any) -> str:
        return service.start(workflow_id, payload, StartOptions(**options)).execution

    made = {
        "thousand": start("shown-thousand", 1000, attributes={"team": "bench"}),
        "parallel": start("shown-fan-out", 40, attributes={"team": "images"}),
        "failed": start("shown-charge", {"order": "A-17", "amount": 42}, user="ann"),
        "running": start("shown-running", {"url": "https://example.com/large"}),
        "approval": start("shown-refund", {"order": "A-17", "amount": 42}, attributes={"team": "support"}),
        "hostile": start("shown-hostile", HOSTILE, attributes={"<b>team</b>": HOSTILE["attribute"]}),
        "agent": start("shown-helper", {"input": "Plan a trip to Oslo."}, session="trip-1", user="ann"),
        "order": start("shown-order", {"customer": "Ann"}, priority=5),
        "event": start("shown-listener", {}),
        "schedule": start("shown-nightly"),
        "stalled": stalled(runtime, start),
    }
    for name in ("failed", "parallel", "hostile", "agent", "order", "schedule", "thousand"):
        runtime.wait(made[name], PATIENCE)
    made["session"] = start("shown-helper", {"input": "Hello again"}, session="trip-1", user="ann")
    runtime.wait(made["session"], PATIENCE)
    service.publish("orders", [("placed", {"order": f"A-{number}"}) for number in range(25)])
    service.schedule_action(
        "create", workflow="shown-nightly", cron="0 9 * * 1", timezone="UTC", key="weekly", overlap="skip"
    )
    _until(lambda: service.meta(made["approval"]).status == "waiting")
    return made


def stalled(runtime: Embedded, start: Callable[..., str]) -> str:
    """One whose code does not fit what it has recorded, and fits again afterwards: so it can be sent on its way."""
    execution = start("shown-changing", {})
    service = runtime.service
    _until(lambda: service.meta(execution).status == "waiting")
    SWITCHES.changed = True
    service.kick(execution)
    _until(lambda: service.meta(execution).status == "stalled")
    SWITCHES.changed = False
    return execution


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the recorded set does not come about")
        time.sleep(0.02)


def main(arguments: list[str] | None = None) -> None:
    """Serve the set until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.browser.recorded", description=__doc__)
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--directory", type=Path, help="where the store is made; else a temporary one")
    parser.add_argument("--manifest", type=Path, help="a file for the first line as well")
    parser.add_argument("--many", type=int, default=0, help="so many further executions that have ended")
    given = parser.parse_args(arguments)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with (
        tempfile.TemporaryDirectory() as temporary,
        recorded(given.directory or Path(temporary), port=given.port, many=given.many) as there,
    ):
        line = json.dumps({"url": there.url, "executions": there.executions})
        print(line, flush=True)  # noqa: T201 - it is what the command is for
        if given.manifest:
            given.manifest.write_text(line, encoding="utf-8")
        stop.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
