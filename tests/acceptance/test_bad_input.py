"""What goes wrong is said once, clearly, with the next step; nothing is left half-done."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.workshop import STRANGER, Workshop, scripted

GOOD = {"attempts": [[{"write": {"path": "done.txt", "text": "yes\n"}}, {"commit": "Do it"}]]}


def refused(done: subprocess.CompletedProcess[str], *, code: int, says: str) -> None:
    """One error, with a code and a fix, and the documented exit code."""
    assert done.returncode == code, done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error[CD")]
    assert len(errors) == 1, done.stderr
    assert says in done.stderr
    assert "  fix:" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_token(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    number = workshop.open_issue("Write the file")
    workshop.extra_env["CDOCK_TOKEN"] = "ghp_000000000000000000000000000000000000"
    done = workshop.cdock("run", "--once")
    refused(done, code=4, says="token")
    assert "ghp_0000" not in done.stderr
    assert workshop.labels(number) == {"agent-ready"}
    assert workshop.claims() == ""


def test_no_token(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    workshop.extra_env["CDOCK_TOKEN"] = ""
    refused(workshop.cdock("run", "--once"), code=4, says="no token")


def test_a_token_that_may_not_write(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    number = workshop.open_issue("Write the file")
    workshop.extra_env["CDOCK_TOKEN"] = workshop.tokens[STRANGER]
    done = workshop.cdock("run", "--once")
    assert done.returncode in (3, 4), done.stderr
    assert "fix:" in done.stderr
    assert workshop.claims() == ""
    assert workshop.labels(number) == {"agent-ready"}


def test_a_repository_without_the_labels_gets_them(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    assert not {label["name"] for label in workshop.api("GET", "/labels")} & {"agent-ready", "in-progress"}
    assert workshop.cdock("run", "--once").returncode == 0
    labels = {label["name"] for label in workshop.api("GET", "/labels?per_page=100")}
    assert {"agent-ready", "in-progress", "needs-help", "in-review", "done", "failed", "agent-help"} <= labels


def test_a_broken_settings_file(workshop: Workshop) -> None:
    workshop.start_repository({**scripted(GOOD), "cdock.toml": "[agent\n"})
    refused(workshop.cdock("run", "--once"), code=2, says="cannot read cdock.toml")


def test_an_unknown_setting(workshop: Workshop) -> None:
    workshop.start_repository({**scripted(GOOD), "cdock.toml": "[budget]\ntrie = 3\n"})
    refused(workshop.cdock("run", "--once"), code=2, says="did you mean 'tries'?")


def test_no_engine(workshop: Workshop) -> None:
    files = scripted(GOOD)
    files["cdock.toml"] = files["cdock.toml"].replace('"local"', '"docker"')
    workshop.start_repository(files)
    number = workshop.open_issue("Write the file")
    workshop.extra_env["DOCKER_HOST"] = f"unix://{workshop.folder}/no.sock"
    refused(workshop.cdock("run", "--once"), code=6, says="Docker")
    assert workshop.labels(number) == {"agent-ready"}
    doctor = workshop.cdock("doctor")
    assert doctor.returncode == 1
    assert "✗ runner" in doctor.stdout
    assert "fix:" in doctor.stdout


def test_no_forge(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    workshop.forge.stop()
    refused(workshop.cdock("run", "--once"), code=5, says="127.0.0.1")


def test_no_clone(workshop: Workshop, tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    nowhere.mkdir()
    refused(workshop.cdock("run", "--once", cwd=nowhere), code=2, says="not a git repository")


def test_no_remote(workshop: Workshop) -> None:
    workshop.start_repository(scripted(GOOD))
    workshop.git("remote", "remove", "origin")
    refused(workshop.cdock("run", "--once"), code=2, says="no remote 'origin'")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
def test_a_full_disk(workshop: Workshop) -> None:
    """A disk without room: nothing is begun, and nothing on the forge pretends that work goes on."""
    workshop.start_repository(scripted(GOOD))
    number = workshop.open_issue("Write the file")
    state = workshop.state
    state.mkdir(exist_ok=True)
    program = f"mount -t tmpfs -o size=300k tmpfs {state} && exec {sys.executable} -P -m cdock run --once"
    done = subprocess.run(
        ("unshare", "-m", "sh", "-c", program),
        cwd=workshop.clone,
        env=workshop.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    refused(done, code=1, says="the disk is full")
    assert workshop.claims() == ""
    assert workshop.labels(number) == {"agent-ready"}
    again = workshop.cdock("run", "--once")
    assert again.returncode == 0, again.stderr
    assert len(workshop.pulls()) == 1, "with room the same command does the work"
