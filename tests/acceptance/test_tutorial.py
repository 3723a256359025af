"""The tutorial on plans, done as it is written: its blocks are run, and what it shows is what appears."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.terminal import Terminal

PAGE = Path(__file__).parents[2] / "docs" / "tutorial" / "plan-a-goal.md"
BLOCK = re.compile(r"^```(sh|text)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LIMIT = 240.0
# What differs from one time to the next.
CHANGING = re.compile(r"\b[0-9a-f]{12}\b|#\d+|\s+")


class Reader:
    """Somebody with a clean home who types what the page says."""

    def __init__(self, folder: Path) -> None:
        home, programs = folder / "home", folder / "bin"
        home.mkdir()
        programs.mkdir()
        (programs / "cdock").write_text(f'#!/bin/sh\nexec "{sys.executable}" -P -m cdock "$@"\n')
        (programs / "cdock").chmod(0o755)
        self.place = folder
        self.env = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "HOME": str(home),
            "CDOCK_HOME": str(home / "cdock"),
            "LANG": "C.UTF-8",
        }
        self.run("git config --global user.name Ada && git config --global user.email ada@localhost")

    def run(self, lines: str) -> str:
        """What a block prints; it has to succeed."""
        done = subprocess.run(
            ("bash", "-ec", lines),
            cwd=self.place,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert done.returncode == 0, f"{lines}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def sees(self, line: str, enough: Callable[[str], bool]) -> None:
        """Repeat a command until it shows enough."""
        deadline = time.monotonic() + LIMIT
        while not enough(shown := self.run(line)):
            assert time.monotonic() < deadline, shown
            time.sleep(0.5)

    def terminal(self, line: str) -> Terminal:
        """A command at a terminal, which waits for Enter at its end so that all of it can be read."""
        argv = ("bash", "-c", f"{line.strip()}; echo ended with $?; read -r _")
        return Terminal(argv, cwd=self.place, env=self.env)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    someone = Reader(tmp_path)
    yield someone
    subprocess.run(
        ("cdock", "forge", "down"),
        cwd=tmp_path,
        env=someone.env,
        capture_output=True,
        timeout=60,
        check=False,
    )


def like(text: str) -> str:
    """A text without what changes, and without its layout."""
    return CHANGING.sub("", text)


def test_plan_a_goal(reader: Reader, tmp_path: Path) -> None:
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    commands = [body for kind, body in blocks if kind == "sh"]
    proposal, published, asked, landed = (body for kind, body in blocks if kind == "text")
    talk = next(at for at, body in enumerate(commands) if body.startswith("cdock orchestrate"))
    run, approve, listing, land, clear = commands[talk + 1 :]
    assert (run, listing, land) == ("cdock run\n", "cdock list\n", "cdock land --plan 1\n")
    for body in commands[:talk]:
        reader.run(body)
        if body.startswith("mkdir greet"):
            reader.place = tmp_path / "greet"
    with reader.terminal(commands[talk]) as terminal:
        terminal.wait_for("you>")
        terminal.type("German and French.")
        terminal.wait_for("passes grep greet.py README.md")
        assert like(proposal) in like(terminal.screen)
        terminal.type("/publish")
        terminal.wait_for("Publish it?")
        terminal.type("y")
        terminal.wait_for("ended with 0")
        assert like(published.partition("y\n")[2]) in like(terminal.screen)
    with (tmp_path / "run.log").open("w") as log:
        poller = subprocess.Popen(("cdock", "run"), cwd=reader.place, env=reader.env, stdout=log, stderr=log)
    try:
        reader.sees("cdock status", lambda shown: "Stage 1 of 2 is finished" in shown)
        reader.run(approve)
        reader.sees(listing, lambda shown: shown.count("in-review") == 3)
        with reader.terminal(land) as terminal:
            terminal.wait_for("[y/N]")
            assert like(asked.partition("\n")[2].partition("  #3")[0]) in like(terminal.screen)
            terminal.type("y")
            terminal.wait_for("ended with 0")
            assert like(landed) in like(terminal.screen)
        reader.sees("cdock status", lambda shown: "no tasks" in shown)
    finally:
        poller.terminate()
        poller.wait(60)
    reader.run(clear)
    assert not (tmp_path / "greet").exists()
