"""Serves the API on a socket that was bound before anything else started, so that a taken port is told at once."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Iterator

import uvicorn
from fastapi import FastAPI

from ems_telemetry.config.access import is_loopback
from ems_telemetry.config.service import ApiSettings
from ems_telemetry.errors import EndpointRefusedError

LAST_REQUESTS_S = 1
"""How long requests in flight may take once all is stored."""


def bind(settings: ApiSettings) -> socket.socket:
    """Takes the port of the API.

    Raises:
        EndpointRefusedError: it cannot be had; says why and what to do.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((settings.host, settings.port))
    except (OSError, OverflowError) as error:
        listening.close()
        raise EndpointRefusedError(_explain(settings, error)) from error
    listening.set_inheritable(False)
    return listening


def address_of(settings: ApiSettings, listening: socket.socket) -> str:
    """Tells where the API is found, as a URL."""
    scheme = "http" if settings.tls is None else "https"
    host, port = listening.getsockname()[:2]
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"


def _explain(settings: ApiSettings, error: Exception) -> str:
    place = f"the API cannot listen on {settings.host}:{settings.port}"
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return f"{place}: another program has this port; set api.port to a free one"
        case errno.EACCES:
            return f"{place}: ports below 1024 need privileges; set api.port to a higher one"
        case _:
            return f"{place}: {error}"


class _Server(uvicorn.Server):
    """uvicorn, but signals stay with the service: it alone decides the order of stopping."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class ApiServer:
    """One HTTP server for one application. `run` serves until `stop`; both at most once."""

    def __init__(self, app: FastAPI, settings: ApiSettings, listening: socket.socket) -> None:
        tls = settings.tls
        self._listening = listening
        self._server = _Server(
            uvicorn.Config(
                app,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=LAST_REQUESTS_S,
                ssl_certfile=None if tls is None else tls.certificate,
                ssl_keyfile=None if tls is None else str(tls.key),
                proxy_headers=is_loopback(settings.host),
            )
        )
        self.address = address_of(settings, listening)

    async def run(self) -> None:
        """Answers requests until `stop`, then lets those in flight finish for a second."""
        try:
            await self._server.serve(sockets=[self._listening])
        finally:
            self._listening.close()

    def stop(self) -> None:
        """Asks `run` to end."""
        self._server.should_exit = True


async def serve_while(server: ApiServer, stopping: asyncio.Event) -> None:
    """Runs the server until the event is set."""
    async with asyncio.TaskGroup() as group:
        group.create_task(server.run(), name="api")
        await stopping.wait()
        server.stop()
