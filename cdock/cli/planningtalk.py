"""A plan that is talked about at the terminal: what the agent says and does is shown, what changes is kept."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from cdock.cli.console import clean, data, talk
from cdock.core.errors import Refused
from cdock.core.planning.drafts import Draft, Stand

if TYPE_CHECKING:
    from cdock.core.events import Event
    from cdock.core.planning.document import Plan
    from cdock.core.planning.proposal import Proposal
    from cdock.reconciler.conversing import Table
    from cdock.reconciler.house import House

ALONE = (
    "Nobody is there to answer questions. Decide what is open yourself, say what you decided, and propose the whole "
    "plan now."
)
"""What is said to an agent that asks where no person is."""
PUSHES = 2
"""How often it is said."""


class Talk:
    """A draft with the agent it is talked about with. `draft` is always as it is kept."""

    def __init__(self, table: "Table", draft: Draft) -> None:
        self.table = table
        self.draft = draft

    def say(self, words: str) -> "Proposal":
        """Say something to the agent, and show what it does meanwhile; its answer.

        Raises:
            Refused: the agent failed, or the plan is on the forge already.
            Unavailable: its provider is away.
        """
        from cdock.reconciler.conversing import begun, converse

        self.look_again()
        if not self.draft.plan.title:
            # The conversation began without a goal: these words are it.
            goal = begun(self.table, words, agent=self.draft.agent)
            self.draft = replace(goal, id=self.draft.id)
        try:
            with watched(self.draft.agent) as on_event:
                self.draft, proposal = converse(self.table, self.draft, words, on_event=on_event)
        finally:
            # Also after an interruption: what was said is in it.
            self.look_again()
        return proposal

    def look_again(self) -> None:
        """Take the draft as it is kept now; another command may have changed it."""
        kept = self.table.plans.list()
        self.draft = next((draft for draft in kept if draft.id == self.draft.id), self.draft)

    def change(self, plan: "Plan", what: str) -> None:
        """Keep another plan in place of the present one, which a person changed by hand; `what` is told the agent.

        Raises:
            Refused: it is on the forge already.
        """
        from cdock.reconciler.planwords import PERSON

        self.require_open()
        turns = (*self.draft.turns, (PERSON, f"By hand: {what}"))
        self.draft = replace(self.draft, plan=plan, turns=turns, stand=Stand.TALK)
        self.table.plans.put(self.draft)

    def require_open(self) -> None:
        """Raise `Refused` where it is too late to change anything."""
        from cdock.reconciler.conversing import require_open

        self.look_again()
        require_open(self.draft)

    def require_plan(self) -> "Plan":
        """The plan, once there is one."""
        if not self.draft.plan.tasks:
            raise Refused("there is no plan yet", code="CD495", fix="say what you want, or answer the agent")
        return self.draft.plan

    def propose(self, goal: str) -> "Proposal":
        """Have a plan proposed without anybody who answers questions.

        Raises:
            Refused: the agent proposes none, however often it is told.
        """
        proposal = self.say(goal)
        for _ in range(PUSHES):
            if self.draft.plan.tasks:
                return proposal
            proposal = self.say(ALONE)
        if self.draft.plan.tasks:
            return proposal
        raise Refused(
            f"{self.draft.agent} proposed no plan: {clean(proposal.say)[:300]}",
            code="CD495",
            tried=f"asking for one {PUSHES + 1} times",
            fix=f"answer it: `cdock orchestrate --resume {str(self.draft.id)[:8]}`",
        )


def table_of(house: "House") -> "Table":
    """What of a house it takes to talk."""
    from cdock.reconciler.conversing import Table

    return Table(
        runner=house.runner,
        workspaces=house.workspaces,
        locks=house.locks,
        plans=house.plans,
        ledger=house.ledger,
        prompts=house.prompts,
        clock=house.clock,
        ids=house.ids,
        policy=house.policy,
        agents=house.agents,
        agent_settings=house.agent_settings,
        secrets=house.secrets,
    )


def forget_published(table: "Table") -> None:
    """Remove what agents remember of talks whose plans are published; nobody goes on with those."""
    from cdock.reconciler.conversing import forget_talk

    for draft in table.plans.list():
        if draft.stand is Stand.PUBLISHED and draft.session:
            forget_talk(table, draft)
            table.plans.put(replace(draft, session=""))


@contextmanager
def watched(name: str) -> "Iterator[Callable[[Event], None]]":
    """Something that says what the agent does while it does it: one line at a terminal, else a line each."""
    console = talk()
    if not console.is_terminal:

        def tell(event: "Event") -> None:
            if event.kind in ("tool", "note", "error"):
                console.print(f"  {clean(event.text)}", markup=False, soft_wrap=True)

        yield tell
        return
    from rich.text import Text

    def line(what: str) -> Text:
        return Text(f"{name}: {clean(what)}"[: max(console.width - 4, 20)], style="dim", no_wrap=True)

    with console.status(line("thinks")) as status:
        yield lambda event: status.update(line(event.text))


def show_words(text: str) -> None:
    """Print what an agent says: its lines and lists as they are, and nothing a terminal would obey."""
    from rich.text import Text

    console = data()
    for line in text.strip().split("\n"):
        indent = min(len(line) - len(line.lstrip(" ")), 12)
        console.print(Text(" " * indent + clean(line)))


def show_plan(plan: "Plan") -> None:
    """Print the plan as a tree with a number in front of each task."""
    from cdock.cli.planningchanges import places_of
    from cdock.cli.plantree import tree_of

    data().print(tree_of(plan, numbers={}, places=places_of(plan)), soft_wrap=True)
