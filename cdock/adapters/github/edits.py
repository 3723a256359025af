"""Who changed the text of an issue or of a comment, edit by edit, as only GraphQL tells it.

The last editor proves nothing: who changes a word in the text of a stranger puts their name in front of the stranger's.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cdock.adapters import payload
from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.home import Home
from cdock.adapters.github.normalize import User
from cdock.adapters.refusals import Absent

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
COMMENT_EDITS = """
query CommentEdits($comment: ID!) {
  node(id: $comment) {
    ... on IssueComment {
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
    """A text, and its changes since it was written, oldest first.

    `whole` when they are all there were, `newest` when the last one stood among those that were listed.
    """

    text: str = ""
    edits: tuple[Edit, ...] = ()
    whole: bool = True
    newest: bool = True


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


def edits_in(client: Client, comment: str) -> History:
    """Ask who changed the text of a comment, by what GraphQL calls it; nothing when it was deleted.

    Raises:
        Unsupported: the host does not tell.
    """
    try:
        data = client.graphql(COMMENT_EDITS, {"comment": comment}, writing=False)
    except Absent:
        return History()
    return history_of(normalize.fields_of(data.get("node")))


def since_own(edits: Sequence[Edit], mine: Callable[[User], bool]) -> tuple[Edit, ...]:
    """The edits since we changed a text last, as far as that is sure.

    The last one is always among them: where it was by our account and ticked a box, a person used the account, for we
    tick none. In the second of our own edit others may have come after it.
    """
    own = [edit.at for edit in edits[:-1] if mine(edit.by)]
    if not own:
        return tuple(edits)
    return (*(edit for edit in edits[:-1] if edit.at >= own[-1] and not mine(edit.by)), *edits[-1:])


def history_of(row: Mapping[str, Any]) -> History:
    """The changes in an answer about a text that holds the fields of `EDITS`."""
    text = payload.body_of(row)
    if not row.get("lastEditedAt"):
        return History(text)
    last = Edit(normalize.actor_of(row.get("editor")), payload.moment_of(row, "lastEditedAt"))
    told = row.get("userContentEdits")
    if not isinstance(told, dict):
        return History(text, (last,), whole=False, newest=False)
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
    if newest := last in edits:
        edits.remove(last)
    edits.append(last)
    return History(text, tuple(edits), whole=whole and newest, newest=newest)
