"""What is laid down for a run before it starts: the same files for a container and for a plain process.

A workspace is `src` (the repository), `state` (what the agent keeps over attempts) and one directory per run under
`attempts`. `templates/entry.sh` is the main program of every run and documents the files it reads.
"""

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from cdock.adapters.prompts import template_file
from cdock.core.errors import Misconfigured, Refused
from cdock.core.events import RunSpec
from cdock.core.runs import Role

SIGNAL_LIMIT = 64 * 1024
"""Most bytes taken of a signal file; a help issue holds no more than that anyway."""
SIGNALS = {name: f"src/.cdock/{name}.md" for name in ("help", "handoff", "replies")}
"""Signal files by their name in `Signals`, relative to the workspace."""
SOURCE = "src"
"""The working tree, relative to the workspace."""
REPOSITORY = "src/.git"
"""What is fetched from, relative to the workspace."""
INPUT, APART = "CDOCK_INPUT", "CDOCK_APART"
LIVE, TERMINAL = "live", "terminal"
"""Values of `INPUT`."""
NOT_READY = 75
"""Exit code of `say.sh` for a run that takes no message now."""
_UID = re.compile(r"[A-Za-z0-9-]{1,64}")

# The verb is written out here because the real cdock is not inside; the file appears whole, whoever reads when.
_SHIM = """#!/bin/sh
# What an agent finds as `cdock` inside a run.
set -eu
question=${2-}
if [ "${1-}" != help-agent ] || [ -z "$question" ]; then
    echo 'Inside a run there is one verb: cdock help-agent "your question"' >&2
    exit 2
fi
if [ -n "${CDOCK_APART-}" ]; then
    echo 'This run only looks at the work, and nobody is asked on its behalf: write the question into your answer.' >&2
    exit 2
fi
mkdir -p "$CDOCK_WORKSPACE/src/.cdock"
printf '%s\\n' "$question" >"$CDOCK_WORKSPACE/src/.cdock/help.md.new"
mv -f "$CDOCK_WORKSPACE/src/.cdock/help.md.new" "$CDOCK_WORKSPACE/src/.cdock/help.md"
echo 'A person will be asked. Commit what is worth keeping and end your turn now; you go on when the answer is there.'
"""


@dataclass(frozen=True)
class Places:
    """Paths of one run as the run itself sees them. `sockets` is where proxies of the host are, if anywhere."""

    workspace: str
    attempt: str
    """The run directory, relative to the workspace."""
    objects: str
    sockets: str = ""

    @property
    def run(self) -> str:
        """The run directory."""
        return f"{self.workspace}/{self.attempt}"

    @property
    def state(self) -> str:
        """The directory that keeps the agent's own state over attempts."""
        return f"{self.workspace}/state"

    @property
    def entry(self) -> str:
        """The main program."""
        return f"{self.run}/entry.sh"

    def fill(self, text: str) -> str:
        """`text` with `{run}/` and `{state}/` replaced; other braces are left alone."""
        return text.replace("{run}/", f"{self.run}/").replace("{state}/", f"{self.state}/")


def attempt_directory(name: str) -> str:
    """The run directory of the run `name`, relative to the workspace."""
    return f"attempts/{name}"


def environment(spec: RunSpec, places: Places) -> dict[str, str]:
    """What the entry script and the agent are told by environment. Nothing in it is secret."""
    told = {
        **places_told(places),
        "CDOCK_STATE": places.state,
        "CDOCK_ROLE": spec.role,
        "CDOCK_COUNT": str(len(spec.launch.argv if spec.launch else spec.commands)),
        "CDOCK_OBJECTS": places.objects,
        "CDOCK_BASE": spec.base,
        "CDOCK_BRANCH": spec.branch,
    }
    wanted = {
        "CDOCK_SOCKETS": places.sockets,
        "CDOCK_TARGET": spec.target,
        "CDOCK_DROPPED": spec.dropped,
        "CDOCK_UNFINISHED": spec.unfinished,
        APART: "1" if spec.apart else "",
        INPUT: _input_of(spec),
    }
    told |= {name: value for name, value in wanted.items() if value}
    launch = spec.launch.env if spec.launch else {}
    return {**{name: places.fill(value) for name, value in launch.items()}, **told}


def places_told(places: Places) -> dict[str, str]:
    """What every script of a run is told by environment."""
    return {"CDOCK_WORKSPACE": places.workspace, "CDOCK_RUN": places.run}


