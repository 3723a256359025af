"""A program that plays a coding agent from a script, for the demonstration and for tests.

It is shipped into the run as a file and needs Python 3.9 and git, nothing else. The script is JSON:

    {"tasks": {"add-*": {"attempts": [[step, …], …], "answered": [step, …]}, "*": {…}}}

The first pattern that matches the worktree's slug counts. Attempt N of a round plays the Nth list of `attempts`, the
last one again when there are no more. A run that goes on after an answer plays `answered` instead, where there is one.
A step is an object with one key:

    {"say": text}                            speaks
    {"write": {"path": path, "text": text}}  writes a file below the working directory
    {"append": {"path": path, "text": text}} adds to one
    {"run": command}                         runs a shell command and shows its output; fails the run when that fails
    {"commit": message}                      commits everything
    {"wait": seconds}                        is silent for that long
    {"fail": text}                           ends the run with this error
    {"ask": question}                        asks for help, and ends the run
    {"handoff": text}                        leaves notes for the next attempt, and ends the run

In every text, `{answer}` stands for what a person answered; in commands and paths it does not, for an answer is no
code. Output is one JSON object per line, its `type` one of session, text, tool, result and end.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

COMMAND_LIMIT = 600  # seconds a step's command may take
OUTPUT_LIMIT = 8000  # characters shown of what it printed, the last ones


class Failed(Exception):
    """The run is over, with this error."""


def emit(kind: str, **fields: object) -> None:
    """Print one event, at once: whoever follows the log sees it now."""
    sys.stdout.write(json.dumps({"type": kind, **fields}) + "\n")
    sys.stdout.flush()


def steps_of(script: Any, *, task: str, attempt: int, answered: bool) -> list[Any]:
    """The steps to play. Raises Failed when the script has none for this task."""
    tasks: dict[str, Any] = script["tasks"]
    part = next((tasks[pattern] for pattern in tasks if fnmatch.fnmatchcase(task, pattern)), None)
    if part is None:
        raise Failed(f"the script has no steps for the task {task!r}, only for {', '.join(tasks)}")
    if answered and "answered" in part:
        return list(part["answered"])
    attempts = part["attempts"]
    return list(attempts[min(max(attempt, 1), len(attempts)) - 1])


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


def play(verb: str, value: Any, answer: str) -> str:
    """Do one step; returns the reason for the end of the run when it is over."""
    if verb in ("write", "append"):
        emit("tool", name="Write" if verb == "write" else "Edit", text=value["path"])
        put(value["path"], value["text"].replace("{answer}", answer), mode="w" if verb == "write" else "a")
        return ""
    if verb == "run":
        command(["sh", "-c", value], value)
        return ""
    if verb == "wait":
        time.sleep(float(value))
        return ""
    text = str(value).replace("{answer}", answer)
    if verb == "say":
        emit("text", text=text)
    elif verb == "commit":
        command(["git", "add", "--all"], "git add --all")
        command(["git", "-c", "core.hooksPath=/dev/null", "commit", "--quiet", "-m", text], "git commit")
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


def perform(options: argparse.Namespace) -> str:
    """Play all steps; returns the reason for the end."""
    script = json.loads(Path(options.script).read_text(encoding="utf-8"))
    answer = Path(options.answer).read_text(encoding="utf-8").strip() if options.answer else ""
    answered = options.resumed or bool(answer)
    for step in steps_of(script, task=options.task, attempt=options.attempt, answered=answered):
        [(verb, value)] = step.items()
        reason = play(verb, value, answer)
        if reason:
            return reason
    return "done"


def main() -> int:
    """Run the program; returns its exit code."""
    parser = argparse.ArgumentParser(description="Play a coding agent from a script.")
    parser.add_argument("--script", required=True, help="the JSON file with the steps")
    parser.add_argument("--task", required=True, help="the slug of the worktree")
    parser.add_argument("--attempt", type=int, default=1, help="which attempt of its round this is, from 1")
    parser.add_argument("--session", default="", help="the id of the conversation")
    parser.add_argument("--resumed", action="store_true", help="the conversation goes on")
    parser.add_argument("--answer", default="", help="the file with what a person answered")
    options = parser.parse_args()
    emit("session", session=options.session)
    sys.stdin.read()  # the prompt: an agent that does not read it would break the pipe of whoever writes it
    try:
        reason = perform(options)
    except (Failed, OSError) as error:
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
