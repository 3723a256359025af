"""Start and stop the embedded forge as a real process on a free loopback port."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

START_LIMIT = 120.0
STOP_LIMIT = 60.0
ADMIN_LIMIT = 60.0
CONTROL_LIMIT = 60.0


class ForgeServer:
    """One forge on one data directory.

    It knows the command line only, never the package, so that any test may use it.

        forge = ForgeServer(tmp_path / "forge")
        forge.start()
        token = forge.admin("token", "alice")["token"]
        requests.get(f"{forge.url}/api/v3/user", headers={"Authorization": f"Bearer {token}"})
        forge.stop()
    """

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Scheme, host and port, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id of the running server."""
        assert self._process is not None, "the forge is not running"
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has printed so far."""
        path = self.data_dir / "server.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, *args: str) -> ForgeServer:
        """Start it and return when it listens; a port used before is used again after a restart."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        info = self.data_dir / "forge.json"
        with (self.data_dir / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command("serve"), "--port", str(self.port), *args],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
            )
        limit = time.monotonic() + START_LIMIT
        while True:
            if self._process.poll() is not None:
                raise RuntimeError(f"the forge ended with code {self._process.returncode}:\n{self.log}")
            seen = json.loads(info.read_text()) if info.exists() else {}
            if seen.get("pid") == self._process.pid:
                self.port = int(seen["port"])
                return self
            if time.monotonic() > limit:
                self.kill()
                raise RuntimeError(f"the forge did not listen within {START_LIMIT} s:\n{self.log}")
            time.sleep(0.02)

    def stop(self) -> int:
        """Ask it to end, and return its exit code."""
        if self._process is None:
            return 0
        process, self._process = self._process, None
        process.send_signal(signal.SIGTERM)
        try:
            return process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_LIMIT)
            raise RuntimeError(f"the forge ignored SIGTERM for {STOP_LIMIT} s:\n{self.log}") from None

    def kill(self) -> None:
        """End it without warning, as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_LIMIT)
            self._process = None

    def admin(self, *args: str) -> dict[str, Any]:
        """Run one admin command and return the JSON it prints."""
        done = subprocess.run(
            [*self._command("admin"), *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=ADMIN_LIMIT,
            env=_environment(),
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"admin {' '.join(args)} ended with code {done.returncode}:\n{done.stderr}")
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def faults(self, rules: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Make requests go wrong, in ways that `cdock.forge.controls.faults` describes. Needs `--test-controls`."""
        added: list[dict[str, Any]] = self.control("POST", "faults", rules)
        return added

    def clear_faults(self) -> None:
        """Let everything go right again, and end requests that were held."""
        self.control("DELETE", "faults")

    def journal(self, since: int = 0) -> list[dict[str, Any]]:
        """The requests after entry number `since`, oldest first, each with `seq`, `method`, `path`, `status`, …"""
        entries: list[dict[str, Any]] = self.control("GET", f"journal?since={since}")
        return entries

    def clock(self, **change: Any) -> datetime:
        """Change its time (`freeze=True` or a time, `advance=seconds`, `run=True`, `reset=True`), and tell it."""
        told = self.control("POST", "clock", change) if change else self.control("GET", "clock")
        return datetime.fromisoformat(told["now"])

    def limits(self, mode: str) -> None:
        """Enforce the limits of `github`, or none (`off`); everybody's budgets begin anew."""
        self.control("POST", "limits", {"mode": mode})

    def snapshot(self, name: str = "default") -> None:
        """Put aside everything that the forge holds."""
        self.control("POST", "snapshot", {"name": name})

    def restore(self, name: str = "default") -> None:
        """Bring back what was put aside."""
        self.control("POST", "restore", {"name": name})

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """Use the controls of a forge that was started with `--test-controls`."""
        token = json.loads((self.data_dir / "forge.json").read_text())["control_token"]
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=CONTROL_LIMIT)) as connection:
            connection.request(
                method,
                f"/_forge/{path}",
                body=None if body is None else json.dumps(body),
                headers={"Authorization": f"Bearer {token}"},
            )
            answer = connection.getresponse()
            text = answer.read().decode()
        if answer.status >= 400:
            raise RuntimeError(f"{method} /_forge/{path} was answered {answer.status}: {text}")
        return json.loads(text) if text else None

    def _command(self, verb: str) -> list[str]:
        return [sys.executable, "-P", "-m", "cdock.forge", verb, "--data", str(self.data_dir)]

    def __enter__(self) -> ForgeServer:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _environment() -> dict[str, str]:
    """Ours without what would redirect git or Python's output."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    return {**kept, "PYTHONUNBUFFERED": "1"}
