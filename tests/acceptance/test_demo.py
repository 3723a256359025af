"""The demonstration: what a newcomer sees first."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.model_api import ModelApi, Use

OPENED = re.compile("◉ (?:draft pull request|pull request open)")

LIMIT = 300
TURNS = [
    ["I look around.", Use("Bash", {"command": "ls", "description": "look"})],
    [
        Use(
            "Bash",
            {
                "command": "echo done > NOTES.md && git add NOTES.md && git commit -q -m Notes",
                "description": "work",
            },
        )
    ],
    ["NOTES.md says what was done."],
]


def demo(home: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run it unattended with a clean home, in an empty directory."""
    home.mkdir()
    return subprocess.run(
        (sys.executable, "-P", "-m", "cdock", "demo", "--auto", *words),
        cwd=home,
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )


def shown(said: str) -> None:
    """Both issues went the way the demonstration promises."""
    for sentence in (
        "labels #1 agent-ready",
        "● claimed  Greet people by name",
        "✗ attempt 3 failed",
        "? asked for help",
        "answers in #",
        "▶ answered by a person  ada",
        "✓ attempt 4 succeeded",
    ):
        assert sentence in said, said
    assert len(OPENED.findall(said)) == 2
    assert said.count("✗ attempt") == 3


@pytest.mark.timeout(LIMIT)
def test_it_runs_to_the_end_without_a_question(tmp_path: Path) -> None:
    done = demo(tmp_path / "home", "--isolation", "local")
    assert done.returncode == 0, done.stderr
    shown(done.stderr)
    assert "No sandbox" in done.stderr
    left = [path for path in Path(os.environ.get("TMPDIR", "/tmp")).glob("cdock-demo-*") if path.is_dir()]
    assert not [path for path in left if str(path) in done.stderr], "nothing is left behind"


@pytest.mark.timeout(LIMIT)
def test_its_poller_serves_another_terminal(tmp_path: Path) -> None:
    """Which has no token: what is said there reaches the agent through the poller."""
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    cdock = (sys.executable, "-P", "-m", "cdock")
    with subprocess.Popen(
        (*cdock, "demo", "--no-browser", "--isolation", "local"),
        cwd=tmp_path,
        env=env,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stderr is not None
            said = ""
            while "Answer here" not in said:
                line = process.stderr.readline()
                assert line, said
                said += line
            clone = re.search(r"in a terminal +cdock -C (\S+) status", said)
            assert clone, said
            for words in (("status",), ("logs", "2"), ("answer", "2", "From 9 to 17, Monday to Friday.")):
                done = subprocess.run(
                    (*cdock, "-C", clone[1], *words),
                    cwd=tmp_path,
                    env=env,
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    text=True,
                    timeout=LIMIT,
                    check=False,
                )
                assert done.returncode == 0, done.stderr
                assert "no poller" not in done.stderr
            _, rest = process.communicate("\n", timeout=LIMIT)
            assert process.returncode == 0, rest
            assert "✓ attempt 4 succeeded" in rest
        finally:
            process.kill()


@pytest.mark.docker
@pytest.mark.timeout(LIMIT)
def test_it_uses_containers_when_they_are_there(tmp_path: Path) -> None:
    done = demo(tmp_path / "home")
    assert done.returncode == 0, done.stderr
    shown(done.stderr)
    assert "in a container" in done.stderr


@pytest.mark.docker
@pytest.mark.timeout(LIMIT)
def test_the_real_claude_code_does_the_work(tmp_path: Path) -> None:
    """`--agent claude`: the model behind it is scripted, and says the same for both issues."""
    with ModelApi(TURNS) as model:
        done = demo(
            tmp_path / "home",
            "--agent",
            "claude",
            ANTHROPIC_BASE_URL=model.url,
            ANTHROPIC_API_KEY="sk-ant-demo",
        )
    assert done.returncode == 0, done.stderr
    assert len(OPENED.findall(done.stderr)) == 2


def test_claude_without_a_key_is_refused_at_once(tmp_path: Path) -> None:
    done = demo(tmp_path / "home", "--agent", "claude")
    assert done.returncode == 4, done.stderr
    assert "CD421" in done.stderr
    assert "fix:" in done.stderr
