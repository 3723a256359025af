"""What is said to an agent that plans, and what is said of one that could not answer."""

from cdock.core.errors import NotPermitted, Refused, Unavailable
from cdock.core.events import Ending
from cdock.core.planning.drafts import Draft
from cdock.core.planning.proposal import json_of, schema
from cdock.core.runs import Verdict
from cdock.ports import Prompts

PERSON, AGENT = "person", "agent"
"""Who says something, in the turns of a draft."""


def prompt_of(prompts: Prompts, draft: Draft, *, resumed: bool, lesson: str) -> str:
    """In a conversation that goes on what is new, and how the plan stands; in a new one all that was said."""
    if resumed:
        message = "" if lesson else "\n\n".join((*_unanswered(draft), *_standing(draft)))
        return prompts.fill("plan-again", {"message": message, "lesson": lesson})
    title, goal = draft.plan.title, draft.plan.goal
    # The goal is what was said first, until a plan puts it into other words.
    turns = draft.turns[1:] if draft.turns[0] == (PERSON, goal) else draft.turns
    said = [{"author": _AUTHORS.get(who, who), "text": words} for who, words in turns]
    said += [{"author": "cdock", "text": words} for words in _standing(draft)]
    task = {"title": title, "description": goal.removeprefix(title).strip()}
    return prompts.fill("plan", {"task": task, "said": said, "lesson": lesson, "schema": schema()})


_AUTHORS = {PERSON: "The person", AGENT: "You"}


def _unanswered(draft: Draft) -> tuple[str, ...]:
    """What the person said since the agent's last answer: a turn that was interrupted may not have reached it."""
    since = max((number for number, (who, _) in enumerate(draft.turns, start=1) if who == AGENT), default=0)
    return tuple(words for _, words in draft.turns[since:])


def _standing(draft: Draft) -> tuple[str, ...]:
    """The plan as it is now, for the person may have changed it by hand; nothing before there is one."""
    if not draft.plan.tasks:
        return ()
    return (f"The plan as it stands now, with all that was changed by hand:\n{json_of(draft.plan)}",)


def trouble(name: str, verdict: Verdict, text: str) -> Refused | Unavailable:
    """Why the agent `name` gave no answer; `text` are its words about it."""
    tried = f"talking to {name}; what you said is kept"
    match verdict.kind:
        case Ending.AUTH:
            fix = "see to its credential, then say it again"
            return NotPermitted(f"{name}: its provider refused the credential: {text}", tried=tried, fix=fix)
        case Ending.LIMITED:
            until = f" until {verdict.until:%H:%M} UTC" if verdict.until else ""
            return Unavailable(
                f"{name}: the usage limit is reached{until}", tried=tried, fix="wait for its end"
            )
        case Ending.UNAVAILABLE | Ending.STOPPED:
            return Unavailable(f"{name}: {text}", tried=tried, fix="say it again")
        case Ending.CAPPED:
            fix = "say it again, or raise the limit below [agent] in cdock.toml"
            return Refused(f"{name} reached a limit: {text}", code="CD493", tried=tried, fix=fix)
        case _:
            return Refused(
                f"{name} failed: {text}", code="CD494", tried=tried, fix="say it again, in other words"
            )
