"""What commands say without a forge: how old it is, what is held back, what was kept and why."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner, Result

from cdock.adapters.files.outbox import FileOutbox
from cdock.adapters.files.poller import only_poller
from cdock.cli import asof
from cdock.cli.main import cdock
from cdock.cli.main import run as run_cli
from cdock.core.outbox import State, new_answer, new_issue

NOW = datetime.now(UTC).replace(microsecond=0)
TASK: dict[str, Any] = {
    "github": {"issue_number": 42, "pr_number": None},
    "worktree_id": "auth",
    "short_uuid": "a7b2c8d",
    "branch": "cdock/auth.a7b2c8d",
    "status": "needs-help",
    "title": "Add OAuth login",
    "attempts": {"history": []},
    "help_number": 57,
}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone whose forge does not answer: nothing listens on that port."""
    subprocess.run(("git", "init", "-q", str(tmp_path)), check=True, timeout=60)
    url = "http://127.0.0.1:9/maria/hello.git"
    subprocess.run(("git", "-C", str(tmp_path), "remote", "add", "origin", url), check=True, timeout=60)
    return tmp_path


@pytest.fixture(autouse=True)
def _token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDOCK_TOKEN", "secret")


def mirror(clone: Path, *tasks: dict[str, Any], **forge: object) -> None:
    (clone / ".git" / "cdock").mkdir(parents=True, exist_ok=True)
    record = {"version": 1, "isolation": "", "forge": forge, "tasks": list(tasks)}
    (clone / ".git" / "cdock" / "state.json").write_text(json.dumps(record))


def outbox(clone: Path) -> FileOutbox:
    return FileOutbox(clone / ".git" / "cdock" / "outbox")


def op(n: int) -> UUID:
    return UUID(int=n << 124)


def cli(clone: Path, *words: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cdock, ["-C", str(clone), *words], input=stdin, standalone_mode=False)


def code(clone: Path, *words: str) -> int:
    return run_cli(["-C", str(clone), *words])


# status


def test_without_a_poller_status_says_how_old_it_is(clone: Path) -> None:
    seen = datetime.now(UTC) - timedelta(minutes=3)
    mirror(clone, TASK, seen_at=seen.isoformat())
    said = cli(clone, "status").stderr
    assert f"as of {asof.clock(seen)}" in said
    assert "3 min ago: no poller runs" in said


def test_a_mirror_of_former_days_is_as_old_as_its_file(clone: Path) -> None:
    mirror(clone, TASK)
    path = clone / ".git" / "cdock" / "state.json"
    then = (NOW - timedelta(hours=5)).timestamp()
    os.utime(path, (then, then))
    assert "5 h ago" in cli(clone, "status").stderr


def test_while_the_poller_cannot_reach_github_status_says_since_when_and_why(clone: Path) -> None:
    since = NOW - timedelta(minutes=9)
    mirror(clone, TASK, seen_at=since.isoformat(), away_since=since.isoformat(), why="no route\x1b[2J")
    with only_poller(clone / ".git" / "cdock"):
        said = cli(clone, "status").stderr
    assert f"forge away since {asof.clock(since)}" in said
    assert "(no route[2J)" in said
    assert "no poller" not in said


def test_a_task_that_waits_for_quota_says_until_when(clone: Path) -> None:
    later = NOW + timedelta(minutes=30)
    waiting = {"kind": "quota", "why": "", "until": later.isoformat(), "unblocks": ""}
    working = {**TASK, "status": "in-progress"}
    mirror(clone, {**working, "waiting": waiting}, quota_until=later.isoformat())
    with only_poller(clone / ".git" / "cdock"):
        shown = cli(clone, "status")
    assert f"waiting: quota until {asof.clock(later)}" in shown.stdout
    assert f"waiting: forge quota until {asof.clock(later)}" in shown.stderr
    over = {**waiting, "until": (NOW - timedelta(seconds=1)).isoformat()}
    mirror(clone, {**working, "waiting": over})
    assert "waiting: quota" not in cli(clone, "status").stdout


