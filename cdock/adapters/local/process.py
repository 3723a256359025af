"""Detached processes: started so that nobody's crash can start them twice, found again by pid, ended as a tree."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

# The child waits for a line before it becomes the program. Whoever starts it writes down its pid first; if the starter
# dies before that, the pipe closes and the child ends without having done anything.
_GATE = 'read -r go && [ "$go" = go ] && exec /bin/sh "$1"'
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE)
_RESPITE = 5.0
"""Seconds the kernel gets to end what was killed."""


def start(script: Path, *, env: Mapping[str, str], output: Path, note: Callable[[int], None]) -> None:
    """Run `script` by sh as a process of its own session, its output appended to the file `output`.

    `note` is called with the pid before the script begins; when it raises, the script never does.
    """
    reading, writing = os.pipe()
    try:
        pid = os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _GATE, "cdock", str(script)],
            env,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, reading, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(output), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigdef=_SIGNALS,
            setsigmask=(),
        )
        os.close(reading)
        reading = -1
        note(pid)
        with contextlib.suppress(BrokenPipeError):
            os.write(writing, b"go\n")
    finally:
        if reading >= 0:
            os.close(reading)
        os.close(writing)


def step(
    script: str, *arguments: str, env: Mapping[str, str], given: bytes = b"", limit: float
) -> tuple[int, str]:
    """Run a small script of ours to its end; its exit code, and what it said.

    Raises:
        TimeoutError: it took more than `limit` seconds. All it started is killed.
    """
    begun = subprocess.Popen(
        ["/bin/sh", "-c", script, "cdock", *arguments],
        env=dict(env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with begun:
        try:
            said, _ = begun.communicate(given, timeout=limit)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(begun.pid, signal.SIGKILL)
            raise TimeoutError from error
    return begun.returncode, said.decode(errors="replace").strip()


def created_at(pid: int) -> float:
    """When the process was created (seconds since the epoch); 0 when it is gone."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def alive(pid: int, *, created: float, script: Path) -> bool:
    """Whether this very process runs, and not another one that was given its pid."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # when it is our own child, take it off the process table
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        # A corrected clock moves creation times; the command line names a file that only this run has.
        return abs(process.create_time() - created) < 2.0 or str(script) in process.cmdline()
    except psutil.Error:
        return False


def end(pid: int, *, created: float, script: Path, run: str, grace: float) -> bool:
    """End the process and all it started: SIGTERM, `grace` seconds, SIGKILL. Returns whether all of them are gone."""
    leader = alive(pid, created=created, script=script)
    members = _members(pid if leader else 0, run=run)
    for process in members:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(members, timeout=grace)
    # A tree can grow while it is being cut: look again until nothing is found.
    for _ in range(10):
        left = _members(pid if leader else 0, run=run)
        if not left:
            break
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=_RESPITE)
    alive(pid, created=created, script=script)
    return not left


def _members(leader: int, *, run: str) -> list[psutil.Process]:
    """All processes of a run: below its leader, in its session, or with its run directory in their environment."""
    found = []
    below: set[int] = set()
    if leader:
        with contextlib.suppress(psutil.Error):
            below = {leader, *(child.pid for child in psutil.Process(leader).children(recursive=True))}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
                continue
            related = leader and (process.pid in below or os.getsid(process.pid) == leader)
            if related or process.environ().get("CDOCK_RUN") == run:
                found.append(process)
    return found
