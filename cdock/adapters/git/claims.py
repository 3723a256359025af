"""Claims as refs on the forge, moved by compare-and-swap: a push that names the commit it expects to replace."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from uuid import uuid4

from cdock.adapters.git.command import Git, error_of, origin_of
from cdock.adapters.git.history import Standing, is_ancestor, set_refs, standing_ref, standings
from cdock.adapters.git.place import Place, branch_ref, ensure_bare
from cdock.core.errors import CdockError, ClaimLost, NotPermitted, Refused, Unavailable
from cdock.core.ids import TaskId
from cdock.core.model import Claim, Move
from cdock.core.policy import Policy
from cdock.core.record import dump_claim, load_claim

NAMESPACE = "refs/cdock/claims"
TRIES = 4
CONTESTED = 8
"""Tries of a push that the forge turned down although nothing moved: somebody else holds the ref's lock just now."""
TIMEOUT = 60.0
LOOK = 5.0
"""Seconds for reading back after a push, even when the push took all of its time: the answer may be there."""
_SEEN = "refs/cdock/seen"
_PAUSE = 0.1
_LONGEST_PAUSE = 1.6
_FETCH_LIMIT = 64 * 1024 * 1024
_TIDY_EVERY = 3600.0

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
        token: str = "",
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
        self._parsed: dict[str, Claim | None] = {}
        self._tidied = time.monotonic()

    def list(self) -> tuple[Claim, ...]:
        """All claims that can be read. Others are logged; they stay, and keep anybody from claiming their issue."""
        with self._place.lock("claims", timeout=self._timeout):
            self._prepare()
            self._remote.run(
                *("fetch", "--quiet", "--prune", "--no-tags", "--no-write-fetch-head", self._url),
                f"+{self._namespace}/*:{_SEEN}/*",
                timeout=self._timeout,
                max_file=_FETCH_LIMIT,
            )
            shown = self._local.run(
                "for-each-ref", "--format=%(refname)%00%(objectname)%00%(contents)%00", f"{_SEEN}/"
            )
            self._tidy()
        fields = shown.out.decode(errors="replace").split("\0")
        found = zip(fields[0::3], fields[1::3], fields[2::3], strict=False)
        claims = {oid: self._parse(ref.strip(), oid=oid, text=text) for ref, oid, text in found}
        self._parsed = claims
        return tuple(sorted((c for c in claims.values() if c), key=lambda c: c.issue))

    def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
        """Move the claim from `expected` to a new commit, or delete it. Deleting one that is gone is no error."""
        self._prepare()
        ref = f"{self._namespace}/{issue}"
        new = self._commit(claim) if claim else ""
        self._push({ref: (expected, new)}, claim_ref=ref)
        return new

    def publish(self, moves: Sequence[Move]) -> Mapping[int, str | CdockError]:
        """See `Claims`."""
        done: dict[int, str | CdockError] = {}
        for move in moves:
            claim = move.claim
            try:
                if move.branch:
                    done[claim.issue] = self._publish(
                        expected=claim.oid, claim=claim, branch=move.branch, commit=move.commit
                    )
                else:
                    done[claim.issue] = self.swap(claim.issue, expected=claim.oid, claim=claim)
            except CdockError as error:
                done[claim.issue] = error
        return done

    def _publish(self, *, expected: str, claim: Claim, branch: str, commit: str) -> str:
        """Move claim and branch together; the branch moves forward only.

        Raises `Refused` when the branch on the forge has commits that `commit` does not contain.
        """
        self._prepare()
        store = Git(self._place.store)
        ref, head = f"{self._namespace}/{claim.issue}", branch_ref(branch)
        known = standings(store, claim.task.id.name).get(claim.task.id.name, Standing()).pushed
        # A second commit of the same content, because an unmoved claim is not sent and would fence nothing.
        new = self._commit(claim)
        borrow = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": str(self._place.store / "objects")}
        for _ in range(TRIES):
            if known and not is_ancestor(store, known, of=commit):
                raise Refused(
                    f"{branch} is at {known[:12]} on the forge, which the work of {claim.task.id} does not contain",
                    tried=f"pushing {branch}",
                    fix=f"merge by hand in {self._place.worktree(claim.task.id)}, or delete {branch} on the forge",
                )
            seen = self._push({ref: (expected, new), head: (known, commit)}, claim_ref=ref, env=borrow)
            if seen is None:
                self._note_pushed(claim.task.id, commit)
                return new
            # Ours may have arrived before a crash kept us from noting it; a deleted branch is made again.
            known = seen[head]
        raise Unavailable(f"{branch} kept moving on the forge", tried=f"pushing {branch}")

    def _note_pushed(self, task: TaskId, commit: str) -> None:
        """The commit is published now, so it may be shown to containers and be built upon there."""
        with self._place.lock("store"):
            Git(self._place.mirror).run(
                *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head"),
                *(str(self._place.store), f"+{commit}:{standing_ref('pushed', task)}"),
            )
        set_refs(Git(self._place.store), {standing_ref("pushed", task): commit})

    def _push(
        self, moves: Mapping[str, tuple[str, str]], *, claim_ref: str, env: Mapping[str, str] | None = None
    ) -> Mapping[str, str] | None:
        """Push all `moves` (ref to expected and new commit) or none; None when done.

        Otherwise the claim did not move but another ref is not where it was expected: where all of them are.
        What git prints never decides: losers of a race see several texts, and a lost answer looks like an outage.
        """
        expected, new = moves[claim_ref]
        tried = f"moving {claim_ref}"
        limit = time.monotonic() + self._timeout
        for turn in range(CONTESTED):
            failed = self._try_push(moves, env=env, timeout=max(1.0, limit - time.monotonic()))
            if failed is None:
                return None
            failure = failed
            seen = self._look(tuple(moves), timeout=max(LOOK, limit - time.monotonic()))
            at = seen.get(claim_ref)
            if at == new:
                return None
            if at and at != expected:
                raise ClaimLost(
                    f"{claim_ref} is at {at[:12]}, not at {expected[:12] or 'nothing'}", tried=tried
                )
            if seen and any(seen[ref] != old for ref, (old, _) in moves.items() if ref != claim_ref):
                return seen
            # Seen twice to be absent, so that one lagging answer does not make us give up what is ours.
            gone = at == "" and bool(expected) and turn > 0
            last = CONTESTED if isinstance(failure, Refused) else TRIES
            if gone or isinstance(failure, NotPermitted) or turn + 1 >= last or time.monotonic() > limit:
                break
            time.sleep(min(_PAUSE * 2**turn, _LONGEST_PAUSE))
        if gone:
            raise ClaimLost(f"{claim_ref} was deleted", tried=tried)
        raise failure

    def _try_push(
        self, moves: Mapping[str, tuple[str, str]], *, env: Mapping[str, str] | None, timeout: float
    ) -> CdockError | None:
        try:
            done = self._remote.run(
                *("push", "--quiet", "--porcelain", "--no-verify", "--atomic"),
                *(f"--force-with-lease={ref}:{old}" for ref, (old, _) in moves.items()),
                self._url,
                *(f"{oid}:{ref}" for ref, (_, oid) in moves.items()),
                env=env,
                timeout=timeout,
                check=False,
            )
        except Unavailable as error:
            return error
        return error_of(done) if done.code else None

    def _look(self, refs: tuple[str, ...], *, timeout: float) -> dict[str, str]:
        """Where each ref is on the forge, empty where it is absent; no answer at all when the forge cannot be read."""
        try:
            shown = self._remote.run("ls-remote", "--quiet", self._url, *refs, timeout=timeout).text
        except CdockError as error:
            log.info("the claim cannot be read back", extra={"refs": refs, "error": str(error)})
            return {}
        there = dict(line.split("\t", 1)[::-1] for line in shown.splitlines() if "\t" in line)
        return {ref: there.get(ref, "") for ref in refs}

    def _commit(self, claim: Claim) -> str:
        """A commit without parent or files that holds the claim; a push without lease can then never pass."""
        text = dump_claim(replace(claim, oid=""), nonce=uuid4().hex, policy=self._policy)
        return self._local.run("commit-tree", self._empty_tree, input=text.encode()).text

    @cached_property
    def _empty_tree(self) -> str:
        return self._local.run("mktree").text

    def _parse(self, ref: str, *, oid: str, text: str) -> Claim | None:
        if oid in self._parsed:
            return self._parsed[oid]
        issue = ref.removeprefix(f"{_SEEN}/")
        try:
            claim = load_claim(text.strip(), oid=oid)
            if str(claim.issue) != issue:
                raise ValueError(f"issue: it says {claim.issue}")
        except ValueError as error:
            log.warning(
                "a claim cannot be read and is left alone",
                extra={"ref": f"{self._namespace}/{issue}", "oid": oid, "error": str(error)},
            )
            return None
        return claim

    def _prepare(self) -> None:
        ensure_bare(self._place.claims)

    def _tidy(self) -> None:
        """Every heartbeat is a commit; forget those of which nothing is left but the memory."""
        if time.monotonic() - self._tidied > _TIDY_EVERY:
            self._tidied = time.monotonic()
            # Younger ones may be on their way to the forge in another thread.
            self._local.run("prune", "--expire=1.hour.ago")
