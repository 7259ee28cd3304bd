"""`python -m polos.server`: the API of a stack as a web server, where it can stream without end.

For a Lambda function with the Lambda Web Adapter and response streaming, or a container beside the stack. It serves
`127.0.0.1:$PORT` (8080 if not set) for the adapter in front, and takes API keys only. The variables are those of
`polos.server.function`.
"""

from __future__ import annotations

import logging
import os
import signal
import threading

from polos.entry.aws import from_environment
from polos.entry.identity import new_execution_id
from polos.server.app import Api
from polos.server.function import RATE_VARIABLE, URL_VARIABLE, rate_limit
from polos.server.local import DEFAULT_PORT, InterruptibleClock, LocalServer


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    runtime = from_environment(os.environ)
    clock = InterruptibleClock(runtime.ports.clock)
    api = Api(
        runtime.host,
        new_id=new_execution_id,
        rate=rate_limit(os.environ.get(RATE_VARIABLE, "")),
        public_url=os.environ.get(URL_VARIABLE) or None,
        clock=clock,
    )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with LocalServer(api, clock, "127.0.0.1", int(os.environ.get("PORT") or DEFAULT_PORT)).start():
        stop.wait()
    runtime.close()


if __name__ == "__main__":
    main()
