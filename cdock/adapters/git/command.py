"""The one door to git: explicit repository, cleaned environment, limits on time and size, errors in our words.

GitPython is not used for this: it starts every command with the whole environment of this process, in which a
`GIT_DIR` or `GIT_SSH_COMMAND` redirects git and cannot be unset; its time-out kills processes found by `ps` instead
of the process group; and it keeps all output in memory, which a hostile server decides the size of.
"""

import os
import re
import selectors
import signal
import subprocess
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cdock.core.errors import CdockError, Misconfigured, Missing, NotPermitted, Refused, Unavailable

Token = str | Callable[[], str]
"""A token, or what gives the one that is good now: an App's changes every hour."""

OLDEST = (2, 38)
TIMEOUT = 60.0
OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes of output that are kept of one command; none of ours is meant to come near it."""
_ERROR_TAIL = 4096
_CHUNK = 64 * 1024

# What git and the programs it starts (ssh, a runner's pipe) need of our surroundings. Everything else, above all
# GIT_*, stays out: an inherited GIT_DIR or GIT_INDEX_FILE makes git work on another repository.
_PASSED_ON = (
    "PATH",
    "TMPDIR",
    "SSH_AUTH_SOCK",
    "HTTPS_PROXY",
    "https_proxy",
    "ALL_PROXY",
    "all_proxy",
    "NO_PROXY",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
)
_FIXED = {
    "HOME": "/nonexistent",
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_SSH_COMMAND": "ssh -o BatchMode=yes -o ConnectTimeout=20",
    "GIT_AUTHOR_NAME": "cdock",
    "GIT_AUTHOR_EMAIL": "cdock@localhost",
    "GIT_COMMITTER_NAME": "cdock",
    "GIT_COMMITTER_EMAIL": "cdock@localhost",
}
_OPTIONS = tuple(
    part
    for option in (
        "core.hooksPath=/dev/null",
        "core.fsmonitor=false",
        "core.attributesFile=/dev/null",
        "core.protectHFS=true",
        "core.protectNTFS=true",
        "credential.helper=",
        "submodule.recurse=false",
        "fetch.recurseSubmodules=no",
        "push.recurseSubmodules=no",
        "diff.ignoreSubmodules=all",
        "gc.auto=0",
        "maintenance.auto=false",
        "transfer.fsckObjects=true",
    )
    for part in ("-c", option)
)

# The settings that make plain git commands of a person safe inside a worktree, whatever a commit brings along.
CONFIG = """\
[core]
\trepositoryFormatVersion = 0
\tbare = true
\thooksPath = /dev/null
\tfsmonitor = false
\tattributesFile = /dev/null
[gc]
\tauto = 0
[maintenance]
\tauto = false
[submodule]
\trecurse = false
[transfer]
\tfsckObjects = true
"""

# git has no codes for these; its words are stable under LC_ALL=C. They choose the error a person reads and whether
# the step is planned again. Who won a claim is never decided by them.
_DENIED = re.compile(
    r"authentication failed|permission (?:to \S+ )?denied|returned error: 40[13]\b|could not read (?:username|password)"
    r"|invalid username or (?:password|token)|write access to repository not granted|host key verification failed",
    re.IGNORECASE,
)
_AWAY = re.compile(
    r"could not resolve host|unable to access|failed to connect|connection (?:refused|reset|timed out|closed)"
    r"|operation timed out|network is unreachable|no route to host|early eof|rpc failed|http (?:429|5\d\d)\b"
    r"|remote end hung up|unexpected disconnect|could not read from remote repository|gnutls|ssl|tls connection"
    r"|died of signal",
    re.IGNORECASE,
)
_FULL = re.compile(
    r"no space left on device|disk quota exceeded|couldn't write|unable to write", re.IGNORECASE
)
_CONTROL = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\))|[^\n\t -~\u00a0-\U0010ffff]"
)
_USERINFO = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True)
class Done:
    """What a command came to. `err` is the end of what it said, fit to be shown."""

    code: int
    out: bytes
    err: str
    tried: str

    @property
    def text(self) -> str:
        """The output as text, without the newline at its end."""
        return self.out.decode(errors="replace").rstrip("\n")


class Git:
    """git on one repository, named explicitly: nothing is ever discovered by walking up the directories.

    `directory` is the repository (`--git-dir`), `tree` its working tree if it has one; without `directory` only
    commands that need no repository work. `token` is sent as a header to `origin` (`https://host[:port]`) and
    nowhere else, asked for anew by every command; plain http is spoken to this machine only.
    """

    def __init__(
        self, directory: Path | None, *, tree: Path | None = None, token: Token = "", origin: str = ""
    ) -> None:
        self._directory = directory
        self._tree = tree
        self._token = token
        self._origin = origin
        self._protocols = "https:ssh:file"
        if origin.startswith("http://"):
            if not _is_loopback(origin):
                raise Misconfigured(
                    f"plain http to {origin} would send the token readable over the network",
                    fix="use an https:// or ssh address for the repository",
                )
            self._protocols = "http:https:ssh:file"

    def run(
        self,
        *args: str,
        input: bytes = b"",  # noqa: A002 (the word subprocess uses for it)
        env: Mapping[str, str] | None = None,
        timeout: float = TIMEOUT,
        max_file: int = 0,
        check: bool = True,
    ) -> Done:
        """Run `git *args` to its end.

        `timeout` is in seconds; `max_file` is the largest file in bytes that it may write (0: no limit). Without
        `check` a failure is returned instead of raised; a time-out and a missing git are always raised.

        Raises:
            Missing: there is no git, or it is too old.
            Unavailable: it took too long, or the other side could not be reached.
            NotPermitted: the other side refused our credential.
            Refused: git said no for any other reason.
        """
        tried, token = self._tried(args), self._secret()
        out = bytearray()
        with self._started(args, token=token, data=input, env=env, max_file=max_file) as process:
            said = bytearray()
            for chunk in _chunks(process, said=said, timeout=timeout, tried=tried):
                out += chunk
                if len(out) > OUTPUT_LIMIT:
                    raise Refused(f"{tried} printed more than {OUTPUT_LIMIT} bytes", tried=tried)
            done = Done(process.returncode, bytes(out), _shown(said, token), tried)
        if check and done.code != 0:
            raise error_of(done)
        return done

    def records(self, *args: str, timeout: float = TIMEOUT) -> Generator[bytes, None, None]:
        """The NUL-terminated records `git *args` prints, as they come; closing the iterator ends git.

        For output whose size a stranger decides. Raises as `run` does.
        """
        tried, token = self._tried(args), self._secret()
        rest = b""
        with self._started(args, token=token) as process:
            said = bytearray()
            for chunk in _chunks(process, said=said, timeout=timeout, tried=tried):
                *records, rest = (rest + chunk).split(b"\0")
                if len(rest) > OUTPUT_LIMIT:
                    raise Refused(f"{tried} printed a record of more than {OUTPUT_LIMIT} bytes", tried=tried)
                yield from records
        if process.returncode != 0:
            raise error_of(Done(process.returncode, b"", _shown(said, token), tried))

    def beginning(
        self, *args: str, most: int, env: Mapping[str, str] | None = None, timeout: float = TIMEOUT
    ) -> tuple[bytes, bool]:
        """The first `most` bytes that `git *args` prints, and whether there are more; git is ended then.

        For output for people, who do not read on for ever. Raises as `run` does.
        """
        tried = self._tried(args)
        out, said = bytearray(), bytearray()
        with self._started(args, token="", env=env) as process:
            for chunk in _chunks(process, said=said, timeout=timeout, tried=tried):
                out += chunk
                if len(out) > most:
                    _kill(process)
                    return bytes(out[:most]), True
        if process.returncode != 0:
            raise error_of(Done(process.returncode, b"", _shown(said, ""), tried))
        return bytes(out), False

    def _tried(self, args: tuple[str, ...]) -> str:
        settings = {number + 1 for number, arg in enumerate(args) if arg == "-c"}
        verb = next((a for n, a in enumerate(args) if n not in settings and not a.startswith("-")), "")
        return f"git {verb} in {self._tree or self._directory}" if self._directory else f"git {verb}"

    def _secret(self) -> str:
        """The token of one command; none where it would be sent to nobody."""
        if not self._origin.startswith("http"):
            return ""
        return self._token if isinstance(self._token, str) else self._token()

    @contextmanager
    def _started(
        self,
        args: tuple[str, ...],
        *,
        token: str,
        data: bytes = b"",
        env: Mapping[str, str] | None = None,
        max_file: int = 0,
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The running process; it and all it started are dead when this is left."""
        _require_git(os.environ.get("PATH", os.defpath))
        argv = ["git", *self._place(), *_OPTIONS, *args]
        if max_file:
            # By the shell, because code between fork and exec (preexec_fn) can hang a process with threads.
            argv = ["/bin/sh", "-c", 'ulimit -f "$0" && exec "$@"', str(-(-max_file // 512)), *argv]
        with tempfile.TemporaryFile() if data else open(os.devnull, "rb") as stdin:  # noqa: PTH123
            if data:
                stdin.write(data)
                stdin.seek(0)
            with subprocess.Popen(
                argv,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**self._environment(token), **(env or {})},
                cwd=self._tree or "/",
                start_new_session=True,
            ) as process:
                try:
                    yield process
                except BaseException:
                    _kill(process)
                    raise

    def _place(self) -> list[str]:
        place = [f"--git-dir={self._directory}"] if self._directory else []
        return [*place, f"--work-tree={self._tree}"] if self._tree else place

    def _environment(self, token: str) -> dict[str, str]:
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        given = {**passed, **_FIXED, "GIT_ALLOW_PROTOCOL": self._protocols}
        config: list[tuple[str, str]] = []
        if token:
            config.append((f"http.{self._origin}/.extraHeader", f"Authorization: Basic {_basic(token)}"))
        if self._origin.startswith("http://"):
            # A redirect could leave this machine, where plain http is allowed no more.
            config.append(("http.followRedirects", "false"))
        if config:
            given["GIT_CONFIG_COUNT"] = str(len(config))
            for number, (key, value) in enumerate(config):
                given[f"GIT_CONFIG_KEY_{number}"] = key
                given[f"GIT_CONFIG_VALUE_{number}"] = value
        return given


def error_of(done: Done) -> CdockError:
    """The error that a failed command stands for."""
    said = done.err or f"it ended with code {done.code} and said nothing"
    message = f"{done.tried} failed: {said}"
    # A hook of the forge may say anything; only git's own words and those of ssh tell how the connection fared.
    own = "\n".join(line for line in done.err.splitlines() if not line.startswith("remote:"))
    if _DENIED.search(own):
        return NotPermitted(
            message, tried=done.tried, fix="check the token and that it may write the repository's contents"
        )
    if re.search(r"repository '\S*' not found|repository not found", own, re.IGNORECASE):
        return Refused(
            message, tried=done.tried, fix="check the repository's name, and that the token may see it"
        )
    if _FULL.search(done.err):
        return Unavailable(
            message, tried=done.tried, fix="make room on the disk; cdock then tries again by itself"
        )
    if done.code < 0 or _AWAY.search(own):
        return Unavailable(message, tried=done.tried, fix="nothing: cdock tries again by itself")
    return Refused(message, tried=done.tried)


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of an http or https address; empty for others, which take no token from us."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{parts.port}" if parts.port else f"{parts.scheme}://{host}"


def clean(text: str) -> str:
    """A stranger's text without control characters and passwords in addresses, cut to its end."""
    plain = _USERINFO.sub("***@", _CONTROL.sub("", text.replace("\r", "\n")))
    lines = [line.strip() for line in plain.split("\n")]
    return "\n".join(line for line in lines if line)[-_ERROR_TAIL:]


def _shown(said: bytes | bytearray, token: str) -> str:
    text = said.decode(errors="replace")
    for secret in (token, _basic(token)) if token else ():
        text = text.replace(secret, "***")
    return clean(text)


def _basic(token: str) -> str:
    return b64encode(f"x-access-token:{token}".encode()).decode()


def _is_loopback(origin: str) -> bool:
    host = urlsplit(origin).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Not reaped yet, so the number still names our group; upload-pack and ssh go with it.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _chunks(
    process: subprocess.Popen[bytes], *, said: bytearray, timeout: float, tried: str
) -> Iterator[bytes]:
    """The output as it comes; the end of the error output gathers in `said`."""
    limit = time.monotonic() + timeout
    with selectors.DefaultSelector() as waiting:
        for pipe, name in ((process.stdout, "out"), (process.stderr, "err")):
            if pipe:
                waiting.register(pipe, selectors.EVENT_READ, name)
        while waiting.get_map():
            ready = waiting.select(max(0.0, limit - time.monotonic()))
            if not ready or time.monotonic() > limit:
                raise _too_slow(tried, timeout)
            for key, _ in ready:
                chunk = os.read(key.fd, _CHUNK)
                if not chunk:
                    waiting.unregister(key.fileobj)
                elif key.data == "out":
                    yield chunk
                else:
                    said += chunk
                    del said[: -2 * _ERROR_TAIL]
    try:
        process.wait(max(0.0, limit - time.monotonic()))
    except subprocess.TimeoutExpired as error:
        raise _too_slow(tried, timeout) from error


def _too_slow(tried: str, timeout: float) -> Unavailable:
    return Unavailable(
        f"{tried} did not end within {timeout:g} s",
        tried=tried,
        fix="look whether the network or the disk is slow; cdock tries again by itself",
    )


@cache
def _require_git(path: str) -> None:
    fix = f"install git {OLDEST[0]}.{OLDEST[1]} or newer"
    try:
        done = subprocess.run(
            ["git", "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT,
            env={"PATH": path, "LC_ALL": "C"},
            check=False,
        )
    except FileNotFoundError as error:
        raise Missing("git is not installed, or not on PATH", tried="git --version", fix=fix) from error
    except subprocess.TimeoutExpired as error:
        raise Unavailable(f"git --version did not end within {TIMEOUT:g} s", tried="git --version") from error
    words = done.stdout.decode(errors="replace").strip()
    number = re.search(r"(\d+)\.(\d+)", words)
    if not number or (int(number[1]), int(number[2])) < OLDEST:
        raise Missing(f"this git is too old: {words or 'no version'}", tried="git --version", fix=fix)
