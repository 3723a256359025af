"""Ending tasks for good, claimed or not, by the poller that runs or in this process; perhaps with one that is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from cdock.cli.members import Member, of_forge, of_mirror, of_queue
from cdock.cli.tasks import parsed_id, read_mirror
from cdock.core.errors import Refused, Unavailable

if TYPE_CHECKING:
    from cdock.ports import Forge
    from cdock.wiring import Site


@dataclass(frozen=True)
class Yard:
    """A clone and its forge; `away` is why that does not answer."""

    here: "Site"
    forge: "Forge"
    unclaimed: tuple[Member, ...]
    away: Unavailable | None = None


def look(here: "Site") -> Yard:
    """The issues that nobody has claimed: as the forge shows them, or while it is away as the poller saw them last."""
    from cdock.wiring import credential, forge

    connection = forge(here, by=credential(here))
    try:
        return Yard(here, connection, of_forge(connection, here.settings))
    except Unavailable as error:
        return Yard(here, connection, of_queue(read_mirror(here.clone.state)), error)


def end(
    yard: Yard,
    members: Sequence[Member],
    *,
    reasons: Mapping[int, str],
    timeout: float,
    picked: Member | None = None,
) -> int:
    """End the members, and have the picked one go on; returns when both are done. The exit code.

    `reasons` are told on the issues of claimed ones, by number; `timeout` is how many seconds a running poller gets.

    Raises:
        Refused: one may be an issue by now and is not seen as such, or it did not come to its end.
        Unavailable: some that nobody has claimed are still open; or the poller took too long. All wishes are kept.
    """
    from cdock.adapters.files.poller import only_poller, poller_runs
    from cdock.cli.carrying import carry_out, end_runs
    from cdock.cli.outgoing import because
    from cdock.core.wishes import WishKind

    here, state = yard.here, yard.here.clone.state
    _take_back(here, members)
    ending = _Ending(yard, reasons)
    if picked and picked.task:
        ending.wish(WishKind.PICK, picked)
    for member in members:
        if member.task:
            ending.wish(WishKind.DROP, member)
    open_ = [member.issue for member in members if member.issue and not member.task]
    if yard.away is None:
        for number in open_:
            yard.forge.ensure_closed(number, dropped=True)
    if poller_runs(state):
        ending.wait({member.issue for member in members} - {0}, limit=timeout)
    elif ending.claimed:
        try:
            with only_poller(state):
                carry_out(here, issues=ending.claimed, wishes=ending.wishes)
        except Unavailable as error:
            ended = [parsed_id(task) for number, task in ending.claimed.items() if number in reasons]
            count = end_runs(here, ended)
            click.echo(
                f"ended {count} runs; {because(error)}: the wishes are kept, and `cdock run` does the rest",
                err=True,
            )
            return error.exit_code
    if open_ and yard.away:
        raise Unavailable(
            f"{len(open_)} that nobody has claimed are still open: {because(yard.away)}",
            tried=f"closing {', '.join(f'#{number}' for number in open_)}",
            fix="the same command again, when the forge is back",
        )
    return 0


class _Ending:
    """The wishes that were made, and for which tasks of the mirror."""

    def __init__(self, yard: Yard, reasons: Mapping[int, str]) -> None:
        self._here = yard.here
        self._reasons = reasons
        self.claimed: dict[int, dict[str, Any]] = {}
        self.wishes: set[str] = set()

    def wish(self, kind: Any, member: Member) -> None:
        from cdock.cli import wishing

        task = self.claimed[member.issue] = dict(member.task or {})
        text = self._reasons.get(member.issue, "")
        self.wishes.add(wishing.wish(self._here.clone.state, kind, task, text).id)

    def wait(self, issues: set[int], *, limit: float) -> None:
        """Until the poller has granted them all. One that was just being claimed is ended like the others."""
        from cdock.cli import wishing
        from cdock.core.wishes import WishKind

        state = self._here.clone.state

        def ended() -> bool:
            for member in of_mirror(read_mirror(state)):
                if member.issue in issues and member.issue not in self.claimed:
                    self.wish(WishKind.DROP, member)
            return not any(self._here.wishes.waits(wish) for wish in self.wishes)

        wishing.wait(state, "end of the tasks", ended, limit=limit)


def _take_back(here: "Site", members: Sequence[Member]) -> None:
    """Forget what was not sent yet. What may have arrived is left to `cdock sync`, which knows how to find out.

    Raises:
        Refused: there is such; nothing was forgotten.
    """
    ops, issues = {member.op for member in members if member.op}, {member.issue for member in members} - {0}
    kept = [entry for entry in here.outbox.list() if entry.op in ops or entry.number in issues]
    for entry in kept:
        if entry.tries and not entry.number:
            raise Refused(
                f"{entry.name} may be an issue by now",
                code="CD506",
                tried=f"taking back {entry.title!r}, which was sent and not answered",
                fix="`cdock sync` finds out, or drops it with --drop; then the same command again",
            )
    for entry in kept:
        here.outbox.remove(entry.op)
