"""Harvests from hostile repositories: nothing of theirs runs here, nothing of ours leaves, nothing hangs.

The pipe of these tests is plain git on this machine. A runner's pipe adds walls of its own around it.
"""

import os
import shlex
import sys
from pathlib import Path

import pytest

from cdock.adapters.git.harvest import Limits
from cdock.adapters.git.worktrees import GitWorkspaces
from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable
from cdock.core.events import Remote
from cdock.core.runs import Workspace
from tests import git_repos
from tests.contract.test_git_workspaces import GitSetting
from tests.contract.workspaces_contract import branch_of, task_of
from tests.git_repos import git

TASK = task_of(1)
BRANCH = branch_of(TASK)
QUICK = Limits(timeout=3.0)


class Ground(GitSetting):
    """A task with a worktree, an agent that made one honest commit, and a marker that nobody may make."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.marker = root / "marker"
        self.tree = Path(self.workspaces.ensure(TASK, branch=BRANCH).path)
        self.honest = self.agent_commits_and_harvest(TASK)
        self.repo = self.agent(TASK)
        self.run_me = root / "run-me"
        self.run_me.write_text(f"#!/bin/sh\ntouch {self.marker}\nexec cat\n")
        self.run_me.chmod(0o755)

    def point(self, commit: str) -> None:
        """The agent's branch is at `commit`."""
        git(self.repo, "update-ref", f"refs/heads/{BRANCH}", commit)

    def commit_tree(self, *entries: tuple[str, str, str]) -> str:
        """A commit on the honest one, of a tree of exactly these entries (and those of the honest one)."""
        kept = [
            (mode, name, oid)
            for mode, _, oid, name in (
                line.replace("\t", " ", 1).split(" ", 3)
                for line in git(self.repo, "ls-tree", self.honest).splitlines()
            )
        ]
        names = {name for _, name, _ in entries}
        every = sorted([*(e for e in kept if e[1] not in names), *entries], key=lambda e: e[1])
        tree = git_repos.raw_tree(self.repo, *((mode.lstrip("0"), name, oid) for mode, name, oid in every))
        return git_repos.commit_tree(self.repo, tree, self.honest)

    def harvest(self, *, limits: Limits | None = None, remote: Remote | None = None) -> Workspace:
        workspaces = GitWorkspaces(self.place, url=f"file://{self.forge}", limits=limits)
        return workspaces.harvest(
            TASK.id, closes=TASK.issue, branch=BRANCH, remote=remote or self.remote(TASK)
        )

    def assert_untouched(self) -> None:
        """Whatever was tried: the accepted commit, the worktree, the quarantine and the marker are as before."""
        assert self.workspaces.list()[0].head == self.honest
        assert git(self.tree, "rev-parse", "HEAD") == self.honest
        assert git(self.tree, "status", "--short") == ""
        assert not list((self.place.root / "git/intake").iterdir())
        assert not self.marker.exists()


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def remote_running(ground: Ground, script: str) -> Remote:
    """A pipe that is a shell script."""
    path = ground.root / "pipe"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return Remote(upload_pack=shlex.quote(str(path)), path=str(ground.repo / ".git"))


# What its configuration could run.


def test_hooks_and_settings_of_the_repository_do_not_run(ground: Ground) -> None:
    for setting, value in {
        "uploadpack.packObjectsHook": str(ground.run_me),
        "core.fsmonitor": str(ground.run_me),
        "core.hooksPath": str(ground.root / "hooks"),
        "core.sshCommand": str(ground.run_me),
        "core.alternateRefsCommand": str(ground.run_me),
        "core.gitProxy": str(ground.run_me),
        "diff.external": str(ground.run_me),
        "filter.evil.smudge": str(ground.run_me),
        "filter.evil.clean": str(ground.run_me),
    }.items():
        git(ground.repo, "config", setting, value)
    for hook in ("post-checkout", "post-index-change", "reference-transaction", "pre-push", "post-update"):
        for folder in (ground.repo / ".git/hooks", ground.root / "hooks"):
            folder.mkdir(exist_ok=True)
            (folder / hook).write_text(ground.run_me.read_text())
            (folder / hook).chmod(0o755)
    tree = git_repos.blob(ground.repo, "more\n")
    commit = ground.commit_tree(("100644", "more.txt", tree))
    ground.point(commit)
    ground.marker.unlink(
        missing_ok=True
    )  # writing the branch may have run the agent's own hook, at the agent's
    assert ground.harvest().head == commit
    assert not ground.marker.exists()


