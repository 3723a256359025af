"""Check runs and commit statuses of a pull request's newest commit, as one GraphQL answer tells them. Pure."""

from collections.abc import Mapping
from typing import Any

from cdock.adapters import payload
from cdock.adapters.github.normalize import fields_of, nodes_of, whole_of
from cdock.adapters.refusals import line_of
from cdock.core.pulls import Check, CheckState

CHECKS = """
query PullChecks($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {
    p1: pullRequest(number: 1) { ...Checks }
  }
}
fragment Checks on PullRequest {
  commits(last: 1) {
    nodes {
      commit {
        oid
        statusCheckRollup {
          contexts(first: 100) {
            nodes {
              __typename
              ... on CheckRun { databaseId name status conclusion title summary detailsUrl }
              ... on StatusContext { id context state description targetUrl createdAt }
            }
          }
        }
      }
    }
  }
}
"""
MOST = 30
"""Checks that are taken of a commit, the failed ones first."""

RUN, STATUS = "run-", "status-"
"""What refs of check runs and of commit statuses begin with."""

_CONCLUSIONS = {
    # One that GitHub gave up waiting for says nothing about the commit any more.
    **dict.fromkeys(("SUCCESS", "NEUTRAL", "SKIPPED", "STALE"), CheckState.PASSED),
    **dict.fromkeys(
        ("FAILURE", "CANCELLED", "TIMED_OUT", "ACTION_REQUIRED", "STARTUP_FAILURE"), CheckState.FAILED
    ),
}
_STATES = {
    "SUCCESS": CheckState.PASSED,
    "FAILURE": CheckState.FAILED,
    "ERROR": CheckState.FAILED,
}
_URGENT = (CheckState.FAILED, CheckState.PENDING, CheckState.PASSED)


def checks_of(row: Mapping[str, Any], *, commit: str) -> tuple[Check, ...]:
    """What the newest run and the newest status of each name say about a commit, by name."""
    newest: dict[tuple[str, str], tuple[str, Check]] = {}
    for node in nodes_of(row, "commits"):
        shown = fields_of(node.get("commit"))
        if shown.get("oid") != commit:
            continue
        for context in nodes_of(fields_of(shown.get("statusCheckRollup")), "contexts"):
            kind = payload.text_of(context, "__typename")
            age, check = _run(context) if kind == "CheckRun" else _status(context)
            before = newest.get((kind, check.name))
            if before is None or before[0] <= age:
                newest[kind, check.name] = age, check
    checks = sorted(
        (check for _, check in newest.values()), key=lambda c: (_URGENT.index(c.state), c.name, c.ref)
    )
    return tuple(sorted(checks[:MOST], key=lambda check: (check.name, check.ref)))


def _run(node: Mapping[str, Any]) -> tuple[str, Check]:
    number, conclusion = whole_of(node, "databaseId"), payload.text_of(node, "conclusion")
    ended = node.get("status") == "COMPLETED"
    state = _CONCLUSIONS.get(conclusion, CheckState.FAILED) if ended else CheckState.PENDING
    said = payload.text_of(node, "title") or payload.text_of(node, "summary").strip().partition("\n")[0]
    return f"{number:020}", Check(
        ref=f"{RUN}{number}-{conclusion.lower()}",
        name=payload.text_of(node, "name"),
        state=state,
        summary=line_of(said),
        url=payload.text_of(node, "detailsUrl"),
    )


def _status(node: Mapping[str, Any]) -> tuple[str, Check]:
    return payload.text_of(node, "createdAt"), Check(
        ref=f"{STATUS}{payload.text_of(node, 'id')}",
        name=payload.text_of(node, "context"),
        state=_STATES.get(payload.text_of(node, "state"), CheckState.PENDING),
        summary=line_of(payload.text_of(node, "description")),
        url=payload.text_of(node, "targetUrl"),
    )


def run_of(check: Check) -> int:
    """The id of the check run whose result this is; 0 for a commit status."""
    number = check.ref.removeprefix(RUN).partition("-")[0] if check.ref.startswith(RUN) else ""
    return int(number) if number.isdecimal() else 0
