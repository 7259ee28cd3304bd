from __future__ import annotations

import json
from pathlib import Path

import pytest

from polos.errors import StoreError, StoreTooNew
from polos.llm import stored
from polos.llm.types import (
    Image,
    Message,
    ModelResponse,
    Opaque,
    Reasoning,
    StopReason,
    Text,
    ToolCall,
    ToolResult,
    Usage,
    tool_results,
)

GOLDEN = Path(__file__).parent / "golden"
RESPONSE = ModelResponse(
    message=Message(
        role="assistant",
        parts=(
            Reasoning(text="Hm.", raw={"id": "rs_1", "encrypted_content": "gAAAA=", "summary": []}),
            Opaque(raw={"type": "web_search_call", "id": "ws_1", "action": None}),
            Text(text="Grüß dich", raw={"type": "message", "content": [{"text": "Grüß dich"}]}),
            ToolCall(call_id="call_1", name="f", arguments='{"a": ', id="fc_1", raw={"n": 1.5}),
        ),
        api="openai.responses",
    ),
    stop_reason=StopReason.TOOL_CALLS,
    usage=Usage.of(100, 20, read=64, written=3),
    model="gpt-5.5",
    response_id="resp_1",
    request_id="req_1",
    stop_detail="tool_calls",
)
TOOL = tool_results([ToolResult(call_id="call_1", content="no", is_error=True)])
PICTURE = Message(
    role="user", parts=(Image(data="AAAA", media_type="image/png"), Image(url="https://x.test/a.png"))
)


@pytest.mark.parametrize(
    "value", [RESPONSE, TOOL, PICTURE, Usage(), RESPONSE.usage], ids=lambda v: type(v).__name__
)
def test_what_is_stored_comes_back_equal(value: ModelResponse | Message | Usage) -> None:
    text = json.dumps(stored.dump(value))
    assert stored.load(type(value), json.loads(text)) == value


@pytest.mark.parametrize(
    ("name", "value"), [("response_v1.json", RESPONSE), ("tool_v1.json", TOOL), ("picture_v1.json", PICTURE)]
)
def test_what_version_1_wrote_is_read_for_ever(name: str, value: ModelResponse | Message) -> None:
    golden = json.loads((GOLDEN / name).read_text(encoding="utf-8"))
    assert stored.load(type(value), golden) == value
    assert stored.dump(value) == golden


def test_what_a_newer_version_wrote_is_refused() -> None:
    newer = {**stored.dump(TOOL), "v": stored.VERSION + 1}
    with pytest.raises(StoreTooNew, match="upgrade"):
        stored.load(Message, newer)


@pytest.mark.parametrize("junk", [None, [], "text", {}, {"v": "1"}, {"role": "user", "parts": []}])
def test_what_has_no_version_is_no_stored_value(junk: object) -> None:
    with pytest.raises(StoreError, match="version"):
        stored.load(Message, junk)


def test_an_unreadable_value_is_told_by_its_place_and_without_its_words() -> None:
    broken = {"v": 1, "role": "user", "parts": [{"type": "text", "txt": "the secret plan"}]}
    with pytest.raises(StoreError, match=r"parts\.0") as caught:
        stored.load(Message, broken)
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__
