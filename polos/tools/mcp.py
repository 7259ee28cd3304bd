"""Tools of MCP servers: programs spoken to over their standard input and output, or HTTP addresses.

    files = McpServer("files", command=["npx", "-y", "@modelcontextprotocol/server-filesystem", "/data"])
    agent = Agent(..., tools=[files, McpServer("search", url="https://mcp.example.com/mcp")])

Nothing is connected where it is defined. When an agent begins, it asks the server what it has, once, and that is
recorded; each call is an execution of its own. A program stays for a minute after its last call, an address is
connected anew for each call. Needs the extra `mcp`.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from polos.core.context import WorkflowContext
from polos.core.definitions import Definition, registry
from polos.errors import InvalidDefinition, NonRetryable, PolosError
from polos.runtime.workflow import queue_of
from polos.tools.approval import ask_approval
from polos.tools.keeping import KeptOpen

Headers = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""HTTP headers, or a function that gives them at each connection: where a key comes from the environment."""

_TIMEOUT: Final = 60.0
_IDLE: Final = 60.0


class McpMissing(InvalidDefinition, NonRetryable):
    """The `mcp` package is not installed."""

    code = "mcp_missing"


class McpUnreachable(PolosError):
    """The server did not start, did not answer, or broke off. The same call may succeed later."""

    code = "mcp_unreachable"


class McpToolFailed(NonRetryable):
    """The tool says that it failed; the text is its own, for the model."""

    code = "mcp_tool_failed"


class McpCall(BaseModel):
    """One call of one tool of a server."""

    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)