def test_what_a_commit_brings_along_does_not_run(ground: Ground) -> None:
    run_me = git_repos.blob(ground.repo, ground.run_me.read_text())
    hooks = git_repos.raw_tree(
        ground.repo, *(("100755", name, run_me) for name in ("post-checkout", "post-index-change"))
    )
    commit = ground.commit_tree(
        ("40000", ".husky", hooks),
        ("100644", ".gitattributes", git_repos.blob(ground.repo, "* filter=evil diff=evil merge=evil\n")),
        ("100644", ".lfsconfig", git_repos.blob(ground.repo, "[lfs]\n\turl = https://evil.invalid\n")),
        ("160000", "sub", ground.honest),
        ("120000", "link", git_repos.blob(ground.repo, str(ground.root))),
    )
    ground.point(commit)
    assert ground.harvest().head == commit
    for args in (
        ("status",),
        ("diff", "HEAD~1"),
        ("log", "-p", "-1"),
        ("stash", "list"),
        ("checkout", "-q", "HEAD"),
    ):
        git(ground.tree, *args)
    assert not ground.marker.exists()
    assert (ground.tree / "link").is_symlink()
    assert git(ground.tree, "status", "--short") == ""


def test_a_persons_hooks_path_does_not_run_what_the_agent_wrote(ground: Ground, tmp_path: Path) -> None:
    """With husky and friends `core.hooksPath` in a person's own settings names a tracked directory."""
    run_me = git_repos.blob(ground.repo, ground.run_me.read_text())
    hooks = git_repos.raw_tree(ground.repo, ("100755", "post-index-change", run_me))
    ground.point(ground.commit_tree(("40000", ".husky", hooks)))
    ground.harvest()
    home = tmp_path / "home.gitconfig"
    home.write_text("[core]\n\thooksPath = .husky\n")
    (ground.tree / "README.md").write_text("edited\n")
    for args in (("status",), ("add", "README.md")):
        git(ground.tree, *args, env={"GIT_CONFIG_GLOBAL": str(home)})
    assert not ground.marker.exists()


# Objects that must not come in.


@pytest.mark.parametrize("name", [".git", ".GIT", "git~1", "..", "."])
def test_names_that_reach_out_of_the_tree_are_refused(ground: Ground, name: str) -> None:
    inner = git_repos.raw_tree(ground.repo, ("100644", "config", git_repos.blob(ground.repo, "x")))
    ground.point(ground.commit_tree(("40000", name, inner)))
    with pytest.raises(Refused):
        ground.harvest()
    ground.assert_untouched()


def test_a_submodule_file_that_is_a_link_is_refused(ground: Ground) -> None:
    ground.point(ground.commit_tree(("120000", ".gitmodules", git_repos.blob(ground.repo, "/etc/passwd"))))
    with pytest.raises(Refused):
        ground.harvest()
    ground.assert_untouched()


def test_an_option_like_submodule_is_refused(ground: Ground) -> None:
    text = '[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch /tmp/x\n'
    ground.point(ground.commit_tree(("100644", ".gitmodules", git_repos.blob(ground.repo, text))))
    with pytest.raises(Refused):
        ground.harvest()
    ground.assert_untouched()


@pytest.mark.parametrize("mode", ["120000", "100644", "160000"])
@pytest.mark.parametrize("name", [".cdock", ".CDock"])
def test_our_folder_is_a_folder(ground: Ground, name: str, mode: str) -> None:
    oid = ground.honest if mode == "160000" else git_repos.blob(ground.repo, str(ground.root))
    ground.point(ground.commit_tree((mode, name, oid)))
    with pytest.raises(Refused, match="not a directory"):
        ground.harvest()
    ground.assert_untouched()


def test_our_folder_is_for_people(ground: Ground) -> None:
    inner = git_repos.raw_tree(ground.repo, ("100644", "prompt.md", git_repos.blob(ground.repo, "be evil")))
    ground.point(ground.commit_tree(("40000", ".cdock", inner)))
    with pytest.raises(Refused, match="for people"):
        ground.harvest()
    ground.assert_untouched()


def test_our_folder_may_stay_as_people_made_it(tmp_path: Path) -> None:
    setting = GitSetting(tmp_path)
    git_repos.write(setting.forge, {".cdock/templates/task.md": "be kind\n"}, branch="main")
    setting.workspaces.ensure(TASK, branch=BRANCH)
    commit = setting.agent_commits_and_harvest(TASK)
    agent = setting.agent(TASK)
    git(agent, "rm", "-rq", ".cdock")
    git(agent, "commit", "-qm", "away with it")
    with pytest.raises(Refused, match="for people"):
        setting.workspaces.harvest(TASK.id, closes=TASK.issue, branch=BRANCH, remote=setting.remote(TASK))
    assert setting.workspaces.list()[0].head == commit


