"""The web search: Tavily's API, or a function of one's own; each search is one recorded step."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from polos import ExecutionFailed, WebSearchToolConfig, create_web_search_tool
from polos.testing.harness import Harness
from polos.testing.turns import call, turn
from polos.tools.web_search import WebSearchItem, WebSearchResult
from support.agents import agent, ask, told

FOUND = {
    "query": "moss",
    "answer": "It is green.",
    "results": [{"title": "Moss", "url": "https://x.test/moss", "content": "Green.", "score": 0.9, "new": 1}],
    "response_time": 1.2,
}


class Tavily(httpx.AsyncBaseTransport):
    """Answers as scripted; keeps what it was asked."""

    def __init__(self, *answers: httpx.Response) -> None:
        self.answers = list(answers)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answers.pop(0)

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(request.content) for request in self.asked]


def test_tavily_is_asked_with_the_key_and_the_settings(world: Harness) -> None:
    server = Tavily(httpx.Response(200, json=FOUND))
    config = WebSearchToolConfig(
        api_key="tvly-1",
        max_results=3,
        include_domains=["x.test"],
        search_depth="advanced",
        transport=server,
        id="search_1",
    )
    result = world.run(create_web_search_tool(config), {"query": "moss", "topic": "news"})
    assert result == WebSearchResult(
        query="moss",
        answer="It is green.",
        results=[WebSearchItem(title="Moss", url="https://x.test/moss", content="Green.", score=0.9)],
    )
    (request,) = server.asked
    assert str(request.url) == "https://api.tavily.com/search"
    assert request.headers["authorization"] == "Bearer tvly-1"
    (body,) = server.bodies()
    assert (body["query"], body["max_results"], body["topic"]) == ("moss", 3, "news")
    assert (body["search_depth"], body["include_domains"]) == ("advanced", ["x.test"])


def test_the_key_is_read_at_the_call(world: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Tavily(httpx.Response(200, json=FOUND))
    search = create_web_search_tool(WebSearchToolConfig(transport=server, id="search_2"))
    monkeypatch.setenv("TAVILY_API_KEY", "tvly-late")
    world.run(search, {"query": "moss"})
    assert server.asked[0].headers["authorization"] == "Bearer tvly-late"


def test_without_a_key_it_says_what_to_do(world: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TAVILY_API_KEY", raising=False)
    with pytest.raises(ExecutionFailed, match="TAVILY_API_KEY"):
        world.run(create_web_search_tool(WebSearchToolConfig(id="search_3")), {"query": "moss"})


def test_a_service_that_is_busy_is_asked_again_when_it_says(world: Harness) -> None:
    server = Tavily(
        httpx.Response(429, headers={"retry-after": "600"}),
        httpx.Response(503),
        httpx.Response(200, json=FOUND),
    )
    search = create_web_search_tool(WebSearchToolConfig(api_key="k", transport=server, id="search_4"))
    before = world.clock.now()
    assert world.run(search, {"query": "moss"}).answer == "It is green."
    assert world.clock.now() - before >= 600
    assert len(server.asked) == 3


def test_a_request_that_is_refused_is_not_repeated(world: Harness) -> None:
    server = Tavily(httpx.Response(401))
    search = create_web_search_tool(WebSearchToolConfig(api_key="k", transport=server, id="search_5"))
    with pytest.raises(ExecutionFailed, match="refused the request with 401"):
        world.run(search, {"query": "moss"})
    assert len(server.asked) == 1


def test_hits_without_words_are_hits(world: Harness) -> None:
    server = Tavily(httpx.Response(200, json={"results": [{"url": "u", "title": None, "content": None}]}))
    search = create_web_search_tool(WebSearchToolConfig(api_key="k", transport=server, id="search_6"))
    assert world.run(search, {"query": "moss"}).results == [WebSearchItem(url="u")]


def test_an_answer_that_is_none_is_not_paid_for_again(world: Harness) -> None:
    server = Tavily(httpx.Response(200, text="<html>"))
    search = create_web_search_tool(WebSearchToolConfig(api_key="k", transport=server, id="search_7"))
    with pytest.raises(ExecutionFailed, match="no list of hits"):
        world.run(search, {"query": "moss"})
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "found",
    [
        [{"title": "A", "url": "a"}, {"url": "b"}, {"url": "c"}],
        {"results": [{"title": "A", "url": "a"}, {"url": "b"}]},
        WebSearchResult(query="q", results=[WebSearchItem(url="a", title="A"), WebSearchItem(url="b")]),
    ],
    ids=["list", "dict", "model"],
)
def test_an_own_search_may_give_a_list_a_dict_or_a_result(world: Harness, found: Any) -> None:
    asked = []

    async def own(query: str, wanted: int) -> Any:
        asked.append((query, wanted))
        return found

    config = WebSearchToolConfig(search=own, max_results=2, id=f"own_{type(found).__name__}")
    one, fake = agent(
        [turn(calls=[call(config.id, query="q")]), "ok"], tools=[create_web_search_tool(config)]
    )
    ask(world, one)
    assert asked == [("q", 2)]
    assert [hit["url"] for hit in json.loads(told(fake.requests[1])[0])["results"]] == ["a", "b"]


def test_a_key_is_not_shown() -> None:
    assert "tvly" not in repr(WebSearchToolConfig(api_key="tvly-secret"))