class McpServer:
    """An MCP server whose tools an agent may use: give it among the agent's `tools`.

    Either `command` (the program and its arguments, with `env` over the environment's safe part and `cwd`), or `url`
    with `headers`. `tools`: only these; None for all. `approval="always"`: a person approves each call. `queue`: where
    calls run and how many at once. `timeout` in seconds, of one request. The model sees the tools as `<name>_<tool>`.

    Raises:
        InvalidDefinition: Neither or both of command and url.
    """

    def __init__(
        self,
        name: str,
        *,
        command: Sequence[str] | None = None,
        url: str | None = None,
        env: Mapping[str, str] | None = None,
        cwd: str | os.PathLike[str] | None = None,
        headers: Headers | None = None,
        tools: Sequence[str] | None = None,
        approval: Literal["always"] | None = None,
        queue: Any = None,
        timeout: float = _TIMEOUT,
    ) -> None:
        if (command is None) == (url is None) or not name:
            raise InvalidDefinition(
                f"the MCP server {name!r} needs a name and either command=[program, ...] or url="
            )
        self.name = name
        self._command = list(command or ())
        self._url = url
        self._env = dict(env or {})
        self._cwd = cwd
        self._headers = headers
        self._only = None if tools is None else frozenset(tools)
        self._asks = approval == "always"
        self._timeout = timeout
        self._kept = KeptOpen(self._open, idle=_IDLE)
        self.definition = Definition(
            id=f"mcp_{name}",
            function=self._body(),
            kind="tool",
            description=f"Tools of the MCP server {name}.",
            queue=queue_of(queue, f"mcp_{name}"),
        )
        registry.add(self.definition)

    def __repr__(self) -> str:
        return f"<mcp server {self.name!r}>"

    # --- what an agent asks of it -----------------------------------------------------------------------------------

    async def discover(self) -> list[dict[str, Any]]:
        """The tools it has now: `tool`, `description` and `parameters` of each.

        Raises:
            McpUnreachable: It could not be asked.
            McpMissing: The extra `mcp` is not installed.
        """
        found: list[dict[str, Any]] = []
        async with self._connected() as client:
            cursor = None
            while True:
                page = await client.list_tools(cursor=cursor)
                found += [_described(tool) for tool in page.tools if self._offers(tool.name)]
                cursor = page.next_cursor
                if not cursor:
                    return found

    def payload(self, tool: str, arguments: dict[str, Any]) -> McpCall:
        """What its definition is run with to call a tool."""
        return McpCall(tool=tool, arguments=arguments)

    async def call(self, call: McpCall) -> Any:
        """Call a tool: its structured result where it gives one, else its text.

        Raises:
            McpToolFailed: The tool says that it failed.
            McpUnreachable: It could not be called, or broke off: whether it has done something is not known.
        """
        if not self._offers(call.tool):
            raise McpToolFailed(f"the MCP server {self.name!r} has no tool {call.tool!r} for this agent")
        async with self._connected() as client:
            result = await client.call_tool(call.tool, call.arguments, read_timeout_seconds=self._timeout)
        text = "\n".join(_text(block) for block in result.content)
        if result.is_error:
            raise McpToolFailed(text or "the tool failed without a word")
        return text if result.structured_content is None else result.structured_content

    def _offers(self, tool: str) -> bool:
        return self._only is None or tool in self._only

    # --- how it is reached ------------------------------------------------------------------------------------------

    def _body(self) -> Callable[..., Any]:
        async def mcp_call(ctx: WorkflowContext, payload: McpCall) -> Any:
            if self._asks:
                label = f"{self.name}_{payload.tool}"
                await ask_approval(ctx, label, description="", arguments=payload.arguments)
            return await ctx.step.run("call", self.call, payload, max_retries=0)

        mcp_call.__qualname__ = f"mcp:{self.name}:{self._url or ' '.join(self._command)}"
        return mcp_call

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Any]:
        """A client of the server. What goes wrong on the way comes out as one of our errors."""
        try:
            async with self._kept.use() if self._url is None else self._open() as client:
                yield client
        except PolosError:
            raise
        except BaseExceptionGroup as group:
            raise self._mended(_first(group)) from group
        except Exception as error:
            raise self._mended(error) from error

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[Any]:
        mcp = _load()
        async with AsyncExitStack() as stack:
            server = await self._server(mcp, stack)
            client = mcp.Client(server, read_timeout_seconds=self._timeout, cache=None)
            yield await stack.enter_async_context(client)

    async def _server(self, mcp: Any, stack: AsyncExitStack) -> Any:
        if self._url is None:
            program, *arguments = self._command
            cwd = None if self._cwd is None else os.fspath(self._cwd)
            return mcp.StdioServerParameters(command=program, args=arguments, env=self._env, cwd=cwd)
        if self._headers is None:
            return self._url
        headers = self._headers() if callable(self._headers) else self._headers
        http = importlib.import_module("mcp.client.streamable_http")
        client = await stack.enter_async_context(http.create_mcp_http_client(headers=dict(headers)))
        return http.streamable_http_client(self._url, http_client=client)

    def _mended(self, error: BaseException) -> BaseException:
        """The error as one of ours; cancellation and the like as they are."""
        if isinstance(error, PolosError) or not isinstance(error, Exception):
            return error
        return McpUnreachable(f"the MCP server {self.name!r}: {type(error).__name__}: {str(error)[:300]}")


def _load() -> Any:
    """The package.

    Raises:
        McpMissing: It is not installed.
    """
    try:
        return importlib.import_module("mcp")
    except ModuleNotFoundError as error:
        if error.name != "mcp":
            raise
        raise McpMissing("MCP servers need the package mcp: pip install 'polos-worker[mcp]'") from None


def _described(tool: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": {}, **dict(tool.input_schema or {})}
    return {"tool": tool.name, "description": tool.description or tool.title or "", "parameters": schema}


def _text(block: Any) -> str:
    """A piece of a result as text: what is no text is named."""
    if block.type == "text":
        return str(block.text)
    if block.type == "resource" and getattr(block.resource, "text", None) is not None:
        return str(block.resource.text)
    if block.type == "resource_link":
        return f"[{block.name}: {block.uri}]"
    return f"[{block.type}: {getattr(block, 'mime_type', None) or 'of another kind'}]"


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error that a group of tasks was ended by."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