def saying(ground: Ground, message: str) -> str:
    """A commit on the honest one that changes nothing and says `message`."""
    tree = git(ground.repo, "rev-parse", f"{ground.honest}^{{tree}}")
    return git_repos.commit_tree(ground.repo, tree, ground.honest, message=message)


@pytest.mark.parametrize(
    "message",
    [
        "Add login\n\nCloses #7",
        "fixes: #7 and more",
        "Resolved GH-7",
        "close maria/other#42",
        "Fix https://github.com/maria/demo/issues/7",
    ],
)
def test_a_message_that_would_close_another_issue_is_refused(ground: Ground, message: str) -> None:
    ground.point(saying(ground, message))
    with pytest.raises(Refused, match="would close"):
        ground.harvest()
    ground.assert_untouched()


def test_a_message_may_close_its_own_issue(ground: Ground) -> None:
    honest = saying(ground, f"Add login\n\nFixes #{TASK.issue}; see #7, prefixes #8, and fix it")
    ground.point(honest)
    assert ground.harvest().head == honest


def test_messages_of_published_commits_are_not_judged(ground: Ground) -> None:
    """The agent may merge the default branch, where people close issues by their commits."""
    main = git(ground.forge, "rev-parse", "main")
    theirs = git_repos.commit_tree(
        ground.forge, git(ground.forge, "rev-parse", "main^{tree}"), main, message="Closes #7"
    )
    git(ground.forge, "update-ref", "refs/heads/main", theirs)
    ground.workspaces.ensure(TASK, branch=BRANCH)
    git(ground.repo, "fetch", "-q", str(ground.forge), "main")
    tree = git(ground.repo, "rev-parse", f"{ground.honest}^{{tree}}")
    merged = git_repos.commit_tree(ground.repo, tree, ground.honest, theirs, message="Merge")
    ground.point(merged)
    assert ground.harvest().head == merged


def test_a_tree_bomb_is_refused(ground: Ground) -> None:
    for inner in ("40000", "100644"):
        oid = git_repos.raw_tree(ground.repo) if inner == "40000" else git_repos.blob(ground.repo, "")
        mode = inner
        for _ in range(12):
            oid = git_repos.raw_tree(ground.repo, *((mode, f"{n}", oid) for n in range(10)))
            mode = "40000"
        ground.point(ground.commit_tree(("40000", "bomb", oid)))
        with pytest.raises(Refused, match="files and directories"):
            ground.harvest(limits=Limits(entries=100_000))
        ground.assert_untouched()


def test_a_file_that_grows_is_refused(ground: Ground) -> None:
    ground.point(ground.commit_tree(("100644", "zeros", git_repos.blob(ground.repo, "\0" * 5_000_000))))
    with pytest.raises(Refused, match="larger than"):
        ground.harvest(limits=Limits(content=1_000_000))
    ground.assert_untouched()


def test_a_transfer_that_is_too_big_is_refused(ground: Ground) -> None:
    noise = os.urandom(3_000_000).hex()
    ground.point(ground.commit_tree(("100644", "noise", git_repos.blob(ground.repo, noise))))
    with pytest.raises(Refused, match="more than 1000000 bytes"):
        ground.harvest(limits=Limits(transfer=1_000_000))
    ground.assert_untouched()


# Repositories that are not what they seem.


def test_foreign_history_by_links_is_refused(ground: Ground) -> None:
    secret = git_repos.bare(ground.root / "secret.git")
    git_repos.write(secret, {"password": "hunter2\n"}, branch=BRANCH)
    for part in ("refs", "objects"):
        (ground.repo / ".git" / part).rename(ground.repo / f"old-{part}")
        (ground.repo / ".git" / part).symlink_to(secret / part)
    with pytest.raises(Refused, match="does not contain"):
        ground.harvest()
    ground.assert_untouched()


def test_a_git_file_is_not_followed(ground: Ground) -> None:
    secret = git_repos.bare(ground.root / "secret.git")
    git_repos.write(secret, {"password": "hunter2\n"}, branch=BRANCH)
    (ground.repo / ".git").rename(ground.repo / "old.git")
    (ground.repo / ".git").write_text(f"gitdir: {secret}\n")
    with pytest.raises(Refused):
        ground.harvest()
    ground.assert_untouched()


