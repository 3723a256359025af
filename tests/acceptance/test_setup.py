"""Setting up: init, doctor, the forge's own verbs."""

import json
import subprocess
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.acceptance.workshop import Workshop

FILES = {"hello.py": "print('hello')\n", ".gitignore": "*.log"}


def test_init_shows_then_writes_then_finds_everything_there(workshop: Workshop) -> None:
    workshop.start_repository(FILES)
    dry = workshop.cdock("init", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    for name in ("cdock.toml", "cdock-task.yml", ".gitignore", "agent-ready"):
        assert name in dry.stdout
    assert not (workshop.clone / "cdock.toml").exists()
    unasked = workshop.cdock("init")
    assert unasked.returncode == 1
    assert "cdock init --yes" in unasked.stderr
    assert not (workshop.clone / "cdock.toml").exists()

    done = workshop.cdock("init", "--yes")
    assert done.returncode == 0, done.stderr
    ignored = (workshop.clone / ".gitignore").read_text()
    assert ignored.startswith("*.log\n"), "a last line without newline is not glued to ours"
    assert "/.cdock/*" in ignored
    assert "agent-ready" in {label["name"] for label in workshop.api("GET", "/labels?per_page=100")}
    before = {path: path.read_bytes() for path in workshop.clone.rglob("*") if path.is_file()}
    again = workshop.cdock("init", "--yes")
    assert again.returncode == 0
    assert "everything is there already" in again.stdout
    assert {path: path.read_bytes() for path in workshop.clone.rglob("*") if path.is_file()} == before


def test_init_keeps_what_a_person_wrote(workshop: Workshop) -> None:
    own = '[acceptance]\ncommands = ["true"]\n'
    workshop.start_repository({**FILES, "cdock.toml": own})
    assert workshop.cdock("init", "--yes").returncode == 0
    assert (workshop.clone / "cdock.toml").read_text() == own


def test_init_finds_out_where_the_forge_can_hold_claims(workshop: Workshop) -> None:
    workshop.start_repository(FILES)
    (repository,) = workshop.forge.data_dir.rglob(f"{workshop.repository.partition('/')[2]}.git")
    hook = repository / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/heads/*) exit 0;; *) exit 1;; esac\n')
    hook.chmod(0o755)
    refs = workshop.git("ls-remote", "origin")
    done = workshop.cdock("init", "--yes")
    assert done.returncode == 0, done.stderr
    assert "claims become branches" in done.stdout
    settings = tomllib.loads((workshop.clone / "cdock.toml").read_text())
    assert settings["claims"] == {"namespace": "refs/heads/cdock-claims"}
    assert workshop.git("ls-remote", "origin") == refs, "nothing of the trial is left"
    again = workshop.cdock("init", "--yes")
    assert again.returncode == 0
    assert "everything is there already" in again.stdout
    hook.write_text("#!/bin/sh\nexit 1\n")
    (workshop.clone / ".gitignore").unlink()
    refused = workshop.cdock("init", "--yes")
    assert refused.returncode == 1
    assert "CD454" in refused.stderr


def test_init_leaves_a_namespace_of_ones_own_to_the_person(workshop: Workshop) -> None:
    own = '[claims]\nnamespace = "refs/team/claims"\n'
    workshop.start_repository({**FILES, "cdock.toml": own})
    (repository,) = workshop.forge.data_dir.rglob(f"{workshop.repository.partition('/')[2]}.git")
    hook = repository / "hooks" / "update"
    hook.write_text('#!/bin/sh\ncase "$1" in refs/heads/*) exit 0;; *) exit 1;; esac\n')
    hook.chmod(0o755)
    done = workshop.cdock("init", "--yes")
    assert done.returncode == 2
    assert not (workshop.clone / ".github").exists(), "nothing is written when it cannot end well"
    assert 'namespace = "refs/heads/cdock-claims"' in done.stderr
    assert (workshop.clone / "cdock.toml").read_text() == own


def test_doctor_says_what_is_missing_and_how_to_get_it(workshop: Workshop) -> None:
    workshop.start_repository(
        {**FILES, "cdock.toml": '[runner]\nkind = "local"\n[agent]\ndefault = "scripted"\n'}
    )
    done = workshop.cdock("doctor", "--json")
    found = {finding["name"]: finding for finding in json.loads(done.stdout)["data"]}
    assert done.returncode == 0, done.stdout
    assert found["git"]["verdict"] == "ok"
    assert found["token"]["said"].startswith("cdock-bot")
    assert found["repository"]["verdict"] == "warn"
    assert "agent-ready" in found["repository"]["said"]
    assert found["repository"]["fix"] == "cdock init"
    assert found["runner"]["verdict"] == "warn"
    assert "sandbox" in found["runner"]["said"]
    assert workshop.tokens["cdock-bot"] not in done.stdout
    rights = {
        finding["feature"]: finding for finding in json.loads(done.stdout)["data"] if finding["feature"]
    }
    assert {finding["name"] for finding in rights.values()} == {"may"}
    pushing, hooks = rights["push branches and claims"], rights["manage webhooks"]
    assert (pushing["has"], pushing["verdict"]) == ("have", "ok")
    assert (hooks["has"], hooks["verdict"], hooks["needs"]) == ("lacks", "warn", "the scope admin:repo_hook")
    assert "cdock-bot" in hooks["fix"], "a writer has to become an administrator first"


def test_doctor_fails_without_a_permission_that_every_task_needs(workshop: Workshop) -> None:
    workshop.start_repository(
        {**FILES, "cdock.toml": '[runner]\nkind = "local"\n[agent]\ndefault = "scripted"\n'}
    )
    permissions = "issues=write,pull_requests=write,contents=read,metadata=read"
    ends = (datetime.now(UTC) + timedelta(days=3)).isoformat(timespec="seconds")
    made = workshop.forge.admin("token", "cdock-bot", "--fine", permissions, "--expires", ends)
    kept = workshop.folder / "kept-token"
    kept.write_text(made["token"])
    workshop.extra_env["CDOCK_TOKEN_FILE"] = str(kept)
    done = workshop.cdock("doctor")
    assert done.returncode == 1
    assert f"! token       cdock-bot, from the file {kept}, fine-grained token" in done.stdout
    assert "✗ may         push branches and claims: no" in done.stdout
    assert "give Contents: write on" in done.stdout
    assert (
        "? may         open pull requests: shows when it is tried; needs Pull requests: write" in done.stdout
    )


def test_doctor_finds_a_wrong_token(workshop: Workshop) -> None:
    workshop.start_repository(FILES)
    workshop.extra_env["CDOCK_TOKEN"] = "ghp_wrong"
    done = workshop.cdock("doctor")
    assert done.returncode == 1
    assert "✗ token" in done.stdout


def test_the_forge_goes_up_and_down_and_a_repository_onto_it(workshop: Workshop) -> None:
    clone = workshop.folder / "mine"
    clone.mkdir()
    for words in (("init", "-q", "-b", "trunk"), ("commit", "-q", "--allow-empty", "-m", "Begin")):
        workshop.git(*words, cwd=clone)
    workshop.extra_env["CDOCK_TOKEN"] = ""
    dry = workshop.cdock("init", "--local", "--dry-run", cwd=clone)
    assert dry.returncode == 0, dry.stderr
    assert "as the remote 'forge'" in dry.stdout
    assert workshop.git("remote", cwd=clone) == ""
    try:
        done = workshop.cdock("init", "--local", "--yes", cwd=clone)
        assert done.returncode == 0, done.stderr
        assert 'remote = "forge"' in (clone / "cdock.toml").read_text()
        doctor = {
            f["name"]: f for f in json.loads(workshop.cdock("doctor", "--json", cwd=clone).stdout)["data"]
        }
        assert doctor["repository"]["verdict"] == "ok", doctor
        assert workshop.cdock("init", "--local", "--yes", cwd=clone).returncode == 0
        up = workshop.cdock("forge", "up", cwd=clone)
        url = up.stdout.strip()
        assert url in workshop.cdock("forge", "status", cwd=clone).stdout
        opened = workshop.cdock("forge", "open", "--print", cwd=clone)
        assert opened.stdout.startswith(f"{url}/_login?code=")
        heads = subprocess.run(
            ("git", "ls-remote", "--symref", "forge", "HEAD"),
            cwd=clone,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "refs/heads/trunk" in heads.stdout
        kept = list((workshop.folder / "cdock-home" / "tokens").iterdir())
        assert [path.stat().st_mode & 0o777 for path in kept] == [0o600, 0o600]
        # The person's own git pushes without being asked for anything, and their token stands in no configuration.
        plain = {"PATH": workshop.env["PATH"], "HOME": workshop.env["HOME"], "GIT_TERMINAL_PROMPT": "0"}
        subprocess.run(
            ("git", "push", "-q", "forge", "HEAD:again"), cwd=clone, env=plain, check=True, timeout=60
        )
        config = (clone / ".git" / "config").read_text()
        assert not [path for path in kept if path.read_text().strip() in config]
    finally:
        down = workshop.cdock("forge", "down", cwd=clone)
    assert down.returncode == 0
    assert workshop.cdock("forge", "status", cwd=clone).stdout.startswith("down")
    again = workshop.cdock("forge", "up", cwd=clone)
    try:
        assert again.stdout.strip() == url, "it comes back at the same address"
    finally:
        workshop.cdock("forge", "down", cwd=clone)


def test_status_before_anything_happened(workshop: Workshop) -> None:
    workshop.start_repository(FILES)
    done = workshop.cdock("status")
    assert done.returncode == 0
    assert "label an issue" in done.stderr
    wrong = workshop.cdock("status", "--json", "colour")
    assert wrong.returncode == 2
    assert "use some of:" in wrong.stderr


def test_a_broken_mirror_is_said(workshop: Workshop) -> None:
    workshop.start_repository(FILES)
    state = workshop.state
    state.mkdir()
    for broken in ("", "{", "[]", '{"version": 2, "tasks": []}', '{"version": 1}', "\x00"):
        Path(state / "state.json").write_text(broken)
        done = workshop.cdock("status")
        assert done.returncode == 2, broken
        assert "CD418" in done.stderr
        assert "Traceback" not in done.stderr
