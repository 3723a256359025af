"""Who said go for an issue, and who changed its text after that: one question where the host has GraphQL.

A label alone proves nothing, for a form sets it for anybody who opens an issue; and the text may be exchanged after the
label was put on. REST does not tell who edited a text: there a changed title is seen and a changed body is not, and
the approval is marked as a blind one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.edits import history_of
from cdock.adapters.github.faults import Unsupported
from cdock.adapters.github.home import Home, Row
from cdock.adapters.github.normalize import User
from cdock.adapters.github.writers import Writers
from cdock.adapters.refusals import Absent
from cdock.core.errors import NotPermitted
from cdock.core.issues import Approval

GHOST = "ghost"
"""GitHub's own name for accounts that are gone."""

APPROVAL = """
query Approval($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) {
      title
      body
      createdAt
      author { __typename login }
      lastEditedAt
      editor { __typename login }
      userContentEdits(first: 100) { totalCount nodes { editedAt editor { __typename login } } }
      timelineItems(last: 100, itemTypes: [LABELED_EVENT, UNLABELED_EVENT, RENAMED_TITLE_EVENT]) {
        nodes {
          __typename
          ... on LabeledEvent { createdAt actor { __typename login } label { name } }
          ... on UnlabeledEvent { createdAt actor { __typename login } label { name } }
          ... on RenamedTitleEvent { createdAt actor { __typename login } }
        }
      }
    }
  }
}
"""


@dataclass(frozen=True)
class Change:
    """One thing that was done to an issue. `kind`: labeled, unlabeled, renamed, edited."""

    kind: str
    by: User
    at: datetime
    label: str = ""


class Approvals:
    """Reads approvals of one repository's issues."""

    def __init__(self, client: Client, home: Home, writers: Writers) -> None:
        self._client = client
        self._home = home
        self._writers = writers
        self._without_graphql = False

    def read(self, issue: int, *, label: str) -> Approval:
        """See `Forge.approval`.

        Raises:
            Refused: there is no such issue.
        """
        digest, changes, blind = self._read(issue)
        labelled = [c for c in changes if c.label.casefold() == label.casefold()]
        given = labelled[-1] if labelled and labelled[-1].kind == "labeled" else None
        allowed = next((c.at for c in reversed(labelled) if self._allows(c)), None)
        # What was done in the second of the label may have been done after it.
        later = [c for c in changes if c.kind in _EDITS and (allowed is None or c.at >= allowed)]
        strange = next((c.by for c in later if not self._writers.count(c.by)), None)
        return Approval(
            by=given.by.login if given else "",
            granted=given is not None and self._writers.count(given.by),
            at=allowed,
            digest=digest,
            edited_by=(strange.login or GHOST) if strange else "",
            blind=blind,
        )

    def _allows(self, change: Change) -> bool:
        return change.kind == "labeled" and self._writers.count(change.by)

    def _read(self, issue: int) -> tuple[str, list[Change], bool]:
        if not self._without_graphql:
            try:
                return self._by_graphql(issue)
            except Absent as error:
                raise self._home.gone(issue) from error
            except (Unsupported, NotPermitted):
                # No GraphQL there, or a token that may not: asking again each time would cost a point each time.
                self._without_graphql = True
        return *self._by_rest(issue), True

    def _by_graphql(self, issue: int) -> tuple[str, list[Change], bool]:
        owner, _, name = self._home.full_name.partition("/")
        variables = {"owner": owner, "name": name, "number": issue}
        data = self._client.graphql(APPROVAL, variables, writing=False)
        row = (data.get("repository") or {}).get("issue")
        if not isinstance(row, dict):
            raise self._home.gone(issue)
        nodes = (row.get("timelineItems") or {}).get("nodes") or ()
        changes = [_node(node) for node in nodes if isinstance(node, dict)]
        history = history_of(row)
        changes += [Change("edited", edit.by, edit.at) for edit in history.edits]
        return normalize.digest_of(row), changes, not history.whole

    def _by_rest(self, issue: int) -> tuple[str, list[Change]]:
        row = self._client.find(self._home.path(f"issues/{issue}"))
        if row is None or payload.is_pull(row) or not self._home.owns(row):
            raise self._home.gone(issue)
        events = self._client.rows(self._home.path(f"issues/{issue}/events"))
        return normalize.digest_of(row), [_event(event) for event in events if event.get("event") in _KINDS]


_EDITS = ("edited", "renamed")
_KINDS = ("labeled", "unlabeled", "renamed")
_TYPES = {"LabeledEvent": "labeled", "UnlabeledEvent": "unlabeled", "RenamedTitleEvent": "renamed"}


def _event(row: Row) -> Change:
    label = row.get("label")
    name = label.get("name") if isinstance(label, dict) else ""
    by = normalize.user_of(row, "actor")
    return Change(str(row["event"]), by, payload.moment_of(row, "created_at"), label=str(name or ""))


def _node(node: Mapping[str, Any]) -> Change:
    kind = _TYPES.get(str(node.get("__typename")), "")
    label = node.get("label")
    name = label.get("name") if isinstance(label, dict) else ""
    return Change(
        kind,
        normalize.actor_of(node.get("actor")),
        payload.moment_of(node, "createdAt"),
        label=str(name or ""),
    )
