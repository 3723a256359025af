"""What a person does from the terminal while agents work: speak, look, ask, answer, try again, take over."""

import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time
from pathlib import Path
from typing import Self

from tests.acceptance.workshop import Workshop, scripted

LIMIT = 180.0


def test_words_reach_a_working_agent_and_its_work_is_seen(workshop: Workshop) -> None:
    steps = [
        {"say": "I begin"},
        {"write": {"path": "a.txt", "text": "a\n"}},
        {"commit": "First"},
        {"hear": 60},
        {"say": "understood: {heard}"},
        {"append": {"path": "a.txt", "text": "b\n"}},
        {"commit": "Second"},
    ]
    workshop.start_repository(scripted({"attempts": [steps]}))
    number = workshop.open_issue("Listen")
    poller = workshop.poller()
    workshop.until("the first commit", lambda: "new commits" in workshop.said)
    explained = workshop.cdock("explain", str(number), "--json")
    assert json.loads(explained.stdout)["data"]["status"] == "in-progress", explained.stderr
    before = workshop.cdock("diff", str(number))
    assert before.stdout.endswith("+a\n"), before.stderr
    told = workshop.cdock("prompt", str(number), "--wait", "Mind the gap")
    assert told.returncode == 0, told.stderr + workshop.said
    workshop.until("the pull request", lambda: "in-review" in workshop.labels(number))
    log = workshop.cdock("logs", str(number)).stdout
    assert "understood: " in log
    assert "Mind the gap" in log
    events = [json.loads(line) for line in workshop.cdock("logs", str(number), "--json").stdout.splitlines()]
    names = [event["event"] for event in events]
    assert names.index("claimed") < names.index("message sent") < names.index("message read")
    assert {event["issue"] for event in events} == {number}
    after = workshop.cdock("diff", str(number), "--stat")
    assert after.stdout == "2\t0\ta.txt\n"
    workshop.end(poller)
    again = workshop.cdock("explain", f"#{number}")
    assert "in-review" in again.stdout
    assert "no poller runs" in again.stderr


def test_what_ran_out_of_tries_is_tried_again_with_what_was_learnt(workshop: Workshop) -> None:
    failing = [{"fail": "make: *** [test] Error 1"}]
    good = [{"say": "{prompt}"}, {"write": {"path": "a.txt", "text": "a\n"}}, {"commit": "Done"}]
    workshop.start_repository(scripted({"attempts": [failing], "retry": [failing, failing, good]}))
    number = workshop.open_issue("Hard")
    supervised = workshop.cdock("run", "--supervise")
    assert supervised.returncode == 0, supervised.stderr
    assert "round 1 of 1: trying 1 again, with what was learnt" in supervised.stderr
    assert "in the end: 1 in-review" in supervised.stderr
    assert "make: *** [test] Error 1" in workshop.cdock("logs", str(number), "--raw").stdout


def test_a_question_from_outside_is_asked_and_answered(workshop: Workshop) -> None:
    steps = [{"say": "on it"}, {"wait": 100}]
    answered = [
        {"say": "{answer}"},
        {"write": {"path": "a.txt", "text": "{answer}\n"}},
        {"commit": "Done"},
    ]
    workshop.start_repository(scripted({"attempts": [steps], "answered": answered}))
    number = workshop.open_issue("Ask")
    poller = workshop.poller()
    workshop.until("the attempt", lambda: "on it" in workshop.said)
    inside = Path(workshop.task()["worktree"])
    asked = workshop.cdock("help-agent", "Which colour?\n- [ ] red\n- [ ] blue", cwd=inside)
    assert asked.returncode == 0, asked.stderr
    workshop.until("the help issue", lambda: workshop.task().get("help_number"))
    shown = workshop.cdock("answer", str(number))
    assert "Which colour?" in shown.stdout
    assert "- [ ] red" in shown.stdout
    assert workshop.cdock("answer", str(number), "green").returncode == 0
    workshop.until("the pull request", lambda: "in-review" in workshop.labels(number))
    workshop.end(poller)
    assert "green" in workshop.cdock("logs", str(number)).stdout


