"""Make the issues of a plan on the forge: all of them, each once, however often this is interrupted and begun again.

Nothing is labelled as a plan before its parts are there, so that no poller takes half a plan for work: first come the
issues, through the outbox, then what connects them, the notes that say what each plan was broken down into, and at the
very end the label of the plan itself. Every step looks first and may be repeated; where it stands is kept on disk.

Only one process of a clone may publish at a time: whoever holds the lock of its poller.
"""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Protocol

from cdock.core import form
from cdock.core.errors import CdockError, Misconfigured, Refused, Unavailable
from cdock.core.issues import Issue, Watch
from cdock.core.outbox import Entry, State, new_issue
from cdock.core.planning.document import PlanTask, problems_of, staged
from cdock.core.planning.drafts import PARENT, Card, Draft, Stand
from cdock.core.planning.graph import in_order
from cdock.core.planning.planned import MARKER, Planned, PlannedTask, planned_note
from cdock.core.quoting import title_of
from cdock.ports import Board, Plans
from cdock.reconciler.delivering import Post, deliver_all

log = logging.getLogger("cdock")

FIRST_STATUS = "Todo"
"""How every task stands on the board of a new plan."""
LARGEST = 999_999_999
"""Stands for a number that is not known yet, when it is looked whether a text is short enough."""


class Press(Post, Protocol):
    """What publishing needs of a house."""

    @property
    def plans(self) -> Plans:
        """Where it is kept how far it came."""
        ...

    @property
    def board(self) -> Board | None:
        """Where it is shown beside, if anywhere."""
        ...


def publish(press: Press, draft: Draft) -> Draft:
    """Publish the whole draft, which is taken for approved; the draft as it is kept then.

    Raises:
        Unavailable: the forge is away, or something waits; what was made is kept, and a repetition goes on from there.
        Refused: a person has to act; so is `Misconfigured` for a plan that cannot be carried out.
    """
    *_, made = publishing(press, draft)
    return made


def publishing(press: Press, draft: Draft) -> Iterator[Draft]:
    """As `publish`, one step at a time, for whoever has other things to do between them."""
    if draft.stand is Stand.PUBLISHED:
        yield draft
        return
    publication = _Publication(press, draft)
    publication.check()
    for _ in publication.steps():
        yield publication.draft


