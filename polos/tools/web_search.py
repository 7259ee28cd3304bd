"""A tool by which a model searches the web: with Tavily, or with a search function of your own."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx
from pydantic import BaseModel, ConfigDict, Field, field_validator

from polos.core.context import WorkflowContext
from polos.errors import NonRetryable, PolosError
from polos.tools.tool import Tool, tool

TAVILY: Final = "https://api.tavily.com"
KEY_ENV: Final = "TAVILY_API_KEY"
DESCRIPTION: Final = "Search the web: news, facts, documentation. Gives titles, addresses and excerpts."


class WebSearchItem(BaseModel):
    """One hit. `score` is between 0 and 1, the higher the better."""

    model_config = ConfigDict(extra="ignore")

    title: str = ""
    url: str
    content: str = ""
    score: float | None = None
    published_date: str | None = None
    raw_content: str | None = None

    @field_validator("title", "content", mode="before")
    @classmethod
    def _no_text(cls, given: Any) -> Any:
        return "" if given is None else given


class WebSearchResult(BaseModel):
    """What a search found; `answer` is a summary if the service wrote one."""

    model_config = ConfigDict(extra="ignore")

    query: str
    answer: str | None = None
    results: list[WebSearchItem] = Field(default_factory=list)


class WebSearchInput(BaseModel):
    """What a model says to search."""

    query: str = Field(description="What to search for.")
    max_results: int | None = Field(default=None, ge=1, le=20, description="How many hits at most.")
    topic: Literal["general", "news", "finance"] | None = Field(default=None, description="Where to look.")


Search = Callable[[str, int], Awaitable["WebSearchResult | Mapping[str, Any] | Sequence[Mapping[str, Any]]"]]
"""A search of your own: query and number of hits -> a result, or a list of hits with `title`, `url`, `content`."""


class SearchRefused(NonRetryable):
    """The search service does not take the request: the key, the quota, or the request itself is wrong."""

    code = "search_refused"


class SearchUnavailable(PolosError):
    """The search service did not answer. `retry_after`: seconds it asked to wait."""

    code = "search_unavailable"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


@dataclass(frozen=True)
class WebSearchToolConfig:
    """How to search.

    `search` replaces Tavily by an async function of your own. For Tavily: `api_key` (else TAVILY_API_KEY, read at each
    call), `base_url`, `search_depth` ("basic" or "advanced"), `topic`, `include_answer`, `include_raw_content`,
    `include_domains`, `exclude_domains`. `max_results` unless the model says otherwise. `timeout` in seconds. `id` and
    `description` are the tool's; `approval="always"` lets a person approve each search.
    """

    search: Search | None = None
    api_key: str | None = field(default=None, repr=False)
    base_url: str = TAVILY
    max_results: int = 5
    search_depth: Literal["basic", "advanced"] = "basic"
    topic: Literal["general", "news", "finance"] = "general"
    include_answer: bool = True
    include_raw_content: bool = False
    include_domains: Sequence[str] = ()
    exclude_domains: Sequence[str] = ()
    timeout: float = 30.0
    id: str = "web_search"
    description: str = DESCRIPTION
    approval: str | None = None
    transport: httpx.AsyncBaseTransport | None = field(default=None, repr=False)


def create_web_search_tool(config: WebSearchToolConfig | None = None) -> Tool[..., Any]:
    """A tool that searches the web; each search is one recorded step, tried again if the service does not answer."""
    settings = config or WebSearchToolConfig()

    async def web_search(ctx: WorkflowContext, request: WebSearchInput) -> WebSearchResult:
        wanted = request.max_results or settings.max_results
        if settings.search is not None:
            return await ctx.step.run("search", _own_search, settings.search, request.query, wanted)
        return await ctx.step.run("search", _tavily, settings, request, wanted)

    made = tool(id=settings.id, description=settings.description, approval=settings.approval)
    return made(web_search)


async def _own_search(search: Search, query: str, wanted: int) -> WebSearchResult:
    found = await search(query, wanted)
    match found:
        case WebSearchResult():
            return found
        case Mapping():
            return WebSearchResult.model_validate({"query": query, **found})
        case _:
            hits = [WebSearchItem.model_validate(hit) for hit in found]
            return WebSearchResult(query=query, results=hits[:wanted])


async def _tavily(settings: WebSearchToolConfig, request: WebSearchInput, wanted: int) -> WebSearchResult:
    key = settings.api_key or os.environ.get(KEY_ENV, "").strip()
    if not key:
        raise SearchRefused(
            f"the web search needs a key: set {KEY_ENV}, or give WebSearchToolConfig(api_key=...) or (search=...)"
        )
    body = {
        "query": request.query,
        "max_results": wanted,
        "search_depth": settings.search_depth,
        "topic": request.topic or settings.topic,
        "include_answer": settings.include_answer,
        "include_raw_content": settings.include_raw_content,
        "include_domains": list(settings.include_domains),
        "exclude_domains": list(settings.exclude_domains),
    }
    async with httpx.AsyncClient(timeout=settings.timeout, transport=settings.transport) as http:
        try:
            answer = await http.post(
                f"{settings.base_url.rstrip('/')}/search",
                json=body,
                headers={"authorization": f"Bearer {key}"},
            )
        except httpx.HTTPError as error:
            raise SearchUnavailable(f"the web search did not answer: {type(error).__name__}") from error
    return _read(answer, request.query)


def _read(answer: httpx.Response, query: str) -> WebSearchResult:
    status = answer.status_code
    if status == 429 or status >= 500:
        wait = answer.headers.get("retry-after", "")
        raise SearchUnavailable(
            f"the web search answered {status}", retry_after=float(wait) if wait.isdigit() else None
        )
    if status >= 400:
        raise SearchRefused(f"the web search refused the request with {status}; check the key and its quota")
    try:
        return WebSearchResult.model_validate({"query": query, **answer.json()})
    except (ValueError, TypeError) as error:  # the same search costs the same again: it is not repeated
        raise SearchRefused("the web search answered with something that is no list of hits") from error
