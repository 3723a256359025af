"""The server process: one per data directory, on this machine only."""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from cdock.forge import hooks, presence
from cdock.forge.app import build_app
from cdock.forge.controls.limits import Mode
from cdock.forge.controls.mounting import Controls, OpenConnections
from cdock.forge.delivering import delivering
from cdock.forge.store import Store, system_now
from cdock.forge.web.pages import routes

STOP_LIMIT: Final = 5
"""Seconds that requests under way have when the server is asked to end."""
IDLE_LIMIT: Final = 120
"""Seconds that a connection without requests is kept: longer than clients pause between two looks, for a request that
meets a connection just being closed fails, and must not be sent again when it was a POST."""


class CannotServe(ValueError):
    """The server cannot start; the text says why and what to do."""


def serve(
    data_dir: Path,
    *,
    host: str,
    port: int,
    test_controls: bool = False,
    limits: Mode = "off",
    allow_hooks: Collection[str] = (),
) -> None:
    """Serve a data directory until SIGTERM or SIGINT. Raises CannotServe, and AlreadyServed.

    `limits` says whose limits are enforced; with `test_controls` there are routes for faults, clock and journal, open
    to whoever reads the token in forge.json. Webhooks may be on this machine and on the hosts `allow_hooks`.
    """
    if not _is_loopback(host):
        raise CannotServe(
            f"--host {host} is not an address of this machine alone. The forge has no TLS and trusts its "
            "network: use 127.0.0.1 or ::1, and a tunnel to reach it from elsewhere."
        )
    data_dir.mkdir(parents=True, exist_ok=True)
    controls = Controls(limits=limits, tests=test_controls) if test_controls or limits != "off" else None
    now = controls.clock.now if controls else system_now
    with (
        presence.alone(data_dir),
        _listening(host, port) as listener,
        Store(data_dir, now=now) as store,
        delivering(store, url=(url := _url(host, listener.getsockname()[1])), allowed=allow_hooks),
    ):
        store.back_up()
        hooks.start(store)
        config = uvicorn.Config(
            _app(store, controls),
            http=OpenConnections if controls else "h11",
            # Under controls answers carry the forge's time, not the machine's.
            date_header=controls is None,
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_keep_alive=IDLE_LIMIT,
            timeout_graceful_shutdown=STOP_LIMIT,
        )
        server = uvicorn.Server(config)
        # From now on, not only once it runs; it also passes a signal on to here when it has ended, which is no failure.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, server.handle_exit)
        token = controls.token if controls else None
        presence.announce(data_dir, url=url, port=listener.getsockname()[1], control_token=token)
        sys.stdout.write(f"The forge listens on {url}\n")
        sys.stdout.flush()
        try:
            server.run(sockets=[listener])
        finally:
            presence.withdraw(data_dir)


def _app(store: Store, controls: Controls | None) -> ASGIApp:
    pages = routes(store)
    if controls is None:
        return build_app(store, pages=pages)
    return build_app(store, pages=pages, rates=controls.rates, wrap=lambda app: controls.around(app, store))


def log_to_stderr() -> None:
    """Warnings of everybody and the forge's own news, one line each."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("cdock.forge").setLevel(logging.INFO)


def _listening(host: str, port: int) -> contextlib.closing[socket.socket]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, the event loop switches off Nagle's algorithm; else every answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        # Who reads the announcement may connect at once: they wait here until the server is ready.
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or error
        raise CannotServe(
            f"cannot listen on {host} port {port}: {reason}; use --port 0 for a free one"
        ) from error
    return contextlib.closing(listener)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
