"""Claims as refs on the forge, moved by compare-and-swap: a push that names the commit it expects to replace."""

import logging
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from uuid import uuid4

from cdock.adapters.git.command import Git, Token, origin_of
from cdock.adapters.git.history import (
    Standing,
    drop_refs,
    refs_of,
    set_refs,
    standing_ref,
    standings,
)
from cdock.adapters.git.place import Place, branch_ref, ensure_bare
from cdock.adapters.git.probing import working_namespace
from cdock.adapters.git.pushing import Pushes, Step, positions
from cdock.adapters.git.unfinished import side_ref
from cdock.core.errors import CdockError, Refused
from cdock.core.policy import Policy
from cdock.core.record import dump_claim, load_claim
from cdock.core.task import Claim, Move

NAMESPACE = "refs/cdock/claims"
FALLBACK = "refs/heads/cdock-claims"
"""Branches, for a forge that takes no other refs."""
TIMEOUT = 60.0
_SEEN = "refs/cdock/seen"
_FETCH_LIMIT = 64 * 1024 * 1024
_TIDY_EVERY = 3600.0
_MANY = 100

log = logging.getLogger(__name__)


class GitClaims:
    """Claims of the repository at `url`; one ref per issue below `namespace`, and a cache of them on this machine.

    `timeout` is in seconds and bounds each method as a whole, repetitions included, up to the last reading back.
    """

    def __init__(
        self,
        place: Place,
        *,
        url: str,
        token: Token = "",
        policy: Policy | None = None,
        namespace: str = NAMESPACE,
        timeout: float = TIMEOUT,
    ) -> None:
        self._place = place
        self._url = url
        self._namespace = namespace
        self._policy = policy
        self._timeout = timeout
        self._local = Git(place.claims)
        self._remote = Git(place.claims, token=token, origin=origin_of(url))
        self._pushes = Pushes(self._remote, url=url, store=place.store, timeout=timeout)
        self._parsed: dict[tuple[str, str], Claim | None] = {}
        self._tidied = time.monotonic()
        self._loose = 0

    def list(self) -> tuple[Claim, ...]:
        """All claims that can be read. Others are logged; they stay, and keep anybody from claiming their issue."""
        with self._place.lock("claims", timeout=self._timeout):
            self._prepare()
            try:
                self._read()
            except Refused as error:
                if not self._is_broken():
                    raise
                log.warning(
                    "the copy of the claims is broken and is made anew", extra={"error": error.message}
                )
                shutil.rmtree(self._place.claims)
                self._parsed.clear()
                self.__dict__.pop("_empty_tree", None)
                self._prepare()
                self._read()
            return tuple(sorted((claim for claim in self._parsed.values() if claim), key=lambda c: c.issue))

    def _read(self) -> None:
        """Bring our copy up to date; only what is new in it is parsed."""
        self._remote.run(
            *("fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", self._url),
            f"+{self._namespace}/*:{_SEEN}/*",
            timeout=self._timeout,
            max_file=_FETCH_LIMIT,
        )
        shown = refs_of(self._local, f"{_SEEN}/").items()
        there = {(ref.removeprefix(f"{_SEEN}/"), oid) for ref, oid in shown}
        new = sorted(there - self._parsed.keys())
        texts = self._texts([oid for _, oid in new])
        parsed = {seen: self._parsed[seen] for seen in there & self._parsed.keys()}
        for name, oid in new:
            parsed[name, oid] = self._parse(name, oid=oid, text=texts[oid])
        self._parsed = parsed
        self._tidy(moved=len(new))

    def _is_broken(self) -> bool:
        """Whether it is our copy that stands in the way: cut short by a power cut, or locked by a git that died."""
        old = time.time() - self._timeout
        for lock in self._place.claims.rglob("*.lock"):
            with suppress(FileNotFoundError):
                if lock.stat().st_mtime < old:
                    return True
        return self._local.run("fsck", "--connectivity-only", "--no-dangling", check=False).code != 0

    def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
        """Move the claim from `expected` to a new commit, or delete it. Deleting one that is gone is no error.

        With the claim goes the unfinished work that is kept beside it.
        """
        self._prepare()
        new = self._commits([claim])[0] if claim else ""
        step = Step(self._ref(issue), expected, new)
        if claim is None:
            side = self._side(issue)
            # Looked for on the forge, because it may have been left there by a holder before us.
            there = positions(self._remote, self._url, [side], timeout=self._timeout).get(side, "")
            step = replace(step, side=side, side_known=there) if there else step
        done = self._pushes.push([step])[step.ref]
        if isinstance(done, CdockError):
            raise done
        return new

    def publish(self, moves: Sequence[Move]) -> Mapping[int, str | CdockError]:
        """See `Claims`."""
        if not moves:
            return {}
        self._prepare()
        with_work = any(move.branch or move.unfinished for move in moves)
        known = standings(Git(self._place.store)) if with_work else {}
        # New commits for claims of the same content too, because an unmoved claim is not sent and would fence nothing.
        commits = self._commits([move.claim for move in moves])
        steps = [
            self._step(move, new, known.get(move.claim.task.id.name, Standing()))
            for move, new in zip(moves, commits, strict=True)
        ]
        results = self._pushes.push(steps)
        done = [results[step.ref] for step in steps]
        made = [(move, step) for move, step in zip(moves, done, strict=True) if isinstance(step, Step)]
        self._note(made)
        return {
            move.claim.issue: step.new if isinstance(step, Step) else step
            for move, step in zip(moves, done, strict=True)
        }

    def _step(self, move: Move, new: str, standing: Standing) -> Step:
        step = Step(self._ref(move.claim.issue), move.claim.oid, new)
        if move.branch:
            step = replace(
                step,
                branch=branch_ref(move.branch),
                known=standing.pushed,
                commit=move.commit,
                rewritten=move.rewritten,
                worktree=str(self._place.worktree(move.claim.task.id)),
            )
        # Work that is published with nothing unfinished on top leaves nothing of before either.
        if move.unfinished or (move.branch and standing.kept):
            step = replace(
                step,
                side=self._side(move.claim.issue),
                side_known=standing.kept or None,
                side_commit=move.unfinished,
            )
        return step

    def _note(self, made: Sequence[tuple[Move, Step]]) -> None:
        """These commits are published now, so they may be shown to containers and be built upon there.

        A failure changes nothing of what was moved; the branch is then read back when it is published again.
        """
        store: dict[str, str] = {}
        mirror: dict[str, str] = {}
        gone: list[str] = []
        for move, step in made:
            task = move.claim.task.id
            kept, shown = standing_ref("wip-pushed", task), standing_ref("wip", task)
            if move.branch:
                store[standing_ref("pushed", task)] = mirror[standing_ref("pushed", task)] = move.commit
            if step.side_commit:
                store[kept] = mirror[shown] = step.side_commit
            elif move.unfinished:
                log.warning(
                    "the forge does not take unfinished work, which stays on this machine only",
                    extra={"task": str(task), "commit": move.unfinished},
                )
            elif move.branch:
                gone.append(kept)
        if not store:
            return
        try:
            with self._place.lock("store"):
                Git(self._place.mirror).run(
                    *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", str(self._place.store)),
                    *(f"+{commit}:{ref}" for ref, commit in mirror.items()),
                )
            set_refs(Git(self._place.store), store)
            if gone:
                drop_refs(Git(self._place.store), *gone)
        except CdockError as error:
            log.warning(
                "published commits are not noted yet",
                extra={"tasks": [str(move.claim.task.id) for move, _ in made], "error": error.message},
            )

    def probe(self) -> str:
        """Where this forge can hold claims: our own namespace, or else branches; tried out on a throw-away ref.

        Raises:
            Refused: neither will do.
            NotPermitted: this token may not push at all.
            Unavailable: the forge did not answer, so nothing is known.
        """
        self._prepare()
        namespaces = dict.fromkeys((self._namespace, FALLBACK))
        return working_namespace(tuple(namespaces), local=self._local, remote=self._remote, url=self._url)

    def _ref(self, issue: int) -> str:
        return f"{self._namespace}/{issue}"

    def _side(self, issue: int) -> str:
        return side_ref(self._namespace, issue)

    def _commits(self, claims: Sequence[Claim]) -> Sequence[str]:
        """A commit without parent or files for each claim; a push without lease can then never pass."""
        head = f"tree {self._empty_tree}\n" + "".join(
            f"{role} cdock <cdock@localhost> {int(time.time())} +0000\n" for role in ("author", "committer")
        )
        # One git for all of them: a thousand heartbeats would be a thousand processes.
        with tempfile.TemporaryDirectory(prefix=".claims.", dir=self._place.claims.parent) as scratch:
            paths = [Path(scratch) / str(number) for number in range(len(claims))]
            for path, claim in zip(paths, claims, strict=True):
                text = dump_claim(replace(claim, oid=""), nonce=uuid4().hex, policy=self._policy)
                path.write_text(f"{head}\n{text}", encoding="utf-8")
            listed = "".join(f"{path}\n" for path in paths).encode()
            return self._local.run(
                "hash-object", "-t", "commit", "-w", "--stdin-paths", input=listed
            ).text.split()

    @cached_property
    def _empty_tree(self) -> str:
        return self._local.run("mktree").text

    def _texts(self, oids: Sequence[str]) -> dict[str, str]:
        """The messages of commits; those of anything else are empty.

        Raises:
            Refused: one is not there.
        """
        if not oids:
            return {}
        asked = "".join(f"{oid}\n" for oid in oids).encode()
        rest, texts = self._local.run("cat-file", "--batch", input=asked).out, {}
        while rest:
            head, _, rest = rest.partition(b"\n")
            oid, kind, *size = head.decode().split()
            if not size:
                raise Refused(f"the claim {oid} is {kind} in {self._place.claims}", tried="reading claims")
            content, rest = rest[: int(size[0])], rest[int(size[0]) + 1 :]
            message = content.partition(b"\n\n")[2] if kind == "commit" else b""
            texts[oid] = message.decode(errors="replace")
        return texts

    def _parse(self, name: str, *, oid: str, text: str) -> Claim | None:
        try:
            claim = load_claim(text.strip(), oid=oid)
            if str(claim.issue) != name:
                raise ValueError(f"issue: it says {claim.issue}")
        except ValueError as error:
            log.warning(
                "a claim cannot be read and is left alone",
                extra={"ref": f"{self._namespace}/{name}", "oid": oid, "error": str(error)},
            )
            return None
        return claim

    def _prepare(self) -> None:
        ensure_bare(self._place.claims)

    def _tidy(self, *, moved: int) -> None:
        """Every heartbeat is a commit; forget those of which nothing is left but the memory.

        `moved` claims were read anew, each from a file of its own; many of those make git slow.
        """
        self._loose += moved
        if self._loose > _MANY:
            self._loose = 0
            self._local.run("pack-refs", "--all")
        if time.monotonic() - self._tidied > _TIDY_EVERY:
            self._tidied = time.monotonic()
            # Younger ones may be on their way to the forge in another thread.
            self._local.run("prune", "--expire=1.hour.ago")
