"""What cdock believes of a clone is where no checkout writes; what an earlier cdock kept elsewhere is moved there."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import psutil
import pytest

from cdock.adapters.files.logs import FileLogs
from cdock.adapters.files.mirror import FileMirror
from cdock.adapters.files.outbox import FileOutbox, dump_entry
from cdock.adapters.files.poller import identity, known_identity, only_poller
from cdock.adapters.git.clone import find_clone, outside_state, remember_poller, state_of
from cdock.adapters.git.place import Place
from cdock.adapters.git.worktrees import GitWorkspaces
from cdock.cli.tasks import find_state
from cdock.core.errors import Misconfigured, Refused, Unavailable
from cdock.core.outbox import Entry, new_issue
from cdock.wiring import Site, site
from tests import git_repos
from tests.contract.workspaces_contract import branch_of, task_of
from tests.git_repos import git

TASK = task_of()
BRANCH = branch_of(TASK)
NAME = TASK.id.name
OURS = UUID(int=1 << 100)
THEIRS = UUID(int=2 << 100)


def entry_of(op: UUID, title: str = "ours") -> Entry:
    """Words of a person."""
    now = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
    return new_issue(op, title=title, body="", labels=(), ready=True, now=now)


class Ground:
    """A person's clone of a forge, ignoring `.cdock` as `cdock init` has it."""

    def __init__(self, root: Path) -> None:
        self.forge = git_repos.bare(root / "forge.git")
        git_repos.write(self.forge, {".gitignore": "/.cdock/*\n"}, branch="main")
        self.clone = root / "clone"
        git(root, "clone", "-q", str(self.forge), str(self.clone))
        self.marker = root / "marker"

    @property
    def shown(self) -> Path:
        """What an earlier cdock kept everything in."""
        return self.clone / ".cdock"

    @property
    def state(self) -> Path:
        return self.clone / ".git" / "cdock"

    def workspaces(self, place: Place) -> GitWorkspaces:
        return GitWorkspaces(place, url=f"file://{self.forge}")

    def lived_in(self) -> Site:
        """State of every kind, as a poller leaves it."""
        here = site(self.clone)
        _fill(here.clone.state, mirror=here.clone.shown / "state.json")
        assert here.poller
        self.workspaces(here.place).ensure(TASK, branch=BRANCH)
        return here

    def lived_in_before(self) -> str:
        """The same as an earlier cdock left it; its identity."""
        _fill(self.shown, mirror=None)
        known = identity(self.shown)
        remember_poller(find_clone(self.clone), known)
        workspaces = self.workspaces(Place(self.shown))
        tree = Path(workspaces.ensure(TASK, branch=BRANCH).path)
        (tree / "README.md").write_text("edited by a person\n")
        src = self.shown / "runs" / str(TASK.id) / "src"
        git_repos.workspace(src, objects=workspaces.objects, base=self.main, branch=BRANCH)
        return known

    @property
    def main(self) -> str:
        return git(self.forge, "rev-parse", "main")

    def hostile(self, files: dict[str, str]) -> None:
        """A stranger's branch with these files is checked out."""
        git_repos.write(self.forge, files, branch="evil")
        git(self.clone, "fetch", "-q", "origin")
        git(self.clone, "checkout", "-q", "evil")

    def weapons(self) -> dict[str, str]:
        """Every kind of state, as somebody would write it who wants something to run, or to be said."""
        config = f"[core]\n\tbare = true\n\talternateRefsCommand = touch {self.marker} #\n"
        run = {"name": f"{TASK.id}.1", "task": str(TASK.id), "attempt": 1, "role": "agent"}
        return {
            ".cdock/git/store.git/config": config,
            ".cdock/git/store.git/HEAD": "ref: refs/heads/none\n",
            ".cdock/git/mirror.git/config": config,
            ".cdock/git/claims.git/config": config,
            f".cdock/git/store.git/worktrees/{NAME}/commondir": "../../evil\n",
            f".cdock/outbox/{THEIRS}.json": dump_entry(entry_of(THEIRS, "theirs")),
            f".cdock/wishes/{TASK.id}.stop": "",
            f".cdock/tasks/{NAME}/{TASK.id}.1.log": "theirs\n",
            f".cdock/runs/{TASK.id}/attempts/{TASK.id}.1/run.json": json.dumps(run),
            ".cdock/poller.json": json.dumps({"version": 1, "id": str(THEIRS)}),
            ".cdock/poller.lock": "",
            ".cdock/state.json": json.dumps({"version": 1, "tasks": [{"title": "theirs"}]}),
            f".cdock/worktrees/{NAME}/README.md": "theirs\n",
        }


