"""What an issue says about how it is to be worked on: fields of its form, and labels.

Only a choice among what is configured, and limits that are lower than the configured ones: an issue never gives flags,
rights or more money.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from cdock.core.issues import Issue
from cdock.core.policy import Policy

_FIELD = re.compile(r"^### (?P<name>[^\n]{1,60})\n+(?P<value>[^\n]{1,100})$", re.M)
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/\[\]-]{0,99}")
_NAMES = {
    "agent": "agent",
    "model": "model",
    "most turns": "turns",
    "most cost": "cost",
    "most cost (us$)": "cost",
}
_LABELS = {"agent": "agent", "model": "model", "max-turns": "turns", "max-cost": "cost"}


@dataclass(frozen=True)
class Options:
    """How an issue wants to be worked on; empty or 0 where it does not say. `cost` is in US dollars."""

    agent: str = ""
    model: str = ""
    turns: int = 0
    cost: float = 0.0
    passed_over: tuple[str, ...] = ()
    """What it asks for and may not have, in words."""


def options_of(issue: Issue, policy: Policy) -> Options:
    """What the issue asks for and may have; what it may not have is left out. Labels come before the form."""
    said = dict(_said(issue))
    agent, model = said.get("agent", ""), said.get("model", "")
    known = not agent or agent in policy.agents
    allowed = not model or bool(_MODEL.fullmatch(model) and (not policy.models or model in policy.models))
    return Options(
        agent=agent if known else "",
        model=model if allowed else "",
        passed_over=(
            *([] if known else [f"agent {agent}"]),
            *([] if allowed else [f"model {model}"]),
        ),
        turns=int(_number(said.get("turns", ""))),
        cost=_number(said.get("cost", "")),
    )


def _said(issue: Issue) -> Iterator[tuple[str, str]]:
    for field in _FIELD.finditer(issue.body.replace("\r\n", "\n")):
        name, value = field["name"].strip().lower(), field["value"].strip()
        if name in _NAMES and value != "_No response_":
            yield _NAMES[name], value
    for label in sorted(issue.labels):
        name, _, value = label.partition(":")
        if value and name.lower() in _LABELS:
            yield _LABELS[name.lower()], value.strip()


def _number(text: str) -> float:
    """A limit in figures, 0 when it is none."""
    plain = text.strip().lstrip("$").strip()
    if not re.fullmatch(r"[0-9]{1,6}(?:\.[0-9]{1,4})?", plain, re.ASCII):
        return 0.0
    value = float(plain)
    return value if math.isfinite(value) else 0.0
