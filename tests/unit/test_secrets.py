"""Credentials in an agent's output do not reach the forge; everything else does."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdock.core.errors import CdockError
from cdock.core.pulls import PullRequest
from cdock.core.record import dump_claim, dump_record, record_of
from cdock.core.secrets import MASK, redacted, secrets_in
from cdock.core.task import Claim, Move, Outcome
from cdock.testing import MemoryClaims, MemoryForge, MemoryHub
from tests.unit.houses import POLICY, Place

# Put together here, so that no scanner takes this file for a leak.
SECRETS = {
    "classic token": "ghp_" + "a1B2" * 9,
    "app token": "ghs_" + "a1B2" * 9,
    "fine-grained token": "github_pat_" + "11AAAAAAA0_" + "x9" * 30,
    "provider key": "sk-ant-api03-" + "Ab3_-" * 18,
    "provider session": "sk-ant-oat01-" + "Ab3_-" * 18,
    "cloud key": "AKIA" + "IOSFODNN7EXAMPLE",
    "chat token": "xoxb-" + "123456789012-abcdefABCDEF",
    "signed token": ".".join(
        ("eyJ" + "hbGciOiJIUzI1NiJ9", "eyJ" + "zdWIiOiIxMjM0NTY3", "SflKxwRJSMeKKF2QT4fw")
    ),
    "key file": "-----BEGIN RSA "
    + "PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\nabc\n-----END RSA "
    + "PRIVATE KEY-----",
    "key file cut short": "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA",
}
IN_PLACE = {
    "header": ("curl -H 'Authorization: Bearer {}' x", "c29tZXRoaW5nLXNlY3JldA=="),
    "header in JSON": ('{{"authorization": "Basic {}"}}', "dXNlcjpwYXNz"),
    "address": ("fatal: unable to access 'https://maria:{}@git.example/x.git/'", "hunter2"),
    "database": ("could not connect to postgres://app:{}@db:5432/app", "s3cr3t"),
    "environment": ("ANTHROPIC_API_KEY={}", "0123456789abcdef"),
    "settings": ('  "client_secret": "{}",', "Zm9vYmFyYmF6cXV4MQ"),
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
@pytest.mark.parametrize("around", ["{}", "error: '{}' was refused", "A={}\nB=2", "({})", "x\n{}"])
def test_what_looks_like_a_credential_is_removed(secret: str, around: str) -> None:
    shown = redacted(around.format(secret))
    assert shown == around.format(MASK) or secret.startswith("-----BEGIN OPENSSH")
    assert secret not in shown
    assert shown.startswith(around.partition("{}")[0])


@pytest.mark.parametrize("case", IN_PLACE)
def test_what_stands_where_a_credential_stands_is_removed(case: str) -> None:
    around, secret = IN_PLACE[case]
    assert redacted(around.format(secret)) == around.format(MASK)


@pytest.mark.parametrize(
    "text",
    [
        "E   assert 'password' == 'passwort'",
        "password: must not be empty",
        "FAILED tests/test_login.py::test_wrong_password[secret]",
        "error: secret is missing, set API_KEY first",
        "commit 3f2a91c0d4e5f6a7b8c9d0e1f2a3b4c5d6e7f8a9",
        "0b9b54d4-9f0d-4dd6-8f0a-6a3c3e9d4f11",
        "https://maria@git.example/x.git and http://localhost:8080/a:b@c",
        "git@github.com:maria/demo.git",
        "task-skip-this-thing, sk-short, ghp_short, AKIA",
        "self.authorization = Bearer()",
        "line 3:5 error: token expected: ';'",
    ],
)
def test_everything_else_stays(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "piece",
    ["a", "-", "ey", "eyJa.", "-----BEGIN PRIVATE KEY-----", "a://b:", "password=", "password", " =", "sk-"],
)
def test_a_huge_text_takes_no_long_time(piece: str) -> None:
    redacted(piece * (200_000 // len(piece)))


@given(st.text())
def test_any_text_can_be_looked_through(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


def everything_public(hub: MemoryHub) -> Iterator[str]:
    for issue in hub.issues.values():
        yield issue.title
        yield issue.body
        yield from (comment.body for comment in issue.comments)
    for claim in hub.refs.values():
        yield json.dumps(dump_record(record_of(claim.task, policy=POLICY)))


@pytest.mark.parametrize("how", ["fails", "asks", "succeeds"])
def test_nothing_an_agent_prints_by_mistake_becomes_public(how: str) -> None:
    hub = MemoryHub()
    place = Place(hub)
    number = hub.open_issue("Add login", labels=["agent-ready"])
    place.settle()
    secret = SECRETS["provider key"]
    for _ in range(4):
        if not place.machine.alive:
            break
        place.machine.commit(hub.refs[number].task.id)
        if how == "fails":
            place.machine.exit(place.run, 1, said=f"KeyError: {secret} is no key")
        elif how == "asks":
            place.machine.exit(place.run, asks=f"May I use {secret}?")
        else:
            place.machine.exit(place.run, said=f"done: used {secret}")
        place.settle()
        hub.clock.advance(700)
        place.settle()
    told = "\n".join(everything_public(hub))
    assert secret not in told
    assert MASK in told


# By value

CANARY = "canary-" + "0123456789abcdef" * 2


def test_a_secret_we_hold_is_taken_out_in_every_spelling_programs_use() -> None:
    basic = b64encode(f"x-access-token:{CANARY}".encode()).decode()
    bare = b64encode(CANARY.encode()).decode()
    text = f"env: {CANARY}\nAuthorization: Basic {basic}\nbare {bare}\nhttps://x:{CANARY}@host/"
    clean = redacted(text, secrets={CANARY})
    for spelling in (CANARY, basic, bare, basic.rstrip("="), bare.rstrip("=")):
        assert spelling not in clean
    assert "host/" in clean, "what is no secret stays"


def test_a_secret_with_signs_is_found_percent_encoded() -> None:
    assert "p%40ss%2Fword" not in redacted("?key=p%40ss%2Fword%21", secrets={"p@ss/word!"})


@given(st.text(), st.text(min_size=8, max_size=60), st.text())
def test_no_text_keeps_a_secret(before: str, secret: str, after: str) -> None:
    assert secret not in redacted(f"{before}{secret}{after}", secrets={secret}).replace(MASK, "\0")


def test_a_text_cut_in_the_middle_of_a_secret_shows_no_part_of_it() -> None:
    assert CANARY[:20] not in redacted(f"the key is {CANARY[:20]}", secrets={CANARY})
    assert CANARY[-20:] not in redacted(f"{CANARY[-20:]} is the key", secrets={CANARY})


def test_which_variables_are_secret() -> None:
    environment = {
        "ANTHROPIC_API_KEY": CANARY,
        "MY_PASSWORD": "correct horse",
        "PATH": "/usr/bin:/bin",
        "TOKEN_FILE": "/home/maria/.token",
        "LANG": "en_GB.UTF-8",
    }
    assert secrets_in(environment) == {CANARY, "correct horse"}


@dataclass
class Claims(MemoryClaims):
    """Keeps every claim as it is pushed."""

    pushed: list[str] = field(default_factory=list)

    def swap(self, issue: int, *, expected: str, claim: Claim | None) -> str:
        self.pushed += [dump_claim(claim, nonce="n")] if claim else []
        return super().swap(issue, expected=expected, claim=claim)

    def publish(self, moves: Sequence[Move]) -> Mapping[int, str | CdockError]:
        self.pushed += [dump_claim(move.claim, nonce="n") for move in moves]
        return super().publish(moves)


@dataclass
class Forge(MemoryForge):
    """Keeps the words of pull requests."""

    opened: list[str] = field(default_factory=list)

    def ensure_pull(
        self, *, head: str, title: str, body: str, draft: bool = False, onto: str = ""
    ) -> PullRequest:
        self.opened.append(f"{title}\n{body}")
        return super().ensure_pull(head=head, title=title, body=body, draft=draft, onto=onto)


@pytest.mark.parametrize("outcome", [Outcome.SUCCEEDED, Outcome.FAILED, Outcome.NEEDS_HELP])
def test_what_an_agent_prints_of_a_secret_stays_here(
    outcome: Outcome, caplog: pytest.LogCaptureFixture
) -> None:
    """Claims are pushed, comments and help issues are posted: none of them may hold what the agent printed."""
    caplog.set_level("INFO")
    hub = MemoryHub()
    place = Place(hub)
    place.house.secrets = frozenset({CANARY})
    place.house.claims, place.house.forge = claims, forge = Claims(hub, sight=place.machine.sight), Forge(hub)
    number = hub.open_issue("Add login", labels=["agent-ready"])
    place.settle()
    place.machine.commit(hub.refs[number].task.id)
    said = f"done {CANARY} ghp_{'a1B2' * 9}"
    match outcome:
        case Outcome.SUCCEEDED:
            place.machine.exit(place.run, said=said)
        case Outcome.FAILED:
            place.machine.exit(place.run, 1, said=f"Error: {said}")
        case _:
            place.machine.exit(place.run, asks=f"may I use {said}?")
    place.settle()
    assert hub.refs[number].task.attempts[0].outcome is outcome, "the test must see what it is about"
    assert MASK in claims.pushed[-1]
    words = [issue.title + issue.body for issue in hub.issues.values()]
    words += [comment.body for issue in hub.issues.values() for comment in issue.comments]
    out_there = "\n".join([*claims.pushed, *forge.opened, *words, str(place.mirror.saved), caplog.text])
    assert CANARY not in out_there
    assert "a1B2a1B2" not in out_there
    assert not [record for record in caplog.records if CANARY in str(vars(record))]


def test_a_secret_across_the_cut_leaves_no_half() -> None:
    hub = MemoryHub()
    place = Place(hub)
    place.house.secrets = frozenset({CANARY})
    number = hub.open_issue("Add login", labels=["agent-ready"])
    place.settle()
    place.machine.exit(place.run, asks=f"{CANARY}{'x' * (4_000 - len(CANARY) // 2)}")
    place.settle()
    assert CANARY[-10:] not in dump_claim(hub.refs[number], nonce="n")
