"""Which agents a clone uses, and what is refused early of what they cannot do."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cdock.adapters.agents import KINDS, agent
from cdock.core.errors import Misconfigured, NotPermitted
from cdock.settings import Settings, load_settings
from cdock.wiring.agents import credential_of, lacks, providers, require_agents, to_ask_for, used
from cdock.wiring.site import Site

CAN = {name: agent(name).can for name in KINDS}


def settings(folder: Path, text: str) -> Settings:
    (folder / "cdock.toml").write_text(text)
    return load_settings(folder)


def site(told: Settings, **env: str) -> Site:
    return cast("Site", SimpleNamespace(settings=told, env={"IS_SANDBOX": "1", **env}))


def test_all_that_may_take_over_are_used(tmp_path: Path) -> None:
    told = settings(
        tmp_path,
        '[agent]\ndefault = "codex"\n[budget]\nescalation = [{ model = "big" }, { agent = "gemini" }]\n'
        '[handoff]\nagent = "opencode"\n[pull]\nreviewer = "claude"\n',
    )
    assert used(told) == {"codex", "gemini", "opencode", "claude"}


def test_only_the_providers_of_agents_that_may_be_asked_for_are_led_to(tmp_path: Path) -> None:
    assert providers(site(Settings())) == {"anthropic"}
    told = settings(tmp_path, '[agent]\ndefault = "scripted"\n')
    assert providers(site(told)) == frozenset()
    told = settings(tmp_path, '[agent]\ndefault = "scripted"\n[agent.codex]\nmodel = "gpt-5"\n')
    assert providers(site(told)) == {"openai"}


def test_an_agent_with_a_table_can_be_asked_for(tmp_path: Path) -> None:
    assert Settings().agent.names == ("claude",)
    told = settings(tmp_path, "[agent.codex]\n[agent.gemini]\nmax_turns = 9\n")
    assert told.agent.names == ("claude", "codex", "gemini")


@pytest.mark.parametrize(
    ("name", "key"),
    [("claude", "CLAUDE_CODE_OAUTH_TOKEN"), ("codex", "OPENAI_API_KEY"), ("aider", "GEMINI_API_KEY")],
)
def test_each_agent_has_credentials_of_its_own(name: str, key: str) -> None:
    assert credential_of(site(Settings(), **{key: "k"}), name) == key
    with pytest.raises(NotPermitted, match=f"{name} has no credential") as caught:
        credential_of(site(Settings()), name)
    assert key in caught.value.tried


def test_agents_without_a_provider_need_none() -> None:
    assert credential_of(site(Settings()), "scripted") == ""


@pytest.mark.parametrize(
    ("name", "table", "word"),
    [("codex", "cost = 5", "money"), ("gemini", "day_cost = 5", "money"), ("command", "turns = 9", "turns")],
)
def test_limits_that_cannot_be_kept_are_refused(tmp_path: Path, name: str, table: str, word: str) -> None:
    told = settings(tmp_path, f'[agent]\ndefault = "{name}"\n[budget]\n{table}\n')
    of = site(told, OPENAI_API_KEY="k", GEMINI_API_KEY="k")
    with pytest.raises(Misconfigured, match=f"{name} cannot do .*{word}") as caught:
        require_agents(of, CAN)
    assert "cdock doctor" in caught.value.fix


def test_nobody_can_ask_for_an_agent_that_keeps_to_no_limit(tmp_path: Path) -> None:
    told = settings(tmp_path, "[agent.codex]\n[agent.opencode]\n[budget]\ncost = 5\n")
    assert to_ask_for(told, CAN) == ("claude", "opencode")
    told = settings(tmp_path, "[agent.codex]\n[agent.opencode]\n")
    assert to_ask_for(told, CAN) == ("claude", "codex", "opencode")


def test_an_agent_that_tells_money_keeps_limits_of_it(tmp_path: Path) -> None:
    told = settings(tmp_path, "[budget]\ncost = 5\nturns = 100\n")
    assert lacks(CAN["claude"], told) == ()
    require_agents(site(told, ANTHROPIC_API_KEY="k"), CAN)


def test_an_agent_that_there_is_not_is_refused(tmp_path: Path) -> None:
    told: Any = settings(tmp_path, '[pull]\nreviewer = "codexx"\n')
    with pytest.raises(Misconfigured, match="no agent 'codexx'"):
        require_agents(site(told, ANTHROPIC_API_KEY="k"), CAN)
