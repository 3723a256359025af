"""Which agents a clone uses, what they need of the environment, and what they cannot do."""

import os
from collections.abc import Mapping

from cdock.core.errors import Misconfigured, NotPermitted
from cdock.core.events import Capabilities
from cdock.settings import Settings
from cdock.wiring.site import Site

NEEDS: Mapping[str, tuple[str, ...]] = {
    "claude": ("anthropic",),
    "codex": ("openai",),
    "gemini": ("gemini",),
    "opencode": ("anthropic", "openai", "gemini"),
    "aider": ("anthropic", "openai", "gemini"),
}
"""The providers of an agent, any one of which will do; agents that are not here need none that we know of."""


def used(settings: Settings) -> frozenset[str]:
    """The agents that may come to work by themselves: the one that begins, and those that take over or review."""
    takers = {step.agent for step in settings.budget.escalation}
    named = {settings.agent.default, settings.handoff.agent, settings.pull.reviewer} | takers
    return frozenset(named - {""})


def providers(of: Site) -> frozenset[str]:
    """The providers of all agents that may be asked for."""
    settings = of.settings.agent
    there = used(of.settings) | (set(settings.names) & settings.model_fields_set)
    return frozenset(provider for name in there for provider in NEEDS.get(name, ()))


def credential_of(of: Site, name: str) -> str:
    """The variable with an agent's credential; empty for agents that need none.

    Raises:
        NotPermitted: there is none, or the agent would refuse to run as this user.
    """
    from cdock.adapters.docker.modelproxy import PROVIDERS

    if name not in NEEDS:
        return ""
    keys = [key for provider in NEEDS[name] for key in PROVIDERS[provider].keys]
    found = next((key for key in keys if of.env.get(key)), "")
    if not found:
        login = ", for instance CLAUDE_CODE_OAUTH_TOKEN from `claude setup-token`" if name == "claude" else ""
        raise NotPermitted(
            f"{name} has no credential",
            code="CD421",
            tried=f"looking at {', '.join(keys)}",
            fix=f"set one of them{login}",
        )
    local = of.settings.runner.kind == "local"
    if name == "claude" and local and os.geteuid() == 0 and not of.env.get("IS_SANDBOX"):
        raise NotPermitted(
            "claude refuses to work without asking as root",
            code="CD422",
            tried="looking at the user who would run it",
            fix="run cdock as another user, or in containers; in a throw-away machine set IS_SANDBOX=1",
        )
    return found


def require_agents(of: Site, can: Mapping[str, Capabilities]) -> None:
    """All that may come to work by themselves have what they need, and can keep to what is configured.

    Raises:
        NotPermitted: one has no credential.
        Misconfigured: one is not known here, or cannot do what the settings want of it.
    """
    for name in sorted(used(of.settings)):
        if name not in can:
            raise Misconfigured(
                f"there is no agent {name!r}",
                code="CD427",
                tried="looking at the agents that the settings name",
                fix=f"name some of {', '.join(sorted(can))}",
            )
        credential_of(of, name)
        if lacking := lacks(can[name], of.settings):
            raise Misconfigured(
                f"{name} cannot do what is configured: {lacking[0]}",
                code="CD426",
                tried="comparing the settings with what it can do",
                fix="leave that limit out, or choose another agent; `cdock doctor` shows what each can do",
            )


def to_ask_for(settings: Settings, can: Mapping[str, Capabilities]) -> tuple[str, ...]:
    """The agents that an issue or a person may ask for: those that keep to the limits, as all others have to."""
    return tuple(name for name in settings.agent.names if name in can and not lacks(can[name], settings))


def lacks(can: Capabilities, settings: Settings) -> tuple[str, ...]:
    """What the settings want of an agent that its program cannot do and cdock cannot do in its place."""
    budget = settings.budget
    wants = (
        (
            (budget.cost or budget.day_cost) and not can.cost,
            "it tells no money, so no limit of it can be kept",
        ),
        (budget.turns and not can.turns, "it tells no turns, so no limit of them can be kept"),
    )
    return tuple(words for wanted, words in wants if wanted)
