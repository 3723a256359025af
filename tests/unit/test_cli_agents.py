"""What commands say and ask about working agents, from files alone: wishes, journals, explanations, differences."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cdock import wiring
from cdock.adapters.files.poller import only_poller
from cdock.adapters.files.wishes import FileWishes
from cdock.cli import asof, wishing
from cdock.cli.commands import attach, diff, logs
from cdock.cli.main import cdock
from cdock.cli.main import run as run_cli
from cdock.core.ids import TaskId
from cdock.core.wishes import Wish, WishKind

NOW = datetime.now(UTC).replace(microsecond=0)
LIMIT = 20.0
LATER = timedelta(hours=1)


@pytest.fixture(autouse=True)
def _at_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test has a present of its own: they are collected long before the last of them runs."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", datetime.now(UTC).replace(microsecond=0))


def task(issue: int, slug: str, status: str = "in-progress", **more: Any) -> dict[str, Any]:
    """A task of the mirror."""
    return {
        "github": {"issue_number": issue, "pr_number": None},
        "worktree_id": slug,
        "short_uuid": f"{issue:07x}",
        "branch": f"cdock/{slug}",
        "status": status,
        "title": f"About {slug}",
        "attempts": {"current": 0, "max": 3, "round": 1, "history": []},
        "url": f"https://github.com/maria/hello/issues/{issue}",
        **more,
    }


def attempt(number: int, **more: Any) -> dict[str, Any]:
    """An attempt of the mirror."""
    started = NOW - timedelta(minutes=7)
    return {
        "number": number,
        "round": 1,
        "agent": "scripted",
        "outcome": None,
        "cost": 0.0,
        "turns": 0,
        "started_at": started.isoformat(),
        "ended_at": None,
        "error": "",
        "fingerprint": "",
        **more,
    }


class Place:
    """A clone and what its poller wrote."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / ".git" / "cdock"
        subprocess.run(("git", "init", "-q", str(root)), check=True, timeout=60)
        url = "http://127.0.0.1:9/maria/hello.git"
        subprocess.run(("git", "-C", str(root), "remote", "add", "origin", url), check=True, timeout=60)

    def mirror(self, *tasks: dict[str, Any], **more: Any) -> None:
        self.state.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"version": 1, "isolation": "", "forge": {}, "tasks": tasks, **more})
        new = self.state / ".state.json.new"
        new.write_text(text)
        new.replace(self.state / "state.json")

    def journal(self, slug: str, issue: int, *records: dict[str, Any], file: str = "journal.jsonl") -> Path:
        path = self.state / "tasks" / f"{slug}.{issue:07x}" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as opened:
            opened.writelines(f"{json.dumps(record)}\n" for record in records)
        return path

    def cli(self, *words: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(cdock, ["-C", str(self.root), *words], input=stdin, standalone_mode=False)

    def code(self, *words: str) -> int:
        return run_cli(["-C", str(self.root), *words])

    @property
    def wishes(self) -> tuple[Wish, ...]:
        return FileWishes(self.state / "wishes").list()

    @contextmanager
    def poller(self, grant: Callable[[Wish], object] = lambda _: None) -> Iterator[None]:
        """A poller that carries out every wish by `grant`."""
        ended, wishes = threading.Event(), FileWishes(self.state / "wishes")

        def poll() -> None:
            while not ended.wait(0.02):
                for wish in wishes.list():
                    grant(wish)
                    wishes.granted(wish.id)

        thread = threading.Thread(target=poll)
        with only_poller(self.state):
            thread.start()
            try:
                yield
            finally:
                ended.set()
                thread.join(LIMIT)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


# Wishes


@pytest.mark.parametrize(
    ("words", "stdin", "said"),
    [
        (["42", "Use", "the new API."], None, "Use the new API."),
        (["#42", "-"], "from a pipe\nand more\n", "from a pipe\nand more\n"),
        (["auth", "-F", "-"], "from a pipe too", "from a pipe too"),
        (["https://github.com/maria/hello/issues/42", "half \udc80"], None, "half ?"),
    ],
)
def test_words_for_an_agent_are_kept(place: Place, words: list[str], stdin: str | None, said: str) -> None:
    place.mirror(task(42, "auth"))
    done = place.cli("prompt", *words, stdin=stdin)
    assert done.return_value == 0, done.output
    (wish,) = place.wishes
    assert (wish.kind, str(wish.task), wish.text) == (WishKind.PROMPT, "cdock.auth.000002a", said)
    assert wish.author == wishing.person()
    assert done.stdout == ""
    assert "no poller runs in this clone, so it is kept until `cdock run`" in done.stderr


def test_who_waits_hears_that_it_was_read(place: Place) -> None:
    place.mirror(task(42, "auth"))
    with place.poller():
        done = place.cli("prompt", "42", "hello", "--wait")
    assert done.return_value == 0, done.output
    assert "the poller does it" in done.stderr
    assert done.stderr.endswith("read\n")


def test_who_waits_in_vain_is_told_and_the_words_are_kept(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.mirror(task(42, "auth"))
    assert place.code("prompt", "42", "hello", "--wait") == 5
    assert "error[CD215]: no poller runs" in capsys.readouterr().err
    with only_poller(place.state):
        assert place.code("prompt", "42", "again", "--wait", "--timeout", "0.1") == 5
    assert "within 0.1 s" in capsys.readouterr().err
    assert [wish.text for wish in place.wishes] == ["hello", "again"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["prompt", "42"], "CD440"),
        (["prompt", "42", " "], "CD440"),
        (["prompt", "42", "x" * 60_001], "CD440"),
        (["prompt", "7", "x"], "CD403"),
        (["prompt", "43", "x"], "CD445"),
        (["prompt", "44", "x"], "CD445"),
        (["help-agent", "--task", "42"], "CD440"),
        (["help-agent", "Which one?"], "CD447"),
        (["retry", "42"], "CD446"),
        (["retry", "nothing-*"], "CD403"),
        (["retry", "7"], "CD403"),
        (["bash", "43"], "CD445"),
        (["attach", "42"], "CD448"),
        (["attach", "43"], "CD445"),
        (["explain", "7"], "CD403"),
        (["logs", "42"], "CD404"),
        (["logs", "42", "--raw"], "CD404"),
        (["diff", "7"], "CD403"),
    ],
)
def test_what_cannot_be_is_refused_with_a_way_out(
    place: Place, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    place.mirror(task(42, "auth"), task(43, "other", "foreign"), task(44, "old", "done"))
    assert place.code(*words) != 0
    said = capsys.readouterr()
    assert f"error[{expected}]" in said.err
    assert "fix:" in said.err
    assert said.out == ""
    assert place.wishes == ()


def test_a_question_is_asked_from_its_worktree_or_by_name(place: Place, tmp_path: Path) -> None:
    worktree = place.root / ".cdock" / "worktrees" / "auth.000002a"
    (worktree / "deep").mkdir(parents=True)
    place.mirror(task(42, "auth", worktree=str(worktree)), task(43, "other"))
    inside = CliRunner().invoke(
        cdock, ["-C", str(worktree / "deep"), "help-agent", "Which", "one?"], standalone_mode=False
    )
    assert inside.return_value == 0, inside.output
    place.cli("help-agent", "--task", "43", "-F", "-", stdin="A?\n- [ ] yes\n")
    assert [(str(w.task), w.kind, w.text) for w in place.wishes] == [
        ("cdock.auth.000002a", WishKind.HELP, "Which one?"),
        ("cdock.other.000002b", WishKind.HELP, "A?\n- [ ] yes\n"),
    ]


@pytest.mark.parametrize(
    ("words", "issues"),
    [
        (["42"], [42]),
        (["auth-*"], [42, 43]),
        (["cdock.auth-*.000002a", "47"], [42, 47]),
        (["*"], [42, 43, 46, 47]),
        (["--failed"], [42, 46]),
        (["--failed", "47", "42"], [42, 46, 47]),
    ],
)
def test_who_is_tried_again(place: Place, words: list[str], issues: list[int]) -> None:
    place.mirror(
        task(42, "auth-login", "needs-help", stuck=True),
        task(43, "auth-logout", "needs-help", stuck=False),
        task(44, "auth-run"),
        task(45, "auth-review", "in-review"),
        task(46, "other", "failed"),
        task(47, "stopped", "waiting"),
    )
    done = place.cli("retry", *words)
    assert done.return_value == 0, done.output
    assert sorted(int(line.split("\t")[0][1:]) for line in done.stdout.splitlines()) == issues
    assert sorted(int(wish.task.short, 16) for wish in place.wishes) == issues
    assert {wish.kind for wish in place.wishes} == {WishKind.RETRY}


def test_when_nothing_is_stuck_nothing_is_tried_again(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.mirror(task(42, "auth"))
    assert place.code("retry", "--failed") == 0
    assert "no task is stuck" in capsys.readouterr().err
    assert place.code("retry") == 2


def test_prompting_loads_nothing_heavy(place: Place) -> None:
    place.mirror(task(42, "auth", "needs-help"))
    for words in (["prompt", "42", "x"], ["retry", "42"], ["explain", "42"], ["attach"]):
        program = (
            "import sys; from cdock.cli.main import run; run(['-C', *sys.argv[1:]]);"
            "print('LOADED', sorted({'github', 'gql', 'docker', 'git', 'pydantic', 'requests', 'rich', 'filelock'} "
            "& set(sys.modules)))"
        )
        done = subprocess.run(
            (sys.executable, "-c", program, str(place.root), *words),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        assert done.stdout.splitlines()[-1] == "LOADED []", words


# attach, bash


class Execed(BaseException):
    """This process would be another program now."""


@pytest.fixture
def terminals(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[tuple[str, ...]]:
    """What this process became: it sits at a terminal, and the runner is one that says which program it wants."""
    became: list[tuple[str, ...]] = []

    def become(file: str, argv: tuple[str, ...]) -> None:
        became.append(argv)
        raise Execed

    class Runner:
        def terminal(self, name: str) -> tuple[str, ...]:
            return "tmux", "attach", name

        def shell(self, task: TaskId) -> tuple[str, ...]:
            return "sh", str(task)

    monkeypatch.setattr(os, "execvp", become)
    monkeypatch.setattr(wiring, "runner", lambda _: Runner())
    monkeypatch.setenv("TERM", "dumb")
    terminal = SimpleNamespace(isatty=lambda: True)
    monkeypatch.setattr(attach, "sys", SimpleNamespace(stdin=terminal, stdout=terminal))
    return became


@pytest.fixture
def able(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cdock.adapters.agents.agent",
        lambda name: SimpleNamespace(can=SimpleNamespace(attach=name == "able")),
    )


@pytest.mark.usefixtures("able")
def test_the_terminal_is_asked_for_and_entered(
    place: Place, terminals: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    before = task(42, "auth", run="cdock.auth.000002a.1", attached=False)
    before["attempts"]["history"] = [attempt(1, agent="able")]
    place.mirror(before)
    run = "cdock.auth.000002a.2"
    with (
        place.poller(lambda wish: place.mirror({**before, "attached": True, "run": run})),
        pytest.raises(Execed),
    ):
        place.code("attach", "42")
    assert terminals == [("tmux", "attach", run)]
    assert "Ctrl-b d" in capsys.readouterr().err
    with pytest.raises(Execed):
        place.code("attach", "auth")
    assert terminals[1:] == [("tmux", "attach", run)], "who left it comes back, even without a poller"
    assert place.wishes == ()


@pytest.mark.usefixtures("able", "terminals")
@pytest.mark.parametrize("end", ["no poller", "too long", "Ctrl-C"])
def test_a_terminal_that_does_not_come_is_wished_for_no_longer(
    place: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    wanted = task(42, "auth", run="cdock.auth.000002a.1")
    wanted["attempts"]["history"] = [attempt(1, agent="able")]
    place.mirror(wanted)
    if end == "no poller":
        assert place.code("attach", "42") == 5
        assert "no poller runs" in capsys.readouterr().err
    elif end == "too long":
        with only_poller(place.state):
            assert place.code("attach", "42", "--timeout", "0.1") == 5
        assert "no terminal within 0.1 s" in capsys.readouterr().err
    else:
        monkeypatch.setattr(time, "sleep", _interrupt)
        with only_poller(place.state):
            assert place.code("attach", "42") == 130
    assert place.wishes == ()


def _interrupt(_: float) -> None:
    raise KeyboardInterrupt


@pytest.mark.usefixtures("able", "terminals")
def test_an_agent_without_a_terminal_is_not_disturbed(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = task(42, "auth", run="cdock.auth.000002a.1")
    wanted["attempts"]["history"] = [attempt(1, agent="deaf")]
    place.mirror(wanted)
    assert place.code("attach", "42") == 1
    said = capsys.readouterr().err
    assert "error[CD448]: the agent deaf of cdock.auth.000002a has no terminal" in said
    assert "cdock bash 42" in said
    assert place.wishes == ()


def test_what_can_be_attached(place: Place) -> None:
    place.mirror(
        task(42, "auth", run="r1", title="A\x1b[2Jb"),
        task(43, "you", run="r2", attached=True),
        task(44, "idle", "needs-help"),
    )
    done = place.cli("attach")
    assert done.stdout.splitlines() == [
        "#42\tcdock.auth.000002a\trunning\tA[2Jb",
        "#43\tcdock.you.000002b\twith you\tAbout you",
    ]
    rows = json.loads(place.cli("attach", "--json").stdout)["data"]
    assert [(row["issue"], row["attached"], row["run"]) for row in rows] == [
        (42, False, "r1"),
        (43, True, "r2"),
    ]
    place.mirror()
    assert "no agent runs" in place.cli("attach").stderr


@pytest.mark.parametrize("status", ["needs-help", "waiting"])
def test_what_waits_is_not_waited_for(
    place: Place, terminals: list[tuple[str, ...]], capsys: pytest.CaptureFixture[str], status: str
) -> None:
    place.mirror(task(42, "auth", status))
    with place.poller():
        assert place.code("attach", "42") == 1
    said = capsys.readouterr().err
    assert "CD448" in said
    assert "cdock explain 42" in said
    assert not place.wishes
    assert not terminals


@pytest.mark.parametrize(
    ("status", "code"), [("in-review", "CD409"), ("done", "CD445"), ("foreign", "CD445")]
)
def test_nothing_is_stopped_later_that_does_not_run_now(
    place: Place, capsys: pytest.CaptureFixture[str], status: str, code: str
) -> None:
    place.mirror(task(42, "auth", status))
    assert place.code("stop", "42") == 1
    assert code in capsys.readouterr().err
    assert not place.wishes


def test_a_shell_is_opened_where_the_agent_works(place: Place, terminals: list[tuple[str, ...]]) -> None:
    place.mirror(task(42, "auth", "needs-help"))
    with pytest.raises(Execed):
        place.code("bash", "42")
    assert terminals == [("sh", "cdock.auth.000002a")]


# diff

PATCH = """\
diff --git a/a.txt b/a.txt
index 1..2 100644
--- a/a.txt
+++ b/a.txt
@@ -1,3 +1,4 @@ about
 same
--- a removed line that looks like a header
+++ an added one
+\x1b[2Jtwo\tcells
 same
\\ No newline at end of file
@@ -9 +10,0 @@
-gone
diff --git a/pic.png b/pic.png
Binary files a/pic.png and b/pic.png differ
diff --git a/old name b/new name
similarity index 100%
"""


@pytest.fixture
def patched(place: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    place.mirror(task(42, "auth"))
    monkeypatch.setattr(wiring, "workspaces", lambda _: SimpleNamespace(diff=lambda name: PATCH))
    return place


def test_a_program_gets_the_patch_as_it_is(patched: Place) -> None:
    assert patched.cli("diff", "42").stdout_bytes.decode() == PATCH


def test_a_person_gets_it_without_what_could_steer_the_terminal(
    patched: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert patched.code("diff", "42") == 0
    shown = capsys.readouterr().out
    assert "+·[2Jtwo    cells\n" in shown
    assert "\x1b[2J" not in shown
    assert len(shown.splitlines()) == len(PATCH.splitlines())


def test_files_and_lines_are_counted(patched: Place) -> None:
    done = patched.cli("diff", "42", "--stat")
    assert done.stdout.splitlines() == ["2\t2\ta.txt", "-\t-\tpic.png", "0\t0\ta/old name b/new name"]
    assert "3 files, +2 -2" in done.stderr
    rows = json.loads(patched.cli("diff", "42", "--json").stdout)["data"]
    assert rows[0] == {"path": "a.txt", "added": 2, "removed": 2}


def test_no_difference_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.mirror(task(42, "auth"))
    monkeypatch.setattr(wiring, "workspaces", lambda _: SimpleNamespace(diff=lambda name: ""))
    assert "nothing is changed so far" in place.cli("diff", "42").stderr
    assert json.loads(place.cli("diff", "42", "--json").stdout)["data"] == []


@pytest.mark.parametrize(
    ("line", "path"),
    [
        ("diff --git a/x b/x", "x"),
        ("diff --git a/b/c b/b/c", "b/c"),
        ("diff --git a/with space b/with space", "with space"),
        ("diff --git a/one b/two", "a/one b/two"),
    ],
)
def test_the_path_of_a_file(line: str, path: str) -> None:
    assert diff.files_of(line)[0].path == path


# explain


def test_a_task_is_explained(place: Place) -> None:
    since = NOW - timedelta(minutes=12)
    stuck = task(
        42,
        "auth",
        "needs-help",
        why="The same error came back 3 times.",
        unblocks="An answer in #57.",
        next="The same conversation goes on.",
        since=since.isoformat(),
        waiting={"kind": "human", "why": "", "until": None, "unblocks": ""},
        help_number=57,
        stuck=True,
    )
    stuck["attempts"] |= {
        "current": 3,
        "history": [
            attempt(
                1,
                cause="task",
                outcome="failed",
                turns=4,
                cost=0.125,
                fingerprint="57dbd108aa",
                error="long\nmake: *** [test] Error 1\x1b[2J",
                ended_at=(NOW - timedelta(minutes=5)).isoformat(),
            ),
            attempt(2, cause="retry", outcome="capped", cap="turns", model="big"),
        ],
    }
    place.mirror(stuck)
    done = place.cli("explain", "42")
    lines = done.stdout.splitlines()
    assert lines[0] == "#42 About auth  (cdock.auth.000002a)"
    assert lines[1:7] == [
        f"  state     ? needs-help, since {asof.clock(since)} (12 min)",
        "  why       The same error came back 3 times.",
        "  unblocks  An answer in #57.",
        "  next      The same conversation goes on.",
        "  help      #57: cdock answer 42 …",
        "  see       https://github.com/maria/hello/issues/42",
    ]
    assert lines[7] == "  tries     the same error 3 of 3 times in this round"
    assert lines[8] == (
        "  attempt 1  task  failed  scripted, 4 turns, $0.12, 2 min  57dbd108  make: *** [test] Error 1[2J"
    )
    assert lines[9].startswith("  attempt 2  retry  capped (turns)  scripted big, ")
    assert "no poller runs" in done.stderr
    about = json.loads(place.cli("explain", "auth", "--json").stdout)["data"]
    assert (about["status"], about["stuck"], about["tries"]) == (
        "needs-help",
        True,
        {"current": 3, "max": 3},
    )
    assert [(a["number"], a["cap"], a["cause"]) for a in about["attempts"]] == [
        (1, None, "task"),
        (2, "turns", "retry"),
    ]


def test_a_mirror_of_former_days_is_explained_as_far_as_it_goes(place: Place) -> None:
    old = task(42, "auth")
    old["attempts"] = {"history": [{"number": 1, "agent": "claude", "outcome": "failed"}]}
    del old["url"]
    place.mirror(old)
    assert place.cli("explain", "42").stdout.splitlines() == [
        "#42 About auth  (cdock.auth.000002a)",
        "  state     ▶ in-progress",
        "  attempt 1  task  failed  claude",
    ]


def test_an_issue_that_waits_to_be_begun_is_explained(place: Place) -> None:
    entry = {
        "issue": 50,
        "title": "Later\x1b[2J",
        "url": "https://github.com/maria/hello/issues/50",
        "why": "It is blocked by an open issue.",
        "unblocks": "It starts when they are closed.",
    }
    place.mirror(task(42, "auth"), queue=[entry])
    assert place.cli("explain", "#50").stdout.splitlines() == [
        "#50 Later[2J",
        "  state     ready, not begun",
        "  why       It is blocked by an open issue.",
        "  unblocks  It starts when they are closed.",
        "  see       https://github.com/maria/hello/issues/50",
    ]
    about = json.loads(place.cli("explain", "50", "--json").stdout)["data"]
    assert about == {**entry, "status": "ready"}


# answer


def test_the_question_and_its_choices_are_shown(place: Place) -> None:
    place.mirror(
        task(
            42,
            "auth",
            "needs-help",
            help_number=57,
            question="Which table?\n\x1b[2J",
            choices=[{"key": "option-1", "text": "customers"}, {"key": "decide", "text": "You decide"}],
        )
    )
    done = place.cli("answer", "42")
    assert done.stdout.splitlines() == ["Which table?", "[2J", "- [ ] customers", "- [ ] You decide"]
    assert "answers #57, and so does a tick there" in done.stderr
    about = json.loads(place.cli("answer", "#57", "--json").stdout)["data"]
    assert (about["issue"], about["help"], len(about["choices"])) == (42, 57, 2)


# logs


def said(text: str, *, run: int = 1, kind: str = "text") -> dict[str, Any]:
    return {
        "run": f"cdock.auth.000002a.{run}",
        "offset": 0,
        "time": "2026-11-21T12:00:00.000+00:00",
        "event": "agent",
        "kind": kind,
        "text": text,
    }


def words_of(shown: str) -> list[str]:
    """The lines without their times."""
    return [line[9:] for line in shown.splitlines()]


def test_the_journal_is_shown_through_all_its_files(place: Place) -> None:
    place.mirror(task(42, "auth"))
    place.journal("auth", 42, said("one"), file="journal.jsonl.2")
    place.journal("auth", 42, said("two"), said("ls", kind="tool"), file="journal.jsonl.1")
    ended = {"time": "2026-11-21T12:01:00+00:00", "event": "attempt ended", "attempt": 1, "outcome": "failed"}
    path = place.journal("auth", 42, ended, said("three", run=2))
    with path.open("a") as file:
        file.write('{"half": \n[]\n')
    shown = place.cli("logs", "42").stdout
    assert words_of(shown) == ["one", "two", "$ ls", "[attempt ended] attempt 1: failed", "three"]
    noon = datetime(2026, 11, 21, 12, 0, tzinfo=UTC).astimezone()
    assert shown.startswith(f"{noon:%H:%M:%S} ")
    for count in (0, 1, 3, 99):
        last = words_of(place.cli("logs", "42", "-n", str(count)).stdout)
        assert last == words_of(shown)[len(words_of(shown)) - min(count, 5) :]
    assert words_of(place.cli("logs", "42", "--attempt", "2").stdout) == ["three"]
    assert len(words_of(place.cli("logs", "42", "--attempt", "1").stdout)) == 4
    lines = place.cli("logs", "42", "--json", "-n", "2").stdout.splitlines()
    assert [json.loads(line) for line in lines] == [ended, said("three", run=2)]


def test_raw_output_is_shown_byte_for_byte(place: Place) -> None:
    there = task(42, "auth")
    there["attempts"]["history"] = [attempt(1), attempt(2)]
    place.mirror(there)
    folder = place.state / "tasks" / "auth.000002a"
    folder.mkdir(parents=True)
    (folder / "cdock.auth.000002a.1.log").write_bytes(b"first")
    (folder / "cdock.auth.000002a.2.log").write_bytes(b"\xff\x1b[2J\none\ntwo")
    assert place.cli("logs", "42", "--raw").stdout_bytes == b"\xff\x1b[2J\none\ntwo"
    assert place.cli("logs", "42", "--raw", "-n", "2").stdout_bytes == b"one\ntwo"
    assert place.cli("logs", "42", "--raw", "-n", "0").stdout_bytes == b""
    assert place.cli("logs", "42", "--raw", "--attempt", "1").stdout_bytes == b"first"
    assert place.code("logs", "42", "--raw", "--json") == 2


def test_following_sees_what_comes_also_after_a_rotation(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.mirror(task(42, "auth"))
    path = place.journal("auth", 42, said("old"), said("one"))

    def append(text: str) -> None:
        with path.open("a") as file:
            file.write(text)

    def rotate() -> None:
        append(f"{json.dumps(said('three'))}\n")
        path.replace(path.with_name("journal.jsonl.1"))
        place.journal("auth", 42, said("four"))

    def end() -> None:
        append(f"{json.dumps(said('the last'))}\n")
        place.mirror(task(42, "auth", "in-review"))

    turns: list[Callable[[], object]] = [
        lambda: append(f"{json.dumps(said('two'))}\n"),
        rotate,
        lambda: append(json.dumps(said("five"))[:20]),
        lambda: append(json.dumps(said("five"))[20:] + "\n"),
        end,
    ]
    monkeypatch.setattr(logs, "time", SimpleNamespace(sleep=lambda _: turns.pop(0)()))
    with only_poller(place.state):
        assert place.code("logs", "42", "-n", "1", "-f") == 0
    shown = capsys.readouterr()
    assert words_of(shown.out) == ["one", "two", "three", "four", "five", "the last"]
    assert shown.err == ""
    assert not turns


def test_following_waits_for_the_first_word_and_ends_with_the_poller_or_by_ctrl_c(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.mirror(task(42, "auth"))
    assert place.code("logs", "42", "-f") == 0
    assert "no poller runs" in capsys.readouterr().err

    def first(_: float) -> None:
        if not place.journal("auth", 42).stat().st_size:
            place.journal("auth", 42, said("hello"))
        else:
            raise KeyboardInterrupt

    monkeypatch.setattr(logs, "time", SimpleNamespace(sleep=first))
    with only_poller(place.state):
        assert place.code("logs", "42", "-f") == 130
    assert words_of(capsys.readouterr().out) == ["hello"]


def test_following_raw_output_ends_with_its_attempt(
    place: Place, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    there = task(42, "auth")
    there["attempts"]["history"] = [attempt(1)]
    place.mirror(there)
    path = place.state / "tasks" / "auth.000002a" / "cdock.auth.000002a.1.log"
    path.parent.mkdir(parents=True)

    def goes_on(_: float) -> None:
        if not path.exists():
            path.write_bytes(b"one\n")
        else:
            with path.open("ab") as file:
                file.write(b"two")
            there["attempts"]["history"] = [attempt(1, outcome="failed"), attempt(2)]
            place.mirror(there)

    monkeypatch.setattr(logs, "time", SimpleNamespace(sleep=goes_on))
    with only_poller(place.state):
        assert place.code("logs", "42", "-f", "--raw") == 0
    assert capfdbinary.readouterr().out == b"one\ntwo"


# status


def test_what_an_agent_used_up_is_shown(
    place: Place, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    working = task(42, "auth", run="cdock.auth.000002a.4", context=0.614, cost=1.5, turns=12, said="on it")
    working["attempts"] |= {"current": 2, "history": [attempt(n) for n in (1, 2, 3, 4)]}
    place.mirror(
        working,
        task(43, "you", attached=True, run="r"),
        task(44, "ask", "needs-help", help_number=57, waiting={"kind": "human", "until": None}),
    )
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "dumb")
    assert place.code("status", "--group") == 0
    shown = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert shown == [
        "ISSUE STATUS TASK TRY CTX COST NOW",
        "1 needs-help",
        "#44 ? needs-help ask.000002c 0 answer in #57",
        "2 in-progress",
        "#42 ▶ in-progress auth.000002a 4 (2/3) 61% $1.50 7 min: on it",
        "#43 ▶ in-progress you.000002b 0 with you: cdock attach",
    ]
    rows = json.loads(place.cli("status", "--json", "issue,context,cost,turns,attached,tries").stdout)["data"]
    assert rows[0] == {
        "issue": 42,
        "context": 0.614,
        "cost": 1.5,
        "turns": 12,
        "attached": False,
        "tries": 2,
    }


def test_what_is_waited_for_is_shown(place: Place) -> None:
    place.mirror(
        task(45, "idle", "waiting", why="A person stopped it.", waiting={"kind": "human", "until": None}),
        task(46, "limit", "waiting", waiting={"kind": "provider", "until": (NOW + LATER).isoformat()}),
        task(47, "blocked", "waiting", waiting={"kind": "dependency", "until": None}),
        task(48, "old", "waiting"),
    )
    assert [line.split("\t")[4] for line in place.cli("status").stdout.splitlines()] == [
        "A person stopped it.",
        f"waiting: the model's provider until {asof.clock(NOW + LATER)}",
        "waiting: another issue",
        "stopped; label it agent-ready to go on",
    ]


@pytest.mark.parametrize(("silent", "warned"), [(200, False), (400, True)])
def test_a_silent_agent_is_noticed_at_half_of_its_time(place: Place, silent: int, warned: bool) -> None:
    working = task(42, "auth", run="cdock.auth.000002a.1", said="on it")
    working["attempts"]["history"] = [attempt(1)]
    place.mirror(working, stall=600)
    log = place.state / "tasks" / "auth.000002a" / "cdock.auth.000002a.1.log"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"on it")
    then = time.time() - silent
    os.utime(log, (then, then))
    shown = place.cli("status").stdout
    assert ("silent for 6 min, ended after 10 min" in shown) is warned
    assert ("on it" in shown) is not warned
    (row,) = json.loads(place.cli("status", "--json", "quiet").stdout)["data"]
    assert silent <= row["quiet"] < silent + LIMIT


def test_attach_waits_a_minute() -> None:
    assert attach.PATIENCE == 60