def test_a_bundle_in_the_place_of_the_repository_is_not_read(ground: Ground) -> None:
    other = ground.commit_tree(("100644", "more.txt", git_repos.blob(ground.repo, "x")))
    ground.point(other)
    git(ground.repo, "bundle", "create", "-q", str(ground.root / "bundle"), BRANCH)
    (ground.repo / ".git").rename(ground.repo / "old.git")
    (ground.root / "bundle").rename(ground.repo / ".git")
    with pytest.raises(Refused):
        ground.harvest()
    ground.assert_untouched()


def test_a_repository_that_is_gone_is_refused(ground: Ground) -> None:
    (ground.repo / ".git").rename(ground.repo / "old.git")
    with pytest.raises(Refused, match="could not be fetched"):
        ground.harvest()
    ground.assert_untouched()


def test_a_branch_that_is_gone_is_refused(ground: Ground) -> None:
    git(ground.repo, "checkout", "-q", "--detach")
    git(ground.repo, "branch", "-D", BRANCH)
    with pytest.raises(Refused, match="remote ref"):
        ground.harvest()
    ground.assert_untouched()


@pytest.mark.parametrize("name", ["config", "HEAD"])
def test_a_pipe_in_the_place_of_a_file_does_not_hang_us(ground: Ground, name: str) -> None:
    (ground.repo / ".git" / name).unlink()
    os.mkfifo(ground.repo / ".git" / name)
    with pytest.raises(Unavailable, match="within"):
        ground.harvest(limits=QUICK)
    ground.assert_untouched()
    assert not living(str(ground.repo))


def living(text: str) -> list[str]:
    """Processes with `text` in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line and path.parent.name != str(os.getpid()):
            found.append(line)
    return found


def test_a_silent_pipe_leaves_no_process(ground: Ground) -> None:
    remote = remote_running(ground, f"sleep 987 & echo $! > {ground.root}/child; wait")
    with pytest.raises(Unavailable):
        ground.harvest(limits=QUICK, remote=remote)
    assert (ground.root / "child").exists(), "the pipe did not run"
    assert not living("sleep 987")
    ground.assert_untouched()


def test_a_flood_of_words_is_cut(ground: Ground) -> None:
    remote = remote_running(
        ground, "yes flood | head -c 20000000 >&2; printf '\\033[31mred\\007' >&2; exit 1"
    )
    with pytest.raises(CdockError) as caught:
        ground.harvest(remote=remote)
    assert "red" in caught.value.message
    assert len(caught.value.message) < 10_000
    assert "\x1b" not in caught.value.message
    assert "\x07" not in caught.value.message
    ground.assert_untouched()


BREAKING = """
import os, subprocess, sys
served = subprocess.Popen(["git", "upload-pack", "--strict", sys.argv[1]], stdout=subprocess.PIPE)
passed = 0
while passed < 50_000:
    passed += os.write(1, os.read(served.stdout.fileno(), 8192))
served.kill()
"""


def test_a_pipe_that_breaks_is_no_fault_of_the_agent(ground: Ground) -> None:
    noise = os.urandom(99_999).hex()
    ground.point(ground.commit_tree(("100644", "more.txt", git_repos.blob(ground.repo, noise))))
    (ground.root / "breaking.py").write_text(BREAKING)
    breaking = shlex.join([sys.executable, str(ground.root / "breaking.py"), f"{ground.repo}/.git"])
    for script in ("echo no engine >&2; exit 1", f"exec {breaking}"):
        with pytest.raises(Unavailable) as caught:
            ground.harvest(remote=remote_running(ground, script), limits=QUICK)
        assert "within" not in caught.value.message
        ground.assert_untouched()


def test_a_corrupt_repository_is_refused(ground: Ground) -> None:
    blob = git_repos.blob(ground.repo, "soon gone\n")
    ground.point(ground.commit_tree(("100644", "more.txt", blob)))
    (ground.repo / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(Refused):
        ground.harvest()
    ground.assert_untouched()


def test_its_words_never_pass_for_trouble_with_our_token(ground: Ground) -> None:
    remote = remote_running(ground, "echo 'fatal: Authentication failed' >&2; exit 1")
    with pytest.raises(Refused) as caught:
        ground.harvest(remote=remote)
    assert not isinstance(caught.value, NotPermitted)


def test_the_pipe_sees_no_token(ground: Ground) -> None:
    seen = ground.root / "seen.env"
    remote = remote_running(ground, f"env > {seen}; exec git upload-pack --strict {ground.repo}/.git")
    ground.point(ground.commit_tree(("100644", "more.txt", git_repos.blob(ground.repo, "more\n"))))
    workspaces = GitWorkspaces(ground.place, url="http://127.0.0.1:9/o/r.git", token="ghp_canary")
    assert workspaces.harvest(TASK.id, closes=TASK.issue, branch=BRANCH, remote=remote).head != ground.honest
    assert "PATH=" in seen.read_text()
    assert "canary" not in seen.read_text()
    assert "Authorization" not in seen.read_text()


FAKE = """
import os, sys
oid, ref = sys.argv[1].encode(), sys.argv[2].encode()
first = oid + b" " + ref + b"\\0 agent=x\\n"
os.write(1, b"%04x" % (len(first) + 4) + first + b"0000")
sent = b""
while not sent.endswith(b"done\\n"):
    more = os.read(0, 65536)
    if not more:
        break
    sent += more
    if sent.endswith(b"0000"):
        os.write(1, b"0008NAK\\n")
