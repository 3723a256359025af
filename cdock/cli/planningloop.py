"""The conversation of `cdock orchestrate`: words go to the agent, commands change, show and publish the plan."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cdock.cli.console import clean, talk
from cdock.cli.planningchanges import alone, dropped, named, ordered, rewritten
from cdock.cli.planningtalk import Talk, show_plan, show_words
from cdock.cli.planningwords import Said, help_lines, said_in
from cdock.core.errors import CdockError, Misconfigured

if TYPE_CHECKING:
    from cdock.cli.planninginput import Asking
    from cdock.core.planning.document import Plan, PlanTask


@dataclass
class Loop:
    """One conversation of a person. `publish` asks and publishes; it says whether that ended the conversation."""

    start: Path
    talk: Talk
    asking: "Asking"
    publish: Callable[[Talk], bool]

    def run(self, first: str = "") -> int:
        """Talk until the person leaves or the plan is published; `first` is said before anybody is asked."""
        words: str | None = first
        while words is not None:
            try:
                if words.strip() and self._take(words, literally=words is first):
                    return 0
            except CdockError as error:
                _complain(error)
            except (KeyboardInterrupt, click.Abort):
                _note("stopped; what you said is kept")
            words = self._next()
        self._leave()
        return 0

    def _next(self) -> str | None:
        while True:
            try:
                return self.asking.words()
            except KeyboardInterrupt:
                # At a prompt it only empties the line.
                continue

    def _take(self, words: str, *, literally: bool) -> bool:
        """Do what the words mean; whether that was the end."""
        said = Said("", words) if literally else said_in(words)
        if said.command == "quit":
            self._leave()
            return True
        if said.command == "publish":
            return self.publish(self.talk)
        doing: dict[str, Callable[[str], None]] = {
            "": self._say,
            "show": lambda _: show_plan(self.talk.require_plan()),
            "edit": self._edit,
            "drop": self._drop,
            "split": self._split,
            "order": self._order,
            "save": lambda _: _note(
                f"kept as {self._name}; `cdock orchestrate --resume {self._name}` goes on"
            ),
            "help": lambda _: click.echo("\n".join(help_lines())),
        }
        doing[said.command](said.rest)
        return False

    @property
    def _name(self) -> str:
        return str(self.talk.draft.id)[:8]

    def _leave(self) -> None:
        self.talk.look_again()
        if self.talk.draft.turns or self.talk.draft.plan.tasks:
            _note(f"kept as {self._name}; `cdock orchestrate --resume {self._name}` goes on")

    def _say(self, words: str) -> None:
        proposal = self.talk.say(words)
        show_words(proposal.say)
        if proposal.plan:
            show_plan(self.talk.draft.plan)
            _note("say what you want different, or /publish; /help lists what else there is")

    def _split(self, rest: str) -> None:
        task = self._one(rest.partition(" ")[0], usage="/split TASK [WORDS]")
        more = rest.partition(" ")[2].strip()
        self._say(
            f"Split the task `{task.key}` ({task.title}) into smaller ones that can each be reviewed by themselves"
            f"{f': {more}' if more else '.'} Leave the others as they are, apart from what depended on it."
        )

    def _drop(self, rest: str) -> None:
        plan = self.talk.require_plan()
        tasks = [named(plan, name) for name in rest.replace(",", " ").split()]
        if not tasks:
            raise _usage("/drop TASK…")
        self._changed(dropped(plan, tasks), f"took out {_names(tasks)}")

    def _order(self, rest: str) -> None:
        plan = self.talk.require_plan()
        groups = [[named(plan, name) for name in word.split(",") if name] for word in rest.split()]
        if sum(map(len, groups)) < 2:
            raise _usage("/order TASK TASK…, as in `/order 1 2,3 4`")
        said = ", then ".join(_names(group) for group in groups)
        self._changed(ordered(plan, groups), f"put in order {said}")

    def _edit(self, rest: str) -> None:
        from cdock.cli.planediting import edit, offered

        plan = self.talk.require_plan()
        self.talk.require_open()
        if not rest:
            edit(self.start, str(self.talk.draft.id))
            self.talk.look_again()
            if self.talk.draft.plan != plan:
                self._changed(self.talk.draft.plan, "changed the plan in an editor")
            return
        task = named(plan, rest)
        written, file = offered(alone(plan, task), called=f"{self._name}-{task.key}")
        if written is None:
            _note(f"nothing was changed; what you wrote is in {file}")
            return
        if written.tasks == alone(plan, task).tasks:
            _note("nothing was changed")
        else:
            self._changed(rewritten(plan, task, written), f"changed {task.key} in an editor")
        # Not before: where it cannot be used, what was written must not be lost.
        file.unlink()

    def _changed(self, plan: "Plan", what: str) -> None:
        self.talk.change(plan, what)
        show_plan(plan)

    def _one(self, name: str, *, usage: str) -> "PlanTask":
        if not name:
            raise _usage(usage)
        return named(self.talk.require_plan(), name)


def _names(tasks: "list[PlanTask]") -> str:
    return ", ".join(task.key for task in tasks)


def _usage(usage: str) -> Misconfigured:
    return Misconfigured(f"usage: {usage}", code="CD496", fix="`/show` numbers the tasks")


def _note(text: str) -> None:
    talk().print(text, style="dim", markup=False, soft_wrap=True)


def _complain(error: CdockError) -> None:
    console = talk()
    console.print(f"[{error.code}] {clean(error.message)}", style="red", markup=False, soft_wrap=True)
    if error.fix:
        console.print(f"  fix: {clean(error.fix)}", markup=False, soft_wrap=True)