def test_a_shell_is_opened_in_the_workspace(workshop: Workshop) -> None:
    steps = [{"write": {"path": "half.txt", "text": "half\n"}}, {"ask": "Go on?"}]
    workshop.start_repository(scripted({"attempts": [steps]}))
    number = workshop.open_issue("Half")
    assert workshop.cdock("run", "--once").returncode == 0
    with Terminal(workshop, "bash", str(number)) as shell:
        shell.type("ls; exit\n")
        shell.until("half.txt")
        assert shell.ends() == 0


def test_a_person_takes_over_leaves_comes_back_and_gives_the_work_back(workshop: Workshop) -> None:
    finish = [{"append": {"path": "a.txt", "text": "agent\n"}}, {"commit": "Finish"}]
    steps = [{"say": "on it"}, {"wait": 300}]
    workshop.start_repository(
        scripted({"attempts": [steps], "go-on": [finish], "person": [finish]}, more="[pull]\ndraft = false\n")
    )
    number = workshop.open_issue("Together")
    poller = workshop.poller()
    workshop.until("the attempt", lambda: "on it" in workshop.said)
    with Terminal(workshop, "attach", str(number)) as mine:
        mine.until("Commands are run; exit ends it.")
        assert "Ctrl-b d" in mine.printed
        assert json.loads(workshop.cdock("status", "--json", "attached").stdout)["data"] == [
            {"attached": True}
        ]
        mine.type("echo person >a.txt; git add .; git commit -q -m Mine; echo com''mitted\n")
        mine.until("committed")
        mine.type("\x02d")
        mine.until("detached")
        assert mine.ends() == 0
    assert "with you" in workshop.cdock("attach").stdout
    with Terminal(workshop, "attach", str(number)) as again:
        again.until(">")
        again.type("exit\n")
        assert again.ends() == 0
    workshop.until("control", lambda: "control is back" in workshop.said)
    workshop.until("the pull request", lambda: "in-review" in workshop.labels(number))
    workshop.end(poller)
    assert workshop.cdock("diff", str(number)).stdout.endswith("+person\n+agent\n")


class Terminal:
    """A command at a terminal where somebody types."""

    def __init__(self, workshop: Workshop, *words: str) -> None:
        self.printed = ""
        self._child, self._terminal = pty.fork()
        if self._child == 0:
            os.chdir(workshop.clone)
            argv = (sys.executable, "-P", "-m", "cdock", *words)
            os.execve(argv[0], argv, {**workshop.env, "TERM": "xterm"})  # noqa: S606 - a program of ours
        fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
        self._seen = 0
        self._ended: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._ended is None:
            os.kill(self._child, signal.SIGKILL)
            os.waitpid(self._child, 0)
        os.close(self._terminal)

    def type(self, keys: str) -> None:
        """Press one key after the other: tmux takes faster ones for a paste, and obeys none of them."""
        for key in keys:
            os.write(self._terminal, key.encode())
            self._read()

    def until(self, text: str) -> None:
        """Read until this is on the screen, after what was waited for before."""
        end = time.monotonic() + LIMIT
        while (at := self.printed.find(text, self._seen)) < 0:
            assert time.monotonic() < end, f"no {text!r} within {LIMIT:g} s: {self.printed!r}"
            assert self._read(), f"it ended without {text!r}: {self.printed!r}"
        self._seen = at + len(text)

    def ends(self) -> int:
        """Read to the end; the exit code."""
        end = time.monotonic() + LIMIT
        while self._read():
            assert time.monotonic() < end, f"it does not end: {self.printed!r}"
        self._ended = os.waitstatus_to_exitcode(os.waitpid(self._child, 0)[1])
        return self._ended

    def _read(self) -> bool:
        """Whether there may be more."""
        try:
            if select.select([self._terminal], [], [], 0.2)[0]:
                data = os.read(self._terminal, 65_536)
                self.printed += data.decode("utf-8", "replace")
                return bool(data)
        except OSError:
            # The other side has closed it.
            return False
        return True