def files(spec: RunSpec, places: Places) -> dict[str, tuple[str, int]]:
    """Text and mode of every file to lay down, by path relative to the workspace.

    Raises:
        Refused: the specification is not one that can be run.
    """
    laid: dict[str, tuple[str, int]] = {
        f"{places.attempt}/entry.sh": (entry_script(), 0o755),
        f"{places.attempt}/snapshot.sh": (snapshot_script(), 0o755),
        f"{places.attempt}/bin/cdock": (_SHIM, 0o755),
    }
    if (spec.launch is None) == (not spec.commands) or (spec.launch is None) == (spec.role == Role.AGENT):
        raise Refused(
            f"The run {spec.name} has the role {spec.role} but not what that role runs.",
            tried=f"starting the run {spec.name}",
            fix="This is a fault in cdock; please report it.",
        )
    for number, command in enumerate(spec.commands):
        laid[f"{places.attempt}/commands/{number:04}"] = (command, 0o644)
    if launch := spec.launch:
        for number, argument in enumerate(launch.argv):
            laid[f"{places.attempt}/argv/{number:04}"] = (places.fill(argument), 0o644)
        laid[f"{places.attempt}/stdin"] = (launch.stdin, 0o644)
        if launch.until:
            laid[f"{places.attempt}/until"] = (launch.until, 0o644)
        laid |= {_inside(path, places): (text, 0o644) for path, text in launch.files.items()}
    return laid


def _input_of(spec: RunSpec) -> str:
    if spec.launch is None:
        return ""
    return TERMINAL if spec.launch.terminal else LIVE if spec.launch.until else ""


def _inside(path: str, places: Places) -> str:
    """`path` of a launch, relative to the workspace."""
    for mark, directory in (("{run}/", places.attempt), ("{state}/", "state")):
        if path.startswith(mark):
            plain = PurePosixPath(path.removeprefix(mark))
            if not plain.is_absolute() and ".." not in plain.parts:
                return f"{directory}/{plain}"
    raise Misconfigured(
        f"The agent wants the file {path!r}, which is neither below {{run}}/ nor below {{state}}/.",
        tried="laying down the files of a run",
        fix="Use a path that starts with {run}/ or {state}/.",
    )


def entry_script() -> str:
    """The text of `entry.sh`."""
    return _script("entry.sh")


def snapshot_script() -> str:
    """The text of `snapshot.sh`, which sets down what a run has not committed."""
    return _script("snapshot.sh")


def say_script() -> str:
    """The text of `say.sh`, which lays a message into the inbox of a run."""
    return _script("say.sh")


def _script(name: str) -> str:
    return template_file(name).read_text(encoding="utf-8")


def message(line: str, *, uid: str) -> tuple[tuple[str, ...], bytes]:
    """Arguments and standard input of `say.sh` for a message.

    Raises:
        Refused: it is not one line, or its uid not one of ours.
    """
    text = line.removesuffix("\n")
    if not _UID.fullmatch(uid) or not text or any(character in text for character in "\n\0"):
        raise Refused(
            f"The message {uid[:64]!r} is not one line with a plain uid.",
            tried="speaking to a run",
            fix="This is a fault in cdock; please report it.",
        )
    content = text.encode()
    return (uid, str(len(content))), content


_ATTACH = """
cd "$1" || exit 1
unset TMUX
tries=0
until tmux -S tmux has-session -t cdock 2>/dev/null; do
    tries=$((tries + 1))
    if [ -e exit ] || [ "$tries" -ge 300 ]; then
        echo 'cdock: there is no terminal here, or not any more' >&2
        exit 1
    fi
    sleep 0.1
done
exec tmux -S tmux attach-session -t cdock
"""


def attaching(run: str) -> tuple[str, ...]:
    """The command that shows the terminal of the run whose directory is `run`; it waits until there is one."""
    return ("/bin/sh", "-c", _ATTACH, "cdock", run)


def no_terminal(name: str) -> Refused:
    """What is to be said when there is nothing to attach to."""
    return Refused(
        f"The run {name} has no terminal: it was not started for a person, or has ended.",
        tried=f"looking for the terminal of {name}",
        fix="See `cdock status`, and attach to the task again.",
    )


def no_workspace(task: str, *, where: str) -> Refused:
    """What is to be said when there is nothing to look into."""
    return Refused(
        f"There is no workspace of {task} here.",
        tried=f"looking for {where}",
        fix="A task has one from its first attempt until it is done; see `cdock status`.",
    )


def ended_by(text: str) -> tuple[int, bool] | None:
    """Exit code and "we were asked to end", read from a run's `exit` file; None when it is not such a file."""
    words = text.split()
    if not words or not words[0].isdecimal() or int(words[0]) > 255:
        return None
    return int(words[0]), words[1:] == ["stopped"]


def ended_from_outside(exit_code: int) -> str:
    """The sentence for a run that a signal ended which neither the agent nor its entry script can explain."""
    signal = {137: "SIGKILL", 143: "SIGTERM"}.get(exit_code, f"exit code {exit_code}")
    return f"The run was ended from outside ({signal}), not by its agent: by cdock, or by a restart of the machine."
