"""Who polls from a clone is remembered twice, so that deleting its state makes no other poller of it."""

import shutil
from pathlib import Path
from uuid import UUID

import pytest

from cdock.adapters.files.poller import identity
from cdock.wiring import Site, site
from tests.git_repos import git


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    root = tmp_path / "a clone.of ours"
    root.mkdir()
    git(root, "init", "-q")
    return root


def here(root: Path) -> Site:
    return site(root)


@pytest.mark.parametrize("loss", ["directory", "file", "damage"])
def test_a_lost_identity_comes_back(clone: Path, loss: str) -> None:
    known = here(clone).poller
    assert known == identity(clone / ".git" / "cdock")
    state = clone / ".git" / "cdock"
    match loss:
        case "directory":
            shutil.rmtree(state)
        case "file":
            (state / "poller.json").unlink()
        case "damage":
            (state / "poller.json").write_text("{")
    assert here(clone).poller == known == identity(state)


def test_what_is_remembered_follows_the_file(clone: Path) -> None:
    """A clone of former days has only the file, and so has one that was moved."""
    known = identity(clone / ".git" / "cdock")
    assert here(clone).poller == known
    shutil.rmtree(clone / ".git" / "cdock")
    assert here(clone).poller == known


def test_a_copy_is_another_poller(clone: Path, tmp_path: Path) -> None:
    known = here(clone).poller
    shutil.copytree(clone, tmp_path / "copy")
    shutil.rmtree(tmp_path / "copy" / ".git" / "cdock")
    assert here(tmp_path / "copy").poller != known


def test_a_linked_worktree_is_another_poller(clone: Path, tmp_path: Path) -> None:
    known = here(clone).poller
    git(clone, "commit", "-q", "--allow-empty", "-m", "Begin")
    git(clone, "worktree", "add", "-q", str(tmp_path / "linked"))
    assert here(tmp_path / "linked").poller != known
    assert here(clone).poller == known


def test_nonsense_is_not_taken_for_an_identity(clone: Path) -> None:
    git(clone, "config", f"cdock.{clone.resolve()}.poller", "../../etc")
    assert UUID(here(clone).poller)


def test_a_configuration_that_cannot_be_written_does_not_matter(clone: Path) -> None:
    (clone / ".git" / "config.lock").touch()
    assert here(clone).poller == here(clone).poller
