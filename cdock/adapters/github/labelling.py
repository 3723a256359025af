"""Labels: those of the repository, and putting them on issues and taking them off.

The whole list of an issue's labels is never set: that would undo what a person just did. By REST that is one request
for all that is added and one for each that is removed; GraphQL does both at once where all ids are known.
"""

from collections.abc import Collection, Mapping, Sequence
from urllib.parse import quote

from cdock.adapters.github import normalize
from cdock.adapters.github.client import Client
from cdock.adapters.github.faults import Unsupported
from cdock.adapters.github.home import Home
from cdock.adapters.github.watch import Watcher
from cdock.adapters.labels import PLAIN_COLOR, LabelLook, label_looks
from cdock.adapters.refusals import Absent, OutcomeUnknown
from cdock.core.errors import NotPermitted, Refused
from cdock.core.policy import Labels

CHANGE = """
mutation ChangeLabels($issue: ID!, $add: [ID!]!, $remove: [ID!]!) {
  addLabelsToLabelable(input: {labelableId: $issue, labelIds: $add}) { clientMutationId }
  removeLabelsFromLabelable(input: {labelableId: $issue, labelIds: $remove}) { clientMutationId }
}
"""


SHOW = """
mutation ShowStatus($issue: ID!, $add: [ID!]!, $remove: [ID!]!, $comment: ID!, $body: String!) {
  addLabelsToLabelable(input: {labelableId: $issue, labelIds: $add}) { clientMutationId }
  removeLabelsFromLabelable(input: {labelableId: $issue, labelIds: $remove}) { clientMutationId }
  updateIssueComment(input: {id: $comment, body: $body}) { clientMutationId }
}
"""


class Labelling:
    """The labels of one repository. Writes that only show how things stand may wait for those that may not."""

    def __init__(self, client: Client, home: Home, watcher: Watcher) -> None:
        self._client = client
        self._home = home
        self._watcher = watcher
        self._without_graphql = False

    def lacking(self, labels: Labels) -> tuple[LabelLook, ...]:
        """The state labels that the repository does not have."""
        rows = list(self._client.rows(self._home.path("labels")))
        self._watcher.picture.note_label_ids(rows)
        there = {str(row.get("name")).casefold() for row in rows}
        wanted = {look.name.casefold(): look for look in label_looks(labels)}
        return tuple(look for name, look in wanted.items() if name not in there)

    def ensure(self, name: str) -> None:
        """See `Forge.ensure_label`."""
        picture = self._watcher.picture
        if picture.label_ids([name]):
            return
        row = self._client.find(self._home.path(f"labels/{quote(name, safe='')}"))
        if row is None:
            self.create(LabelLook(name, PLAIN_COLOR, ""))
        else:
            picture.note_label_ids([row])

    def create(self, look: LabelLook) -> bool:
        """Make a label; whether it was not there."""
        body = {"name": look.name, "color": look.color, "description": look.description}
        try:
            row = self._client.write("POST", self._home.path("labels"), body)
        except Refused as error:
            if "already_exists" not in error.message:
                raise
            return False
        self._watcher.picture.note_label_ids([row] if isinstance(row, dict) else [])
        return True

    def change(self, issue: int, *, add: Sequence[str], remove: Sequence[str]) -> None:
        """Put labels on that are not on, and take off what is on.

        Raises:
            NotPermitted: the account may not label.
            OutcomeUnknown: they may have been changed all the same.
        """
        if add and remove and self._at_once(CHANGE, issue, add=add, remove=remove):
            return
        if add:
            with self._watcher.reader.changing(issue):
                self.add(issue, add)
        for name in remove:
            with self._watcher.reader.changing(issue):
                self._remove(issue, name)

    def change_and_edit(
        self, issue: int, *, add: Sequence[str], remove: Sequence[str], comment: int, body: str
    ) -> bool:
        """Change labels and the text of a known comment by one write; False when that is not possible.

        Raises:
            OutcomeUnknown: they may have been changed all the same.
        """
        thread = self._watcher.thread(issue)
        said = thread.said.get(comment) if thread else None
        if not (add and remove and said and said.node):
            return False
        done = self._at_once(SHOW, issue, add=add, remove=remove, comment=said.node, body=body)
        if done:
            self._watcher.picture.note_edit(issue, comment, body)
        return done

    def add(self, issue: int, names: Sequence[str]) -> None:
        """Put labels on, by a request that makes the repository's label where it has none."""
        path = self._home.path(f"issues/{issue}/labels")
        answer = self._client.write("POST", path, {"labels": [*names]}, may_wait=True)
        there = {name.casefold() for name in normalize.labels_of({"labels": answer})}
        dropped = [name for name in names if name.casefold() not in there]
        if dropped:
            raise NotPermitted(
                f"{self._client.host} silently left out {', '.join(dropped)} on issue #{issue}",
                tried=f"label issue #{issue}",
                fix="Give the token's account write access to the repository (Issues: write).",
            )
        self._watcher.picture.note_label_ids(answer if isinstance(answer, list) else [])
        self._watcher.picture.note_labels(issue, dict.fromkeys(names, True))

    def _remove(self, issue: int, name: str) -> None:
        path = self._home.path(f"issues/{issue}/labels/{quote(name, safe='')}")
        try:
            self._client.write("DELETE", path, may_wait=True)
        except Absent as error:
            # Nobody wears it any more, or there is nobody to wear it.
            self._watcher.reader.require(issue, error)
        self._watcher.picture.note_labels(issue, {name: False})

    def _at_once(
        self, document: str, issue: int, *, add: Collection[str], remove: Collection[str], **more: str
    ) -> bool:
        """Change all by one mutation; whether that was possible."""
        picture = self._watcher.picture
        thread = self._watcher.thread(issue)
        on, off = picture.label_ids(add), picture.label_ids(remove)
        if self._without_graphql or not thread or not thread.node or on is None or off is None:
            return False
        variables: Mapping[str, object] = {"issue": thread.node, "add": on, "remove": off, **more}
        try:
            with self._watcher.reader.changing(issue):
                self._client.graphql(document, variables, writing=True, may_wait=True)
        except (Unsupported, NotPermitted) as error:
            # REST says better what the token lacks; and a label that was made anew has another id.
            self._without_graphql = not isinstance(error, Absent)
            picture.forget_label_ids()
            return False
        except OutcomeUnknown:
            picture.forget_label_ids()
            raise
        picture.note_labels(issue, dict.fromkeys(add, True) | dict.fromkeys(remove, False))
        return True