def test_status_counts_what_is_held_back(clone: Path) -> None:
    mirror(clone, TASK)
    for n, state in enumerate((State.PENDING, State.UNKNOWN, State.PARKED, State.DONE), 1):
        entry = new_issue(op(n), title="t", body="", labels=(), ready=True, now=NOW)
        outbox(clone).put(replace(entry, state=state))
    (clone / ".git" / "cdock" / "outbox" / "damaged.json").write_text("{")
    assert "2 held back, 2 parked: cdock sync" in cli(clone, "status").stderr
    meta = json.loads(cli(clone, "status", "--json", "issue").stdout)["meta"]
    assert meta["outbox"] == {"held_back": 2, "parked": 2}


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"version": 2, "tasks": []}', '{"version": 1, "tasks": [{}]}', "\udc80"]
)
def test_a_damaged_mirror_is_an_error_with_a_way_out(
    clone: Path, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    mirror(clone)
    (clone / ".git" / "cdock" / "state.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    for words in (["status"], ["logs", "42"], ["stop", "42"], ["answer", "42", "x"]):
        assert code(clone, *words) == 2
        said = capsys.readouterr().err
        assert "error[CD418]" in said
        assert "fix:   cdock sync --rebuild" in said


def test_half_a_task_in_the_mirror_is_damage_too(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mirror(clone, {key: value for key, value in TASK.items() if key != "branch"})
    assert code(clone, "status") == 2
    assert "no 'branch'" in capsys.readouterr().err


def test_a_lost_mirror_is_noticed_by_its_worktrees(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code(clone, "status") == 0
    worktree = clone / ".git" / "cdock" / "git" / "store.git" / "worktrees" / "auth.a7b2c8d"
    worktree.mkdir(parents=True)
    (worktree / "HEAD").touch()
    assert code(clone, "status") == 2
    assert "cdock sync --rebuild" in capsys.readouterr().err


# create


def test_a_new_task_is_kept_while_the_forge_is_away(clone: Path) -> None:
    done = cli(clone, "create", "Add  login", "-b", "Please.", "-l", "bug")
    assert done.return_value == 0
    assert done.stdout == ""
    (entry,) = outbox(clone).list()
    assert (entry.title, entry.body, entry.labels, entry.ready) == ("Add login", "Please.", ("bug",), True)
    assert entry.state is State.PENDING, "it was not sent, so nothing is unknown"
    assert f"kept the task as {entry.name}; the forge is away: 127.0.0.1:9 did not answer" in done.stderr
    assert "`cdock sync` or the poller delivers it" in done.stderr


def test_nobody_is_waited_for(clone: Path) -> None:
    done = cli(clone, "create", "Add login", "--no-wait", "--no-ready", "--json")
    data = json.loads(done.stdout)["data"]
    assert (data["state"], data["title"], data["number"]) == ("pending", "Add login", 0)
    (entry,) = outbox(clone).list()
    assert str(entry.op) == data["op"]
    assert not entry.ready


@pytest.mark.parametrize(
    "words",
    [
        [""],
        ["x" * 257],
        ["t", "-b", "x" * 65_500],
        ["t", "-l", ""],
        ["t", "-F", "/nowhere/at/all"],
        ["t", "-b", "x", "-F", "-"],
    ],
)
def test_what_github_would_not_take_is_refused_before_anything_is_kept(
    clone: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert code(clone, "create", *words) == 2
    assert capsys.readouterr().err
    assert outbox(clone).list() == ()


def test_so_is_what_no_setting_would_let_through(
    clone: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CDOCK_TOKEN")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert code(clone, "create", "t") == 4
    (clone / "cdock.toml").write_text("[nonsense]\n")
    assert code(clone, "create", "t") == 2
    assert outbox(clone).list() == ()


def test_the_text_from_standard_input_and_from_a_file(clone: Path) -> None:
    cli(clone, "create", "One", "-F", "-", "--no-wait", stdin="from a pipe\n")
    (clone / "idea.md").write_text("\ufefffrom a file\n", encoding="utf-8")
    cli(clone, "create", "Two", "-F", str(clone / "idea.md"), "--no-wait")
    bodies = {entry.title: entry.body for entry in outbox(clone).list()}
    assert bodies == {"One": "from a pipe\n", "Two": "from a file\n"}


def test_bytes_that_are_no_text(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (clone / "idea.bin").write_bytes(b"\xff\xfe")
    assert code(clone, "create", "t", "-F", str(clone / "idea.bin")) == 2
    assert "error[CD442]" in capsys.readouterr().err


# answer


def test_an_answer_is_for_the_open_help_issue(clone: Path) -> None:
    mirror(clone, TASK)
    for named in ("42", "auth", "#57"):
        done = cli(clone, "answer", named, "Use", "B.", "--no-wait")
        assert done.return_value == 0, done.output
    entries = outbox(clone).list()
    assert {(entry.on, entry.body, entry.while_open) for entry in entries} == {(57, "Use B.", True)}
    assert len(entries) == 3


@pytest.mark.parametrize(
    ("words", "expected"),
    [(["7", "x"], "CD403"), (["42", "x"], "CD443"), (["42", ""], "CD440"), (["42", " "], "CD440")],
)
def test_no_answer(clone: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str) -> None:
    mirror(clone, {**TASK, "help_number": None if expected == "CD443" else 57})
    assert code(clone, "answer", *words) != 0
    assert f"error[{expected}]" in capsys.readouterr().err
    assert outbox(clone).list() == ()


# sync


def test_sync_offline_says_so_and_keeps_everything(clone: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cli(clone, "create", "t", "--no-wait")
    assert code(clone, "sync") == 5
    shown = capsys.readouterr()
    assert "pending  new task: t" in shown.out
    assert "error[CD200]: 127.0.0.1:9 did not answer" in shown.err
    (entry,) = outbox(clone).list()
    assert entry.state is State.PENDING


def test_a_parked_entry_is_shown_with_its_reason_and_may_be_dropped_or_tried_again(clone: Path) -> None:
    mirror(clone, TASK)
    entry = new_answer(op(1), on=57, body="Use\x1b[2J B. " + "long " * 30, now=NOW)
    outbox(clone).put(replace(entry, state=State.PARKED, error="#57 was closed", fix="drop it"))
    shown = cli(clone, "sync", "--dry-run")
    assert shown.return_value == 3
    assert shown.stdout.splitlines()[0].startswith(f"{entry.name}  parked   #57 answer: Use[2J B. long")
    assert shown.stdout.splitlines()[1:] == ["          why: #57 was closed", "          fix: drop it"]
    with only_poller(clone / ".git" / "cdock"):
        again = cli(clone, "sync", "--retry", entry.name, "--dry-run")
        assert again.return_value == 3, "a dry run changes nothing"
        assert outbox(clone).list()[0].state is State.PARKED
        dropped = cli(clone, "sync", "--drop", entry.name)
    assert dropped.return_value == 0
    assert outbox(clone).list() == ()


def test_what_the_poller_may_be_sending_is_not_dropped(
    clone: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    entry = new_answer(op(1), on=57, body="Use B.", now=NOW)
    outbox(clone).put(entry)
    with only_poller(clone / ".git" / "cdock"):
        assert code(clone, "sync", "--drop", entry.name) == 1
        assert code(clone, "sync", "--rebuild") == 1
    assert capsys.readouterr().err.count("error[CD402]") == 2
    assert outbox(clone).list() == (entry,)


@pytest.mark.parametrize("name", ["", "ffffffff", "1"])
def test_an_entry_has_to_be_named_clearly(clone: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    for n in (0x1, 0x10):
        outbox(clone).put(
            replace(new_answer(UUID(int=n << 120 | 1 << 124), on=57, body="B.", now=NOW), state=State.PARKED)
        )
    assert code(clone, "sync", "--drop", name) == 2
    assert "error[CD444]" in capsys.readouterr().err
    assert len(outbox(clone).list()) == 2


def test_a_damaged_entry_is_named(clone: Path) -> None:
    (clone / ".git" / "cdock" / "outbox").mkdir(parents=True)
    (clone / ".git" / "cdock" / "outbox" / "x.json").write_text("{")
    shown = cli(clone, "sync", "--dry-run")
    assert shown.return_value == 3
    assert "x.json  damaged:" in shown.stdout
    assert "fix:" in shown.stdout


def test_handing_over_to_a_poller_loads_nothing_heavy(clone: Path) -> None:
    program = (
        "import sys; from cdock.cli.main import run; run(['-C', sys.argv[1], 'create', 't', '--no-wait']);"
        "print('LOADED', sorted({'github', 'gql', 'docker', 'git', 'pydantic', 'requests', 'rich', 'filelock'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run(
        (sys.executable, "-c", program, str(clone)), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"


# How times are told


def test_a_moment_of_another_day_says_which() -> None:
    then = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
    assert asof.clock(then, now=then) == f"{then.astimezone():%H:%M}"
    assert asof.clock(then, now=then + timedelta(days=3)) == f"{then.astimezone():%Y-%m-%d %H:%M}"


@pytest.mark.parametrize("text", [None, "", "soon", 7])
def test_what_is_no_moment(text: object) -> None:
    assert asof.moment(text) is None
