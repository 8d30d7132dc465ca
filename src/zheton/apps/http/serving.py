"""HTTP servers inside a running event loop, each on a port of its own."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from zheton.core.errors import ConfigurationError

CLOSING_SECONDS_MAX = 2


class _Embedded(uvicorn.Server):
    """A server that leaves the process's signals to whoever embeds it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """One application on one port of the loopback; port 0 becomes what the system gives."""

    def __init__(self, app: FastAPI, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host, self.port = host, port
        self._app = app
        self._server = _Embedded(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=CLOSING_SECONDS_MAX,
            )
        )
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        """Listen; ConfigurationError with a sentence if the port can't be had."""
        listener = bind(self.host, self.port)
        self.port = listener.getsockname()[1]
        self._task = asyncio.get_running_loop().create_task(self._server.serve(sockets=[listener]))
        while not self._server.started:
            if self._task.done():
                await self._task
                raise ConfigurationError(f"The server on port {self.port} did not start.")
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """Answer what is under way and stop; event streams (`app.state.hub`) end at once."""
        if self._task is not None:
            self._server.should_exit = True
            hub = getattr(self._app.state, "hub", None)
            if hub is not None:
                hub.close()
            await self._task
            self._task = None


def bind(host: str, port: int) -> socket.socket:
    """A bound socket; ConfigurationError tells what to do where another program has the port."""
    # asyncio turns Nagle's algorithm off only for sockets that name their protocol; with it on, an
    # answer can wait 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"Port {port} is taken by another program (maybe Zheton runs already); "
                "end it, or choose other ports with --port."
            ) from error
        raise ConfigurationError(
            f"Nobody can listen on {host}:{port}: {error.strerror}."
        ) from error
    listener.listen(256)
    return listener
