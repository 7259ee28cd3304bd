"""Running the steps of one invocation: async ones on the worker's own loop, sync ones on threads.

The engine itself is synchronous. `StepRunner.wait` returns what has finished; with a single sync step and no timeout
the step runs right there, on the engine's own thread, so that the common case costs nothing.
"""

from __future__ import annotations

import asyncio
import contextvars
import ctypes
import inspect
import queue
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from polos.core.operations import RunStep
from polos.errors import PolosError
from polos.runtime.environment import StepEnvironment, inside

GRACE_SECONDS = 2.0
CLOSE_SECONDS = 3.0


class StepTimedOut(PolosError):
    """A step's attempt took longer than its `timeout`."""

    code = "step_timed_out"


class _Abort(BaseException):
    """Raised inside a sync step's thread when its time is up."""


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt of one step. `by` is the token of the message on whose behalf it runs."""

    address: str
    attempt: int
    operation: RunStep
    by: str
    environment: StepEnvironment | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A job and what became of it: the raw result, or the error. Times are epoch milliseconds."""

    job: Job
    result: Any
    error: BaseException | None
    started: int


class StepRunner(Protocol):
    """Runs the jobs of one invocation."""

    def start(self, job: Job) -> None:
        """Take a job."""
        ...

    def wait(self) -> list[Finished]:
        """Block until at least one job has finished. Only called while some are out."""
        ...

    def cancel(self, address: str) -> None:
        """Nobody waits for this job any more: stop it if it can be stopped."""
        ...


class WorkerLoop:
    """The ordinary event loop of a worker, on a thread of its own, started when first needed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def submit(self, coroutine: Coroutine[Any, Any, Any], context: contextvars.Context) -> LoopTask:
        """Run a coroutine there; its task can be cancelled from any thread."""
        return LoopTask(self._running(), coroutine, context)

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_serve, args=(self._loop,), name="polos-steps", daemon=True
                )
                self._thread.start()
            return self._loop

    def close(self) -> None:
        """Stop the loop; what runs on it is abandoned. What is kept open between steps is closed."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is not None and self._thread is not None:
            loop.call_soon_threadsafe(loop.stop)
            self._thread.join(CLOSE_SECONDS)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    """Run the loop until it is stopped. Connections are kept by async generators: they end with the loop."""
    asyncio.set_event_loop(loop)
    loop.run_forever()
    with suppress(Exception):  # a connection that does not end in time ends with the process
        loop.run_until_complete(asyncio.wait_for(loop.shutdown_asyncgens(), CLOSE_SECONDS))


