"""A simulator on a real socket, for whatever speaks HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from convops.errors import ConfigError
from convops.provider import Failure, FailureKind, HttpRequest
from convops.testing._simulator import Simulator

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

HOST = "127.0.0.1"


def asgi(simulator: Simulator) -> Application:
    """Return the simulator as a plain ASGI application, for any ASGI server."""

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError(f"a simulator speaks http, not {scope['type']}")
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        reply = simulator.handle(HttpRequest(scope["method"], target.decode("latin-1"), headers, body))
        if isinstance(reply, Failure):
            await _fail(reply, receive, send)
            return
        fields = {"content-length": str(len(reply.body)), **reply.headers}
        encoded = [
            (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in fields.items()
        ]
        await send({"type": "http.response.start", "status": reply.status, "headers": encoded})
        await send({"type": "http.response.body", "body": reply.body})

    return application


async def _fail(failure: Failure, receive: Receive, send: Send) -> None:
    if failure.kind is FailureKind.TIMEOUT:
        # No answer until the caller gives up.
        await receive()
        return
    # An answer that promises more than comes makes the server cut the connection.
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})


class Server:
    """A simulator being served in a thread.

    Args:
        simulator: what answers.
        port: the port on the loopback address; 0 takes a free one.

    Attributes:
        url: where it answers.

    Raises:
        ConfigError: uvicorn is not installed, or the port is taken.
    """

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        try:
            import uvicorn  # noqa: PLC0415 - an extra
        except ImportError:
            raise ConfigError("serving a simulator needs uvicorn: install 'convops[simulators]'") from None
        # Named, so that asyncio sees TCP and turns Nagle's delay off.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((HOST, port))
        except OSError as error:
            self._socket.close()
            raise ConfigError(f"cannot listen on {HOST}:{port}: {error.strerror}") from None
        self.url = f"http://{HOST}:{self._socket.getsockname()[1]}"
        config = uvicorn.Config(
            asgi(simulator),
            http="h11",
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": [self._socket]},
            name="convops-simulator",
            daemon=True,
        )

    def start(self) -> None:
        """Start answering; connections are accepted from now on."""
        self._socket.listen()
        self._thread.start()

    def stop(self) -> None:
        """Stop answering and close the socket."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()


@contextmanager
def serve(simulator: Simulator, *, port: int = 0) -> Iterator[str]:
    """Serve the simulator on a loopback socket and yield its URL, to be given as `base_url`."""
    server = Server(simulator, port)
    server.start()
    try:
        yield server.url
    finally:
        server.stop()