def _fill(state: Path, *, mirror: Path | None) -> None:
    outbox = FileOutbox(state / "outbox")
    outbox.put(entry_of(OURS))
    outbox.path(OURS).chmod(0o400)
    FileLogs(state / "tasks").append(TASK.id, TASK.id.run(1), b"ours\n")
    FileMirror(state / "state.json", shown=mirror).save({"version": 1, "isolation": "", "tasks": []})


def everything(folder: Path) -> dict[str, bytes]:
    """All files below a directory."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


# Where it is


def test_it_is_below_gits_own_directory(ground: Ground) -> None:
    assert state_of(ground.clone) == ground.clone / ".git" / "cdock"
    inside = ground.clone / "src"
    inside.mkdir(exist_ok=True)
    assert find_state(inside) == site(inside).clone.state == state_of(ground.clone)


@pytest.mark.parametrize("kind", ["linked", "linked to a bare one", "elsewhere", "submodule"])
def test_a_git_that_is_a_file_is_followed(ground: Ground, tmp_path: Path, kind: str) -> None:
    tree = tmp_path / "tree"
    match kind:
        case "linked":
            git(ground.clone, "worktree", "add", "-q", str(tree), "-b", "other")
        case "linked to a bare one":
            git(ground.forge, "worktree", "add", "-q", str(tree), "-b", "other")
        case "elsewhere":
            git(
                tmp_path,
                "clone",
                "-q",
                "--separate-git-dir",
                str(tmp_path / "far"),
                str(ground.forge),
                str(tree),
            )
        case "submodule":
            allowed = ("-c", "protocol.file.allow=always")
            git(ground.clone, *allowed, "submodule", "add", "-q", str(ground.forge), "sub")
            tree = ground.clone / "sub"
    assert (tree / ".git").is_file()
    common = Path(git(tree, "rev-parse", "--path-format=absolute", "--git-common-dir"))
    below = Path("cdock", "linked", "tree") if kind.startswith("linked") else Path("cdock")
    assert state_of(tree) == common.resolve() / below
    here = site(tree)
    assert here.clone.state == find_state(tree) == state_of(tree)
    assert here.poller == known_identity(here.clone.state)
    workspace = ground.workspaces(here.place).ensure(TASK, branch=BRANCH)
    assert Path(workspace.path) == tree / ".cdock" / "worktrees" / NAME
    assert git(tree, "status", "--porcelain").replace("A  .gitmodules", "").strip() == ""


@pytest.mark.parametrize("text", ["", "gitdir: nowhere\n", "\udcff", "x\0y"])
def test_a_git_that_leads_nowhere_is_no_repository(tmp_path: Path, text: str) -> None:
    (tmp_path / ".git").write_text(text, errors="surrogateescape")
    with pytest.raises(Misconfigured, match="not a git repository"):
        state_of(tmp_path)
    with pytest.raises(Misconfigured, match="not a git repository"):
        find_state(tmp_path)


@pytest.mark.parametrize(
    ("inside", "clone"),
    [
        ("a/.cdock/worktrees/x/src", "a"),
        ("a/.git/cdock/runs/x/src", "a"),
        ("a/.git/hooks", "a/.git/hooks"),
        ("a/cdock/src", "a/cdock/src"),
    ],
)
def test_who_is_inside_of_our_directories_means_the_clone_around(inside: str, clone: str) -> None:
    assert outside_state(Path("/home", inside)) == Path("/home", clone)


# A stranger's branch


def test_a_branch_with_files_of_ours_changes_nothing_and_runs_nothing(ground: Ground) -> None:
    here = ground.lived_in()
    tree = Path(ground.workspaces(here.place).list()[0].path)
    before = everything(ground.state)
    known = here.poller
    ground.hostile(ground.weapons())
    assert (ground.shown / "git" / "store.git" / "config").exists(), "git asks nobody"
    assert everything(ground.state) == before
    again = site(ground.clone)
    assert find_state(ground.clone) == ground.state
    assert again.poller == known
    assert again.outbox.list() == (entry_of(OURS),)
    assert not (ground.state / "wishes").exists()
    assert again.logs.read(TASK.id, TASK.id.run(1)) == b"ours\n"
    workspaces = ground.workspaces(again.place)
    workspace = workspaces.ensure(TASK, branch=BRANCH)
    assert [found.task for found in workspaces.list()] == [TASK.id]
    assert git(tree, "rev-parse", "HEAD") == workspace.head
    assert not ground.marker.exists()
    git(ground.clone, "checkout", "-q", "main")
    assert {*everything(ground.state)} >= {*before}
    assert site(ground.clone).poller == known


def test_a_branch_that_is_checked_out_before_anything_happened_begins_nothing(ground: Ground) -> None:
    ground.hostile(ground.weapons())
    here = site(ground.clone)
    assert find_state(ground.clone) == ground.state
    assert here.outbox.list() == ()
    assert not (ground.state / "wishes").exists()
    assert here.poller != str(THEIRS)
    ground.workspaces(Place(ground.state)).ensure(TASK, branch=BRANCH)
    assert not ground.marker.exists()


def test_files_of_a_branch_that_were_left_behind_are_not_taken_for_ours(ground: Ground) -> None:
    """`git reset` forgets that they came with the branch."""
    ground.hostile(ground.weapons())
    git(ground.clone, "reset", "-q", "main")
    for look in (site, find_state):
        with pytest.raises(Refused, match="not the one that this clone remembers") as refused:
            look(ground.clone)
        assert refused.value.code == "CD455"
    assert not ground.state.exists()
    (ground.shown / "poller.json").unlink()
    with pytest.raises(Refused, match="words in outbox"):
        site(ground.clone)
    shutil.rmtree(ground.shown / "outbox")
    assert site(ground.clone).poller != str(THEIRS)
    assert not (ground.state / "git").exists()
    assert (ground.shown / "git").exists()


@pytest.mark.parametrize("link", [".cdock", ".cdock/worktrees", f".cdock/worktrees/{NAME}"])
def test_a_link_that_a_branch_brought_leads_nobody_away(ground: Ground, tmp_path: Path, link: str) -> None:
    here = site(ground.clone)
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "state.json").write_text("theirs\n")
    git(victim, "init", "-q", "--separate-git-dir", str(tmp_path / "victims"))
    before = everything(victim)
    path = ground.clone / link
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(victim)
    workspaces = ground.workspaces(here.place)
    with pytest.raises(Refused, match="in the way"):
        workspaces.ensure(TASK, branch=BRANCH)
    assert workspaces.list() == ()
    if link == ".cdock":
        with pytest.raises(Unavailable, match="a link is in the place"):
            FileMirror(ground.state / "state.json", shown=ground.shown / "state.json").save({"version": 1})
        assert json.loads((ground.state / "state.json").read_text()) == {"version": 1}, (
            "ours is written first"
        )
    assert everything(victim) == before


# What an earlier cdock left


def test_the_state_of_an_earlier_cdock_is_moved_once(ground: Ground) -> None:
    known = ground.lived_in_before()
    tree = ground.shown / "worktrees" / NAME
    here = site(ground.clone)
    assert here.poller == known
    assert here.outbox.list() == (entry_of(OURS),)
    assert here.logs.read(TASK.id, TASK.id.run(1)) == b"ours\n"
    assert json.loads((ground.state / "state.json").read_text())["version"] == 1
    assert {path.name for path in ground.shown.iterdir()} == {"worktrees", "state.json"}
    assert git(tree, "status", "--porcelain").split() == ["M", "README.md"], "a person's edit is still one"
    workspaces = ground.workspaces(here.place)
    assert [found.path for found in workspaces.list()] == [str(tree)]
    workspaces.ensure(TASK, branch=BRANCH)
    src = ground.state / "runs" / str(TASK.id) / "src"
    assert git(src, "cat-file", "-t", ground.main) == "commit", "it borrows objects from the new place"
    commit = git_repos.write(src, {"work.txt": "done\n"}, branch=BRANCH)
    found = workspaces.harvest(TASK.id, closes=1, branch=BRANCH, remote=git_repos.remote(src))
    assert found.head == commit
    assert (tree / "work.txt").read_text() == "done\n"
    after = everything(ground.state)
    assert find_state(ground.clone) == ground.state
    assert everything(ground.state) == after


def test_commands_that_only_read_move_it_too(ground: Ground) -> None:
    known = ground.lived_in_before()
    assert find_state(ground.shown / "worktrees" / NAME) == ground.state
    assert known_identity(ground.state) == known


def test_a_move_that_was_cut_short_is_finished(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    known = ground.lived_in_before()
    rename, done = Path.rename, []

    def twice(self: Path, target: Path) -> Path:
        if len(done) == 2:
            raise OSError(18, "Invalid cross-device link", str(self))
        done.append(self.name)
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", twice)
        with pytest.raises(Refused, match="cross-device") as refused:
            site(ground.clone)
    assert refused.value.code == "CD455"
    here = site(ground.clone)
    assert here.poller == known
    assert here.outbox.list() == (entry_of(OURS),)
    assert git(ground.shown / "worktrees" / NAME, "status", "--porcelain").split() == ["M", "README.md"]


def test_a_poller_of_an_earlier_cdock_is_left_alone(ground: Ground) -> None:
    known = ground.lived_in_before()
    with only_poller(ground.shown):
        for look in (site, find_state):
            with pytest.raises(Refused, match="a poller of an earlier cdock runs") as refused:
                look(ground.clone)
            assert refused.value.code == "CD402"
    assert not ground.state.exists()
    assert site(ground.clone).poller == known


@contextmanager
def agent_at_work(runs: Path) -> Iterator[None]:
    """A run of the local runner, as far as a process and its note go."""
    name = TASK.id.run(1)
    directory = runs / str(TASK.id) / "attempts" / name
    directory.mkdir(parents=True)
    script = directory / "entry.sh"
    script.write_text("read line\n")
    with subprocess.Popen(("/bin/sh", str(script)), stdin=subprocess.PIPE) as process:
        created = psutil.Process(process.pid).create_time()
        note = {"pid": process.pid, "created": created, "started": created, "attempt": 1, "role": "agent"}
        (directory / "run.json").write_text(json.dumps({**note, "name": name, "task": str(TASK.id)}))
        yield
        process.communicate(b"\n", timeout=30)


def test_agents_at_work_are_left_alone(ground: Ground) -> None:
    known = ground.lived_in_before()
    with agent_at_work(ground.shown / "runs"), pytest.raises(Refused, match="still run: cdock") as refused:
        site(ground.clone)
    assert refused.value.code == "CD402"
    assert not ground.state.exists()
    assert site(ground.clone).poller == known


@pytest.mark.parametrize("changed", ["config", "commondir", "worktree", "entry", "link"])
def test_state_that_somebody_else_wrote_is_not_moved(ground: Ground, tmp_path: Path, changed: str) -> None:
    ground.lived_in_before()
    store = ground.shown / "git" / "store.git"
    match changed:
        case "config":
            (store / "config").write_text(ground.weapons()[".cdock/git/store.git/config"])
        case "commondir":
            (store / "commondir").write_text(f"{tmp_path}\n")
        case "worktree":
            (store / "worktrees" / NAME / "commondir").write_text("../../../evil\n")
        case "entry":
            (ground.shown / "outbox" / f"{THEIRS}.json").write_text(dump_entry(entry_of(THEIRS)))
        case "link":
            (ground.shown / "tasks").rename(tmp_path / "tasks")
            (ground.shown / "tasks").symlink_to(tmp_path / "tasks")
    before = everything(ground.shown)
    with pytest.raises(
        Refused, match="is a link" if changed == "link" else "is not as cdock wrote it"
    ) as refused:
        site(ground.clone)
    assert refused.value.code == "CD455"
    assert refused.value.fix
    after = everything(ground.shown)
    assert {name: after[name] for name in before} == before
    assert not ground.state.exists()
    assert not ground.marker.exists()


def test_a_branch_among_the_state_of_an_earlier_cdock_is_named(ground: Ground) -> None:
    known = ground.lived_in_before()
    ground.hostile({f".cdock/outbox/{THEIRS}.json": dump_entry(entry_of(THEIRS))})
    with pytest.raises(Refused, match="the branch that is checked out has files there too: outbox"):
        site(ground.clone)
    git(ground.clone, "checkout", "-q", "main")
    here = site(ground.clone)
    assert (here.poller, here.outbox.list()) == (known, (entry_of(OURS),))
