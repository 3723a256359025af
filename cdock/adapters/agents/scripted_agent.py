"""A program that plays a coding agent from a script, for the demonstration and for tests.

It is shipped into the run as a file and needs Python 3.9 and git, nothing else. The script is JSON:

    {"tasks": {"add-*": {"attempts": [[step, …], …], "answered": [step, …]}, "*": {…}}}

The first pattern that matches the worktree's slug counts. Attempt N of a round plays the Nth list of `attempts`, the
last one again when there are no more. A run that goes on after an answer plays `answered` instead, where there is one.
A step is an object with one key:

    {"say": text}                            speaks
    {"propose": {"say": text, "plan": {…}}}  answers with this object as JSON, for whoever asked it for a plan
    {"write": {"path": path, "text": text}}  writes a file below the working directory
    {"append": {"path": path, "text": text}} adds to one
    {"run": command}                         runs a shell command and shows its output; fails the run when that fails
    {"commit": message}                      commits everything
    {"wait": seconds}                        is silent for that long
    {"hear": seconds}                        waits that long for somebody to speak to it, and fails when nobody does
    {"cost": dollars}                        says that it cost so much more
    {"turns": number}                        says that it took so many more turns
    {"context": share}                       says that the model's window is full to that share
    {"replies": text}                        leaves what it says to the threads of a review
    {"fail": text}                           ends the run with this error
    {"limit": seconds}                       ends it with the provider's usage limit, which ends in that time
    {"end": reason}                          ends it for another reason: unavailable, auth or full
    {"ask": question}                        asks for help, and ends the run
    {"handoff": text}                        leaves notes for the next attempt, and ends the run

Beside `attempts`, a task may have lists for other causes of an attempt than the task itself, such as "review" or
"message": {"review": [[step, …], …]}; the Nth list is played when it is started for that cause the Nth time.

In every text, `{answer}` stands for what a person answered, `{heard}` for what was last said to it while it worked, and
`{prompt}` for the prompt; in commands and paths they do not, for words are no code. Output is one JSON object per
line, its `type` one of session, text, tool, result, heard, usage and end. Input is one JSON object per line with a
`text` and a `uid`; the first one is the prompt.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

COMMAND_LIMIT = 600  # seconds a step's command may take
OUTPUT_LIMIT = 8000  # characters shown of what it printed, the last ones
WINDOW = 200_000  # tokens that the model it plays can hold


class Failed(Exception):
    """The run is over, with this error; `until` is when the limit ends that ended it."""

    def __init__(self, error: str, reason: str = "failed", until: str = "") -> None:
        super().__init__(error)
        self.reason = reason
        self.until = until


def emit(kind: str, **fields: object) -> None:
    """Print one event, at once: whoever follows the log sees it now."""
    sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
    sys.stdout.flush()


class Ears:
    """Standard input, one message per line; listened to between steps."""

    def __init__(self) -> None:
        self.rest = b""
        self.open = True
        self.waiting: list[str] = []
        self.last = ""

    def prompt(self) -> str:
        """The first line, which is there from the start."""
        while b"\n" not in self.rest and self.open:
            self.take(None)
        line, _, self.rest = self.rest.partition(b"\n")
        return str(json.loads(line or b"{}").get("text", ""))

    def listen(self, limit: float = 0.0) -> None:
        """Say of each message that it was heard. With a limit, wait that long for one."""
        deadline = time.monotonic() + limit
        while True:
            while self.open and select.select([0], [], [], 0)[0]:
                self.take(0)
            *lines, self.rest = self.rest.split(b"\n")
            for line in filter(None, lines):
                message = json.loads(line)
                self.waiting.append(str(message["text"]))
                emit("heard", uid=message["uid"], text=message["text"])
            left = deadline - time.monotonic()
            if self.waiting or left <= 0 or not self.open:
                return
            self.take(left)

    def take(self, limit: float | None) -> None:
        """Read what is there; wait for it at most so long."""
        if select.select([0], [], [], limit)[0]:
            got = os.read(0, 65536)
            self.rest += got
            self.open = bool(got)

    def hear(self, limit: float) -> None:
        """Take in the next message. Raises Failed when there is none."""
        self.listen(limit)
        if not self.waiting:
            raise Failed(f"nobody spoke to it within {limit:g} seconds")
        self.last = self.waiting.pop(0)


def steps_of(script: Any, options: argparse.Namespace, *, answered: bool) -> list[Any]:
    """The steps to play. Raises Failed when the script has none for this task."""
    tasks: dict[str, Any] = script["tasks"]
    part = next((tasks[pattern] for pattern in tasks if fnmatch.fnmatchcase(options.task, pattern)), None)
    if part is None:
        raise Failed(f"the script has no steps for the task {options.task!r}, only for {', '.join(tasks)}")
    if options.cause in part:
        lists, number = part[options.cause], counted(options.cause, Path(options.state))
    elif answered and "answered" in part:
        return list(part["answered"])
    else:
        lists, number = part["attempts"], options.attempt
    return list(lists[min(max(number, 1), len(lists)) - 1])


def counted(cause: str, state: Path) -> int:
    """How often it was started for this cause, this time included."""
    path = state / "scripted.json"
    counts = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    counts[cause] = counts.get(cause, 0) + 1
    path.write_text(json.dumps(counts), encoding="utf-8")
    return int(counts[cause])


def put(path: str, text: str, *, mode: str = "w") -> None:
    """Write a file below the working directory, or append to one. Raises Failed when it is elsewhere."""
    root = Path.cwd().resolve()
    full = Path(path).resolve()  # links resolved, so that none leads out
    if root not in full.parents:
        raise Failed(f"the path {path!r} is not inside the working directory")
    full.parent.mkdir(parents=True, exist_ok=True)
    with full.open(mode, encoding="utf-8") as file:
        file.write(text)


def command(argv: list[str], shown: str) -> None:
    """Run a command and show what it prints. Raises Failed when it fails or takes too long."""
    emit("tool", name="Bash", text=shown)
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"{shown}: no end after {COMMAND_LIMIT} seconds") from None
    output = done.stdout.decode("utf-8", "replace")[-OUTPUT_LIMIT:]
    emit("result", ok=done.returncode == 0, text=output)
    if done.returncode != 0:
        raise Failed(f"{shown}: exit code {done.returncode}\n{output}".strip())


def play(verb: str, value: Any, told: dict[str, str]) -> str:
    """Do one step; returns the reason for the end of the run when it is over."""
    if verb in ("write", "append"):
        emit("tool", name="Write" if verb == "write" else "Edit", text=value["path"])
        put(value["path"], filled(value["text"], told), mode="w" if verb == "write" else "a")
        return ""
    if verb == "run":
        command(["sh", "-c", value], value)
        return ""
    if verb == "wait":
        time.sleep(float(value))
        return ""
    if verb in ("cost", "turns", "limit", "context", "end"):
        return count(verb, value)
    if verb == "propose":
        emit("text", text=json.dumps(filled_in(value, told)))
        return ""
    text = filled(str(value), told)
    if verb == "say":
        emit("text", text=text)
    elif verb == "commit":
        command(["git", "add", "--all"], "git add --all")
        command(["git", "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", text], "git commit")
    elif verb == "replies":
        put(".cdock/replies.md", text + "\n")
    elif verb == "fail":
        raise Failed(text)
    elif verb == "ask":
        emit("text", text=text)
        put(".cdock/help.md", text + "\n")
        return "asked"
    elif verb == "handoff":
        put(".cdock/handoff.md", text + "\n")
        return "handoff"
    else:
        raise Failed(f"the script has an unknown step: {verb!r}")
    return ""


def count(verb: str, value: Any) -> str:
    """Say what it used up; returns the reason for the end when the step is one."""
    if verb == "limit":
        until = time.gmtime(time.time() + float(value) + 1)  # whole seconds, rounded up
        raise Failed("the usage limit is reached", "limited", time.strftime("%Y-%m-%dT%H:%M:%S+00:00", until))
    if verb == "end":
        raise Failed(f"the provider: {value}", str(value))
    if verb == "context":
        emit("usage", context=int(WINDOW * float(value)), window=WINDOW)
    else:
        emit("usage", **{verb: value})
    return ""


def filled(text: str, told: dict[str, str]) -> str:
    """The text with what it was told."""
    for name, words in told.items():
        text = text.replace("{" + name + "}", words)
    return text


def filled_in(value: Any, told: dict[str, str]) -> Any:
    """The value with what it was told in each of its texts."""
    if isinstance(value, str):
        return filled(value, told)
    if isinstance(value, dict):
        return {key: filled_in(part, told) for key, part in value.items()}
    return [filled_in(part, told) for part in value] if isinstance(value, list) else value


def perform(options: argparse.Namespace) -> str:
    """Play all steps; returns the reason for the end."""
    ears = Ears()
    prompt = ears.prompt()
    script = json.loads(Path(options.script).read_text(encoding="utf-8"))
    answer = Path(options.answer).read_text(encoding="utf-8").strip() if options.answer else ""
    for step in steps_of(script, options, answered=options.resumed or bool(answer)):
        [(verb, value)] = step.items()
        ears.listen()
        if verb == "hear":
            ears.hear(float(value))
            continue
        reason = play(verb, value, {"answer": answer, "heard": ears.last, "prompt": prompt})
        if reason:
            return reason
    ears.listen()
    return "done"


def converse(session: str) -> int:
    """Be there for a person at a terminal: run each line as a command, until `exit`."""
    sys.stdout.write(
        f"The scripted agent, conversation {session or 'new'}. Commands are run; exit ends it.\n"
    )
    while True:
        sys.stdout.write("> ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        if line.strip() == "exit" or not line:
            return 0
        subprocess.run(["sh", "-c", line], check=False)


def main() -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(description="Play a coding agent from a script.")
    parser.add_argument("--script", default="", help="the JSON file with the steps")
    parser.add_argument("--task", default="", help="the slug of the worktree")
    parser.add_argument("--attempt", type=int, default=1, help="which attempt of its round this is, from 1")
    parser.add_argument("--session", default="", help="the id of the conversation")
    parser.add_argument("--resumed", action="store_true", help="the conversation goes on")
    parser.add_argument("--cause", default="", help="why the attempt was started")
    parser.add_argument("--state", default=".", help="the directory that is kept over attempts")
    parser.add_argument("--terminal", action="store_true", help="a person is there")
    parser.add_argument("--answer", default="", help="the file with what a person answered")
    options = parser.parse_args()
    if options.terminal:
        return converse(options.session)
    emit("session", session=options.session)
    try:
        reason = perform(options)
    except Failed as error:
        emit("end", ok=False, reason=error.reason, error=str(error), until=error.until)
        return 1
    except OSError as error:
        emit("end", ok=False, reason="failed", error=str(error))
        return 1
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        # The script is not of the form above. One line says so where a traceback would hide it.
        emit("end", ok=False, reason="failed", error=f"the script is malformed: {error!r}")
        return 1
    emit("end", ok=True, reason=reason)
    return 0


if __name__ == "__main__":
    sys.exit(main())
