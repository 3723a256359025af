"""The command line without a forge: help, speed of help, wrong words, errors."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from cdock.cli.main import VERBS, cdock, run

HEAVY = (
    "github",
    "gql",
    "graphql",
    "docker",
    "git",
    "pydantic",
    "requests",
    "jinja2",
    "starlette",
    "uvicorn",
    "asyncio",
    "rich",
)


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_loads_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys; from cdock.cli.main import run; run(sys.argv[1:]);"
        f"print('LOADED', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run(
        (sys.executable, "-c", program, *words), capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_status_loads_nothing_that_waits(tmp_path: Path) -> None:
    program = (
        "import sys; from cdock.cli.main import run; run(['-C', sys.argv[1], 'status']);"
        "print('LOADED', sorted({'github', 'gql', 'docker', 'git', 'pydantic', 'requests', 'rich', 'filelock'} "
        "& set(sys.modules)))"
    )
    subprocess.run(("git", "init", "-q", str(tmp_path)), check=True, timeout=60)
    task = {
        "github": {"issue_number": 42, "pr_number": 43},
        "worktree_id": "auth",
        "short_uuid": "a7b2c8d",
        "branch": "cdock/auth.a7b2c8d",
        "status": "in-review",
        "title": "Add OAuth login",
        "attempts": {"history": []},
    }
    (tmp_path / ".git" / "cdock").mkdir()
    (tmp_path / ".git" / "cdock" / "state.json").write_text(json.dumps({"version": 1, "tasks": [task]}))
    (tmp_path / ".git" / "cdock" / "poller.lock").touch()
    done = subprocess.run(
        (sys.executable, "-c", program, str(tmp_path)), capture_output=True, text=True, timeout=60, check=True
    )
    shown, loaded = done.stdout.splitlines()
    assert shown == "42\tin-review\tcdock.auth.a7b2c8d\t0\tpull request #43\tAdd OAuth login"
    assert loaded == "LOADED []"


def test_help_names_every_verb() -> None:
    said = CliRunner().invoke(cdock, ["--help"]).output
    for verb, (_, line) in VERBS.items():
        assert verb in said
        assert line.split(":")[0] in said
    assert "Exit codes" in said


@pytest.mark.parametrize("verb", list(VERBS))
def test_every_verb_has_its_own_help(verb: str) -> None:
    done = CliRunner().invoke(cdock, [verb, "--help"])
    assert done.exit_code == 0
    assert done.output.startswith(f"Usage: cdock {verb}")


def test_a_wrong_verb_is_answered_with_the_right_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["statsu"]) == 2
    assert "Did you mean 'status'?" in capsys.readouterr().err


def test_outside_a_repository(tmp_path: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["-C", str(tmp_path), "status"]) == 2
    said = capsys.readouterr().err
    assert "error[CD415]: this is not a git repository" in said
    assert "fix:" in said


def test_the_versions_agree() -> None:
    from importlib.metadata import version

    from cdock import __version__

    assert version("cdock") == __version__


def test_the_log_of_an_agent_cannot_steer_the_terminal(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    task = {
        "worktree_id": "add-login",
        "short_uuid": "a7b2c8d",
        "status": "failed",
        "github": {"issue_number": 7},
        "attempts": {"history": [{"number": 1, "agent": "command", "outcome": "failed"}]},
    }
    state = tmp_path / ".git" / "cdock"
    folder = state / "tasks" / "add-login.a7b2c8d"
    folder.mkdir(parents=True)
    said = "fine\x1b]0;mine\x07\x1b[2J"
    (folder / "cdock.add-login.a7b2c8d.1.log").write_text(f"{said}\n")
    record = {"time": "2026-11-21T12:00:00+00:00", "event": "agent", "kind": "text", "text": said}
    (folder / "journal.jsonl").write_text(json.dumps(record, ensure_ascii=False) + "\n")
    (state / "state.json").write_text(json.dumps({"version": 1, "isolation": "", "tasks": [task]}))
    for words in ((), ("--json",)):
        shown = CliRunner().invoke(cdock, ["-C", str(tmp_path), "logs", "7", *words])
        assert "fine" in shown.output
        assert "\x1b" not in shown.output
    raw = CliRunner().invoke(cdock, ["-C", str(tmp_path), "logs", "7", "--raw"])
    assert "\x1b[2J" in raw.output, "who asks for the bytes gets them"
