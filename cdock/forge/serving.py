"""The server process: one per data directory, on this machine only."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final

import uvicorn
from filelock import FileLock, Timeout

from cdock.forge import hooks
from cdock.forge.app import build_app
from cdock.forge.store import Store
from cdock.forge.web.pages import routes

INFO: Final = "forge.json"
STOP_LIMIT: Final = 5
"""Seconds that requests under way have when the server is asked to end."""


class CannotServe(Exception):
    """The server cannot start; the text says why and what to do."""


def serve(data_dir: Path, *, host: str, port: int) -> None:
    """Serve a data directory until SIGTERM or SIGINT. Raises CannotServe, also when somebody serves it already."""
    if not _is_loopback(host):
        raise CannotServe(
            f"--host {host} is not an address of this machine alone. The forge has no TLS and trusts its "
            "network: use 127.0.0.1 or ::1, and a tunnel to reach it from elsewhere."
        )
    data_dir.mkdir(parents=True, exist_ok=True)
    lock = FileLock(data_dir / "forge.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise CannotServe(f"{data_dir} is served already: {_whereabouts(data_dir)}") from error
    with lock, _listening(host, port) as listener, Store(data_dir) as store:
        hooks.start(store)
        url = _url(host, listener.getsockname()[1])
        config = uvicorn.Config(
            build_app(store, pages=routes(store)),
            http="h11",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=STOP_LIMIT,
        )
        # The server passes a signal on once it has ended; the end that was asked for is no failure.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        _announce(data_dir, url=url, port=listener.getsockname()[1])
        try:
            uvicorn.Server(config).run(sockets=[listener])
        finally:
            (data_dir / INFO).unlink(missing_ok=True)


def running(data_dir: Path) -> dict[str, object] | None:
    """What the server of a data directory said of itself (`pid`, `port`, `url`), or None when there is none."""
    try:
        known: dict[str, object] = json.loads((data_dir / INFO).read_text())
    except FileNotFoundError:
        return None
    # The file outlives a server that was killed, its lock does not.
    lock = FileLock(data_dir / "forge.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return known
    lock.release()
    return None


def log_to_stderr() -> None:
    """Warnings of everybody and the forge's own news, one line each."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("cdock.forge").setLevel(logging.INFO)


def _announce(data_dir: Path, *, url: str, port: int) -> None:
    fresh = data_dir / f".{INFO}.{os.getpid()}"
    fresh.write_text(json.dumps({"pid": os.getpid(), "port": port, "url": url}) + "\n")
    fresh.replace(data_dir / INFO)
    print(f"The forge listens on {url}", flush=True)  # noqa: T201


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


def _whereabouts(data_dir: Path) -> str:
    with contextlib.suppress(OSError, ValueError):
        known = json.loads((data_dir / INFO).read_text())
        return f"process {known['pid']} at {known['url']}; use that one, or end it first"
    return "its address is not known yet; try again in a moment"
