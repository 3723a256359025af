"""The embedded forge as a process of its own: started, found again, asked and stopped, never imported."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cdock.core.errors import Refused, Unavailable

START_LIMIT = 30.0
STOP_LIMIT = 15.0
ADMIN_LIMIT = 60.0
PERSON_FALLBACK = "you"
BOT = "cdock-bot"


@dataclass(frozen=True)
class Forge:
    """A forge on a data directory; `url` is empty while it is down."""

    data: Path
    url: str = ""
    pid: int = 0

    def admin(self, *args: str) -> dict[str, Any]:
        """What the forge's own administration says.

        Raises:
            Refused: it said no.
            Unavailable: it did not answer in time.
        """
        # -P: a directory `cdock` in the person's repository must not be taken for ours.
        command = [sys.executable, "-P", "-m", "cdock.forge", "admin", "--data", str(self.data), *args]
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=ADMIN_LIMIT,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise Unavailable(f"the forge's administration took more than {ADMIN_LIMIT:g} s") from error
        if done.returncode != 0:
            raise Refused(
                f"the forge refused: {done.stderr.strip()[-500:]}",
                code="CD405",
                tried=f"admin {' '.join(args)} on {self.data}",
                fix="see `cdock forge status`",
            )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def login_url(self, login: str, *, to: str = "/") -> str:
        """An address that logs `login` in once and goes on to the page `to`."""
        code = self.admin("login-code", login)["code"]
        return f"{self.url}/_login?code={code}&next={to}"


def find(data: Path) -> Forge:
    """The forge of this data directory, running or not."""
    try:
        known = json.loads((data / "forge.json").read_text(encoding="utf-8"))
        pid, url = int(known["pid"]), str(known["url"])
    except (OSError, ValueError, KeyError, TypeError):
        return Forge(data)
    return Forge(data, url=url.rstrip("/"), pid=pid) if _is_forge(pid) else Forge(data)


def last_port(data: Path) -> int:
    """The port it had when it last ran, so that remotes and open pages stay good; 0 when it never did."""
    try:
        return int((data / "port").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0


def _is_forge(pid: int) -> bool:
    import psutil

    try:
        return "cdock.forge" in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


def up(data: Path, *, port: int | None = None) -> Forge:
    """The running forge of this data directory, started if need be; it outlives this process.

    Raises:
        Unavailable: it did not listen in time.
    """
    found = find(data)
    if found.url:
        return found
    data.mkdir(parents=True, exist_ok=True)
    wanted = last_port(data) if port is None else port
    log = data / "server.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "cdock.forge", "serve", "--data", str(data), "--port", str(wanted)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    limit = time.monotonic() + START_LIMIT
    while time.monotonic() < limit and process.poll() is None:
        found = find(data)
        if found.pid == process.pid:
            (data / "port").write_text(found.url.rpartition(":")[2], encoding="utf-8")
            return found
        time.sleep(0.05)
    process.kill()
    said = log.read_text(encoding="utf-8", errors="replace").strip()[-500:]
    raise Unavailable(
        "the embedded forge did not start",
        code="CD220",
        tried=f"python -m cdock.forge serve --data {data} --port {wanted}; it said: {said}",
        fix="free the port, or choose another one: cdock forge up --port 0",
    )


def down(forge: Forge) -> None:
    """Stop it.

    Raises:
        Unavailable: it is still there after the time it was given.
    """
    if not forge.pid:
        return
    os.kill(forge.pid, signal.SIGTERM)
    limit = time.monotonic() + STOP_LIMIT
    while _alive(forge.pid):
        if time.monotonic() > limit:
            raise Unavailable(f"the forge (process {forge.pid}) does not end", fix=f"kill -9 {forge.pid}")
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    import psutil

    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def person() -> str:
    """The login of the person at this machine, as the forge allows it."""
    import getpass
    import re

    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return PERSON_FALLBACK
    name = re.sub(r"[^a-z0-9-]+", "-", name.lower()).strip("-")[:39]
    return name or PERSON_FALLBACK