class LoopTask:
    """A coroutine on the worker's loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Coroutine[Any, Any, Any],
        context: contextvars.Context,
    ) -> None:
        self._loop = loop
        self._task: asyncio.Task[Any] | None = None
        self._cancelled = False
        loop.call_soon_threadsafe(self._begin, coroutine, context)

    def _begin(self, coroutine: Coroutine[Any, Any, Any], context: contextvars.Context) -> None:
        self._task = self._loop.create_task(coroutine, context=context)
        if self._cancelled:
            self._task.cancel()

    def cancel(self) -> None:
        """Cancel it, wherever it stands."""
        self._cancelled = True
        self._loop.call_soon_threadsafe(lambda: self._task and self._task.cancel())


class LocalRunner:
    """Runs steps in this process. One runner serves one invocation; loop and threads belong to the worker.

    `on_stuck(address)` is told of a sync step that has not stopped `grace` seconds after its timeout.
    """

    def __init__(
        self,
        loop: WorkerLoop,
        threads: ThreadPoolExecutor,
        now_ms: Callable[[], int],
        *,
        on_stuck: Callable[[str], None] | None = None,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self.grace = grace
        self._loop = loop
        self._threads = threads
        self._now_ms = now_ms
        self._on_stuck = on_stuck
        self._done: queue.SimpleQueue[Finished] = queue.SimpleQueue()
        self._tasks: dict[str, LoopTask] = {}
        self._waiting: list[Job] = []
        self._out = 0

    def start(self, job: Job) -> None:
        function = job.operation.function
        if inspect.iscoroutinefunction(inspect.unwrap(function)) or _is_async_callable(function):
            self._out += 1
            self._tasks[job.address] = self._loop.submit(self._run_async(job), contextvars.copy_context())
        else:
            self._waiting.append(job)

    def wait(self) -> list[Finished]:
        if not self._out and len(self._waiting) == 1 and self._waiting[0].operation.timeout is None:
            return [self._run_sync(self._waiting.pop())]
        for job in self._waiting:
            self._out += 1
            context = contextvars.copy_context()
            if job.operation.timeout is None:
                self._threads.submit(context.run, self._run_thread, job)
            else:  # a thread of its own: it may have to be aborted
                watch = _Watch(self, job, self._now_ms())
                threading.Thread(target=context.run, args=(watch.run,), daemon=True).start()
        self._waiting.clear()
        finished = [self._done.get()]
        while not self._done.empty():
            finished.append(self._done.get())
        self._out -= len(finished)
        for one in finished:
            self._tasks.pop(one.job.address, None)
        return finished

    def cancel(self, address: str) -> None:
        task = self._tasks.get(address)
        if task is not None:
            task.cancel()

    async def _run_async(self, job: Job) -> None:
        started = self._now_ms()
        try:
            with inside(job.environment):
                async with asyncio.timeout(job.operation.timeout):
                    result = await job.operation.function(*job.operation.args, **job.operation.kwargs)
            finished = Finished(job, result, None, started)
        except TimeoutError as error:
            finished = Finished(job, None, _timed_out(job, error), started)
        except BaseException as error:
            finished = Finished(job, None, error, started)
        self._done.put(finished)

    def _run_sync(self, job: Job) -> Finished:
        started = self._now_ms()
        try:
            with inside(job.environment):
                result = job.operation.function(*job.operation.args, **job.operation.kwargs)
                if inspect.iscoroutine(result):  # a callable that turned out to be async
                    result = asyncio.run(result)
        except BaseException as error:
            return Finished(job, None, error, started)
        return Finished(job, result, None, started)

    def _run_thread(self, job: Job) -> None:
        self._done.put(self._run_sync(job))

    def report(self, finished: Finished) -> None:
        """Hand in what became of a job."""
        self._done.put(finished)

    def stuck(self, job: Job) -> None:
        """A sync step went on after its time: the process has to end, or it would go on in a warm sandbox."""
        if self._on_stuck is not None:
            self._on_stuck(job.address)


class _Watch:
    """A sync step with a timeout: its thread is told to stop when its time is up, and reported if it does not."""

    def __init__(self, runner: LocalRunner, job: Job, started: int) -> None:
        self._runner = runner
        self._job = job
        self._started = started
        self._lock = threading.Lock()
        self._over = False
        self._ended = threading.Event()

    def run(self) -> None:
        thread = threading.get_ident()
        timer = threading.Timer(self._job.operation.timeout or 0.0, self._expire, (thread,))
        timer.daemon = True
        try:
            timer.start()
            result, error = self._call()
            with self._lock:
                late, self._over = self._over, True
            timer.cancel()
            if not late:
                self._runner.report(Finished(self._job, result, error, self._started))
        except _Abort:
            return  # it arrived between the end of the step and here; the timeout has been reported
        finally:
            self._ended.set()

    def _call(self) -> tuple[Any, BaseException | None]:
        try:
            with inside(self._job.environment):
                function, operation = self._job.operation.function, self._job.operation
                return function(*operation.args, **operation.kwargs), None
        except BaseException as error:
            return None, error

    def _expire(self, thread: int) -> None:
        with self._lock:
            if self._over:
                return
            self._over = True
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Abort))
        if not self._ended.wait(self._runner.grace):
            self._runner.stuck(self._job)
        self._runner.report(Finished(self._job, None, _timed_out(self._job, None), self._started))


def _timed_out(job: Job, error: BaseException | None) -> BaseException:
    if error is not None and str(error):
        return error  # the step's own TimeoutError
    return StepTimedOut(f"attempt {job.attempt} took longer than timeout={job.operation.timeout} s")


def _is_async_callable(function: Any) -> bool:
    inner = getattr(function, "func", function)
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(
        getattr(type(inner), "__call__", None)  # noqa: B004 (an object is called by its class)
    )
