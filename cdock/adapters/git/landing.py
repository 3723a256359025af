"""Finished work as commits on the default branch, made of objects alone: nobody's checkout is touched."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from cdock.adapters.git.command import Git, Token, error_of, origin_of
from cdock.adapters.git.history import commit_at, is_ancestor
from cdock.adapters.git.merging import TIMEOUT, joined, merge_trees, transplant, tree_of
from cdock.adapters.git.place import Place, branch_ref
from cdock.adapters.git.published import Published
from cdock.core.errors import CdockError, NotPermitted, Refused, Unavailable
from cdock.core.landing import Applied, Person, Work, merge_message, squash_message

FETCH_TIMEOUT = 600.0
PICKED = 500
"""Commits of one branch that are picked one by one."""


@dataclass(frozen=True)
class Heads:
    """What the forge has: the default branch by name and commit, and the tips of branches by name."""

    default: str
    commit: str
    tips: Mapping[str, str]


class LandingGround:
    """The mirror of a clone, in which commits for the default branch of the repository at `url` are made.

    They are made where containers can read them, so that what is to be pushed can be tried out before.
    """

    def __init__(self, place: Place, *, url: str, token: Token = "", timeout: float = FETCH_TIMEOUT) -> None:
        self._place = place
        self._url = url
        self._timeout = timeout
        self._git = Git(place.mirror)
        self._remote = Git(place.mirror, token=token, origin=origin_of(url))
        self._published = Published(place, url=url, token=token, timeout=timeout)

    def heads(self, prefix: str) -> Heads:
        """The default branch and all branches that start with `prefix`, as they are on the forge now, fetched.

        Raises:
            Unavailable: the forge did not answer, or they kept moving.
            Refused: there is no default branch.
        """
        self._place.prepare()
        start = branch_ref(f"{prefix}x")[:-1]
        for _ in range(3):
            shown = self._remote.run(
                "ls-remote", "--quiet", "--symref", self._url, "HEAD", f"{start}*", timeout=self._timeout
            ).text.splitlines()
            pairs = [line.split("\t", 1) for line in shown if "\t" in line]
            named = next((a.removeprefix("ref: ") for a, b in pairs if a.startswith("ref: ")), "")
            there = {ref: oid for oid, ref in pairs if not oid.startswith("ref: ")}
            if not named or "HEAD" not in there:
                raise Refused(
                    "the repository on the forge has no default branch with a commit",
                    tried=f"looking at {self._url}",
                    fix="push a first commit to the default branch",
                )
            self._published.fetch(prefix)
            if all(commit_at(self._git, oid) for oid in there.values()):
                tips = {
                    ref.removeprefix("refs/heads/"): oid
                    for ref, oid in there.items()
                    if ref.startswith(start)
                }
                return Heads(named.removeprefix("refs/heads/"), there["HEAD"], tips)
        raise Unavailable(
            "branches were moved on the forge while they were fetched",
            tried=f"fetching from {self._url}",
            fix="run the same command again",
        )

    def ahead(self, tip: str, *, of: str) -> int:
        """How many commits `of` lacks of `tip`."""
        return int(self._git.run("rev-list", "--count", tip, "--not", of, timeout=TIMEOUT).text)

    def apply(self, work: Work, *, method: str, onto: str, without: Collection[str], by: Person) -> Applied:
        """The work on top of `onto`, by `merge`, `squash` or `cherry-pick`; `onto` itself where it brings nothing.

        A merge and a squash are commits `by` a person. Picked commits keep their authors and their messages, and
        those that `without` has are left out, because they were landed in another shape.

        Raises:
            Refused: git cannot do it, for instance because there is no common history.
        """
        if is_ancestor(self._git, work.tip, of=onto):
            return Applied(onto)
        if method == "cherry-pick":
            return self._pick(work.tip, onto=onto, without=without, by=by)
        base = self._below(work.tip, without) if method == "squash" else ""
        merged = (
            transplant(self._git, work.tip, onto=onto, base=base)
            if base
            else merge_trees(self._git, onto, work.tip)
        )
        if merged.conflicts:
            return Applied("", merged.conflicts)
        if method == "merge":
            message = merge_message(work)
            return Applied(self._commit(merged.tree, onto, work.tip, message=message, env=_both(by)))
        if merged.tree == tree_of(self._git, onto):
            return Applied(onto)
        return Applied(self._commit(merged.tree, onto, message=squash_message(work), env=_both(by)))

    def conflicts(self, work: Work) -> tuple[str, ...]:
        """The files in which the work is in conflict with the default branch as it is on the forge now."""
        return merge_trees(self._git, self._published.default(), work.tip).conflicts

    def _below(self, tip: str, without: Collection[str]) -> str:
        """What the work at `tip` was built upon and is landed in another shape; empty when that is nothing.

        To git both sides have changed what that changed, each in a way of its own, and would be in conflict.
        """
        below = [commit for commit in without if is_ancestor(self._git, commit, of=tip)]
        if not below:
            return ""
        try:
            return joined(self._git, [(commit[:12], commit) for commit in below], tried="looking below work")
        except Refused:
            return below[-1]

    def _pick(self, tip: str, *, onto: str, without: Collection[str], by: Person) -> Applied:
        """The commits of `tip` one by one, without merges and without what changes nothing any more."""
        listed = self._git.run(
            *("rev-list", "--reverse", "--topo-order", "--no-merges", f"--max-count={PICKED + 1}"),
            *(tip, "--not", onto, *without),
            timeout=TIMEOUT,
        ).text.split()
        if len(listed) > PICKED:
            raise Refused(
                f"there are more than {PICKED} commits to pick",
                tried="picking the commits of a branch",
                fix="land it by --method merge or squash",
            )
        at = onto
        for commit in listed:
            done = transplant(self._git, commit, onto=at)
            if done.conflicts:
                return Applied("", done.conflicts)
            if done.tree != tree_of(self._git, at):
                env = {**self._author(commit), **_committer(by)}
                at = self._commit(done.tree, at, message=self._message(commit), env=env)
        return Applied(at)

    def push(self, commit: str, *, default: str, expected: str) -> None:
        """Move the default branch from the commit `expected` to `commit`, in one push.

        Raises:
            Refused: somebody else moved it meanwhile, or the forge does not take it; it is where it was.
            Unavailable: the forge did not answer, so it may have been moved.
        """
        head, tried = branch_ref(default), f"pushing {commit[:12]} to {default}"
        done = self._remote.run(
            *("push", "--quiet", "--porcelain", "--no-verify", f"--force-with-lease={head}:{expected}"),
            *(self._url, f"{commit}:{head}"),
            timeout=self._timeout,
            check=False,
        )
        if done.code == 0:
            return
        error = error_of(done)
        at = self._at(head, otherwise=error)
        if at == commit:
            return
        if at != expected:
            raise Refused(
                f"{default} was moved to {at[:12] or 'nowhere'} by somebody else meanwhile",
                code="CD462",
                tried=tried,
                fix="run the same command again: it begins with what is there now, and nothing was lost",
            )
        if isinstance(error, NotPermitted | Unavailable):
            raise error
        raise Refused(
            f"the forge does not take it: {error.message}",
            code="CD463",
            tried=tried,
            fix="a protected branch wants pull requests: cdock land --method pull",
        ) from error

    def _at(self, head: str, *, otherwise: CdockError) -> str:
        try:
            shown = self._remote.run("ls-remote", "--quiet", self._url, head, timeout=self._timeout).text
        except CdockError as error:
            raise otherwise from error
        return shown.split("\t")[0] if shown else ""

    def _commit(self, tree: str, *parents: str, message: str, env: Mapping[str, str]) -> str:
        lines = [word for parent in parents for word in ("-p", parent)]
        # By standard input: a message is as long as somebody likes.
        return self._git.run("commit-tree", tree, *lines, input=message.encode(), env=env).text

    def _message(self, commit: str) -> str:
        return self._git.run("log", "--no-walk", "--format=%B", commit).text

    def _author(self, commit: str) -> dict[str, str]:
        shown = self._git.run("log", "--no-walk", "--format=%an%n%ae%n%ad", "--date=raw", commit).text
        # An empty name is no name to git, and would stop the whole.
        name, email, date = [*shown.split("\n"), "", "", ""][:3]
        return {
            "GIT_AUTHOR_NAME": name.strip() or "unknown",
            "GIT_AUTHOR_EMAIL": email.strip() or "unknown@localhost",
            "GIT_AUTHOR_DATE": date,
        }


def _committer(person: Person) -> dict[str, str]:
    return {"GIT_COMMITTER_NAME": person.name, "GIT_COMMITTER_EMAIL": person.email}


def _both(person: Person) -> dict[str, str]:
    return {"GIT_AUTHOR_NAME": person.name, "GIT_AUTHOR_EMAIL": person.email, **_committer(person)}