class _Publication:
    """One publishing of a draft, which is kept up to date."""

    def __init__(self, press: Press, draft: Draft) -> None:
        self._press = press
        self._labels = press.policy.labels
        self._plan = staged(draft.plan) if not problems_of(draft.plan) else draft.plan
        self.draft = draft

    def check(self) -> None:
        """Raise `Misconfigured` before anything is written when the plan cannot be published as a whole."""
        if problems := problems_of(self.draft.plan):
            more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
            raise Misconfigured(
                f"the plan cannot be carried out: {problems[0].why}{more}",
                code="CD480",
                tried=f"publishing {self.draft.plan.title or 'a plan without a title'}",
                fix=f"change it: `cdock plan edit {str(self.draft.id)[:8]}`",
            )
        self._entry_of_plan()
        for task in self._plan.every():
            self._entry_of(task, plan=LARGEST, depends=(LARGEST,) * len(task.after))

    def steps(self) -> Iterator[None]:
        """Each writes at most one thing on the forge, or is the making of one issue."""
        self._keep(stand=Stand.APPROVED)
        yield
        for name in self._label_names():
            self._press.forge.ensure_label(name)
            yield
        if PARENT not in self.draft.numbers:
            self._make(PARENT, self._entry_of_plan())
            yield
        parent = self.draft.numbers[PARENT]
        yield from self._make_level(self._plan.tasks, parent)
        yield from self._connect(self._plan.tasks, parent)
        for task in reversed([task for task in self._plan.every() if task.tasks]):
            # The inner ones first: whoever finds a plan finds all that is in it.
            yield from self._show_whole(task.tasks, self.draft.numbers[task.key])
        yield from self._show_whole(self._plan.tasks, parent)
        # That of an inner plan is for the outer one to give, when it is its turn.
        self._press.forge.ensure_labels(parent, add=(self._labels.plan,), remove=())
        yield
        self._show_board(parent)
        self._keep(stand=Stand.PUBLISHED)
        log.info("plan published", extra={"issue": parent, "text": self.draft.plan.title})
        yield

    def _label_names(self) -> list[str]:
        stages = sorted({task.stage for task in self._plan.every()})
        return [*(self._labels.stage(stage) for stage in stages), self._labels.plan]

    def _keep(self, **changes: object) -> None:
        changed = replace(self.draft, **changes)  # type: ignore[arg-type]
        if changed != self.draft:
            self._press.plans.put(changed)
            self.draft = changed

    # Issues.

    def _make_level(self, tasks: tuple[PlanTask, ...], plan: int) -> Iterator[None]:
        """The issues of a level and of all below it, none before those it comes after."""
        by_key = {task.key: task for task in tasks}
        for key in in_order({task.key: task.after for task in tasks}):
            task = by_key[key]
            if key not in self.draft.numbers:
                depends = tuple(self.draft.numbers[before] for before in task.after)
                self._make(key, self._entry_of(task, plan=plan, depends=depends))
                yield
            if task.tasks:
                yield from self._make_level(task.tasks, self.draft.numbers[key])

    def _entry_of_plan(self) -> Entry:
        plan = self.draft.plan
        return self._entry(PARENT, plan.title, form.body_of(PlanTask(PARENT, plan.title, plan.goal)), ())

    def _entry_of(self, task: PlanTask, *, plan: int, depends: tuple[int, ...]) -> Entry:
        body = form.body_of(task, plan=plan, depends=depends)
        return self._entry(task.key, task.title, body, (self._labels.stage(task.stage),))

    def _entry(self, key: str, title: str, body: str, labels: Iterable[str]) -> Entry:
        try:
            return new_issue(
                self.draft.op(key),
                title=title_of(title),
                body=body,
                labels=labels,
                ready=False,
                # Not now: an issue that a former try made is looked for among those made since.
                now=self.draft.created_at,
            )
        except Misconfigured as error:
            where = f"task {key!r}" if key else "the goal of the plan"
            raise Misconfigured(
                f"{where}: {error.message}",
                code=error.code,
                tried=f"publishing {self.draft.plan.title}",
                fix=f"shorten it: `cdock plan edit {str(self.draft.id)[:8]}`",
            ) from error

    def _make(self, key: str, entry: Entry) -> None:
        """Have the issue made, and remember its number.

        Raises:
            Unavailable: it is not made yet, or nobody knows.
            Refused: the forge will not have it, or a person has to see to what waits before it.
        """
        outbox = self._press.outbox
        kept = self._kept(entry)
        trouble: CdockError | None = None
        if kept is None:
            outbox.put(entry)
        if kept is None or kept.waits:
            trouble = deliver_all(self._press).trouble
            kept = self._kept(entry)
        if kept is None:
            raise Refused(
                f"{entry.title}: it was dropped before it was delivered",
                code="CD481",
                tried=f"publishing {self.draft.plan.title}",
                fix="publish the plan again, or drop the whole plan",
            )
        if kept.state is State.PARKED:
            raise Refused(
                f"{entry.title}: {kept.error}",
                code="CD481",
                tried=f"publishing {self.draft.plan.title}",
                fix=kept.fix,
            )
        if kept.state is not State.DONE:
            raise trouble or Unavailable(
                f"{entry.title}: {kept.error or 'something said before it has to arrive first'}",
                tried=f"publishing {self.draft.plan.title}",
                fix="nothing: it goes on by itself when a poller runs, or by `cdock sync`",
            )
        self._keep(numbers={**self.draft.numbers, key: kept.number})

    def _kept(self, entry: Entry) -> Entry | None:
        return next((each for each in self._press.outbox.list() if each.op == entry.op), None)

    # What is between them.

    def _connect(self, tasks: tuple[PlanTask, ...], plan: int) -> Iterator[None]:
        forge, numbers = self._press.forge, self.draft.numbers
        issues = self._look([plan, *(numbers[task.key] for task in tasks)])
        if not issues[plan].open:
            raise Refused(
                f"#{plan} was closed before its plan was published",
                code="CD481",
                tried=f"publishing {self.draft.plan.title}",
                fix=f"open it again, or `cdock sync --drop {str(self.draft.id)[:8]}`",
            )
        for task in tasks:
            forge.ensure_part(issues[numbers[task.key]], of=plan)
            yield
            for key in task.after:
                forge.ensure_blocked(numbers[task.key], by=issues[numbers[key]])
                yield
            if task.tasks:
                yield from self._connect(task.tasks, numbers[task.key])

    def _look(self, numbers: Iterable[int]) -> dict[int, Issue]:
        labels = self._press.policy.labels
        watch = Watch(ready=labels.ready, help=labels.help_issue, held=frozenset(numbers))
        # What we made ourselves is known; after a restart this asks for it.
        shown = self._press.forge.look(watch, fresh=False)
        found = {issue.number: issue for issue in shown.issues if not issue.gone}
        if missing := sorted(watch.held - set(found)):
            raise Unavailable(
                f"the forge does not show #{missing[0]}, which belongs to the plan",
                tried=f"publishing {self.draft.plan.title}",
                fix=f"wait; or if it was deleted, `cdock sync --drop {str(self.draft.id)[:8]}`",
            )
        return found

    # That it is whole.

    def _show_whole(self, tasks: tuple[PlanTask, ...], plan: int) -> Iterator[None]:
        planned = Planned(
            tuple(
                PlannedTask(
                    key=task.key,
                    number=self.draft.numbers[task.key],
                    stage=task.stage,
                    after=task.after,
                    title=title_of(task.title),
                    nested=bool(task.tasks),
                )
                for task in tasks
            )
        )
        self._press.forge.ensure_comment(plan, marker=str(MARKER), body=planned_note(planned))
        yield

    def _show_board(self, parent: int) -> None:
        """Whoever keeps the plan going shows it again, so one that cannot be shown now is no failure."""
        board, tasks = self._press.board, self._plan.tasks
        if board is None:
            return
        try:
            issues = self._look([parent, *(self.draft.numbers[task.key] for task in tasks)])
            cards = [Card(issues[self.draft.numbers[task.key]], FIRST_STATUS, task.stage) for task in tasks]
            board.show(issues[parent], cards)
        except CdockError as error:
            log.info("board waits", extra={"issue": parent, "error": error.message, "fix": error.fix})
