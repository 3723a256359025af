"""Who changed the text of an issue, edit by edit, as only GraphQL tells it.

The last editor proves nothing: who changes a word in the text of a stranger puts their name in front of the stranger's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.home import Home
from cdock.adapters.github.normalize import User

EDITS = """
query Edits($owner: String!, $name: String!, $number: Int!) {
  repository(owner: $owner, name: $name) {
    issue(number: $number) {
      body
      createdAt
      author { __typename login }
      lastEditedAt
      editor { __typename login }
      userContentEdits(first: 100) { totalCount nodes { editedAt editor { __typename login } } }
    }
  }
}
"""


@dataclass(frozen=True)
class Edit:
    """One change of a text; nobody's login is empty: the account is gone."""

    by: User
    at: datetime


@dataclass(frozen=True)
class History:
    """A text, and its changes since it was written, oldest first; `whole` when they are all there were."""

    text: str = ""
    edits: tuple[Edit, ...] = ()
    whole: bool = True


def edits_of(client: Client, home: Home, issue: int) -> History:
    """Ask who changed the text of an issue.

    Raises:
        Absent: there is no such issue.
        Unsupported: the host does not tell.
    """
    owner, _, name = home.full_name.partition("/")
    data = client.graphql(EDITS, {"owner": owner, "name": name, "number": issue}, writing=False)
    row = (data.get("repository") or {}).get("issue")
    if not isinstance(row, dict):
        raise home.gone(issue)
    return history_of(row)


def history_of(row: Mapping[str, Any]) -> History:
    """The changes in an issue's answer that holds the fields of `EDITS`."""
    text = payload.body_of(row)
    if not row.get("lastEditedAt"):
        return History(text)
    last = Edit(normalize.actor_of(row.get("editor")), payload.moment_of(row, "lastEditedAt"))
    told = row.get("userContentEdits")
    if not isinstance(told, dict):
        return History(text, (last,), whole=False)
    nodes = normalize.nodes_of(row, "userContentEdits")
    edits = [
        Edit(normalize.actor_of(node.get("editor")), payload.moment_of(node, "editedAt")) for node in nodes
    ]
    edits.sort(key=lambda edit: edit.at)
    whole = told.get("totalCount") == len(edits)
    # Once there are edits, the first version is told as one of them.
    first = Edit(normalize.actor_of(row.get("author")), payload.moment_of(row, "createdAt"))
    if first in edits:
        edits.remove(first)
    # Of several in one second it is known which was the last.
    if last in edits:
        edits.remove(last)
    else:
        whole = False
    edits.append(last)
    return History(text, tuple(edits), whole=whole)