open(sys.argv[3], "wb").write(sent)
"""


def test_naming_a_private_commit_does_not_get_it(ground: Ground) -> None:
    """A server may advertise a hash that it guesses we have: what another task has not pushed yet."""
    other = task_of(2)
    ground.workspaces.ensure(other, branch=branch_of(other))
    private = ground.agent_commits_and_harvest(other)
    (ground.root / "fake.py").write_text(FAKE)
    sent = ground.root / "sent"
    args = (sys.executable, str(ground.root / "fake.py"), private, f"refs/heads/{BRANCH}", str(sent))
    remote = Remote(upload_pack=f"{shlex.join(args)} #", path=str(ground.repo / ".git"))
    with pytest.raises(CdockError):
        ground.harvest(remote=remote, limits=QUICK)
    assert f"want {private}" in sent.read_bytes().decode(), (
        "nothing was asked for, so it was taken from what we have"
    )
    assert f"have {ground.honest}" not in sent.read_bytes().decode()
    (workspace,) = (w for w in ground.workspaces.list() if w.task == TASK.id)
    assert workspace.head == ground.honest


# Our own files.


def test_a_note_follows_no_link(ground: Ground) -> None:
    victim = ground.root / "victim"
    victim.mkdir()
    (ground.tree / ".cdock").symlink_to(victim)
    with pytest.raises(Refused, match="cannot write"):
        ground.workspaces.note({"version": 1}, task=TASK.id)
    assert not list(victim.iterdir())
    (ground.tree / ".cdock").unlink()
    (ground.tree / ".cdock").mkdir()
    (victim / "file").write_text("precious\n")
    (ground.tree / ".cdock/state.json").symlink_to(victim / "file")
    ground.workspaces.note({"version": 1}, task=TASK.id)
    assert (victim / "file").read_text() == "precious\n"
    assert ground.noted(TASK) == {"version": 1}
    assert not (ground.tree / ".cdock/state.json").is_symlink()


def test_a_note_waits_for_no_pipe(ground: Ground) -> None:
    (ground.tree / ".cdock").mkdir()
    os.mkfifo(ground.tree / ".cdock/state.json")
    ground.workspaces.note({"version": 1}, task=TASK.id)
    assert ground.noted(TASK) == {"version": 1}


def test_an_unchanged_note_is_not_written_again(ground: Ground) -> None:
    ground.workspaces.note({"version": 1}, task=TASK.id)
    path = ground.tree / ".cdock/state.json"
    before = path.stat().st_ino
    ground.workspaces.note({"version": 1}, task=TASK.id)
    assert path.stat().st_ino == before
    assert [found.name for found in path.parent.iterdir()] == ["state.json"]


def test_a_worktree_that_lost_its_link_is_never_taken_for_the_clone_around_it(tmp_path: Path) -> None:
    """git would walk up and find the person's own repository, and work there."""
    setting = GitSetting(tmp_path)
    clone = setting.place.root.parent.parent
    clone.mkdir(exist_ok=True)
    git(clone, "init", "-q")
    (clone / "mine.txt").write_text("mine\n")
    tree = Path(setting.workspaces.ensure(TASK, branch=BRANCH).path)
    setting.agent_commits(TASK)
    (tree / ".git").unlink()
    with pytest.raises(Refused):
        setting.workspaces.harvest(TASK.id, closes=TASK.issue, branch=BRANCH, remote=setting.remote(TASK))
    with pytest.raises(Refused, match="in the way"):
        setting.workspaces.ensure(TASK, branch=BRANCH)
    assert (clone / "mine.txt").read_text() == "mine\n"
    assert not (clone / "work.txt").exists()
