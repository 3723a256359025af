"""Plans on GitHub's boards ("Projects"): a view for people, written and never asked for truth.

A plan's board is linked to the repository and marked in its short description, by which it is found again. What is
there is read at once, and only what differs is written, many cards by one request. Fields and options are made where
they are missing and never changed: rewriting options would wipe the values of every card. Boards need a permission of
their own, so all of it is left out, with one warning, where the token may not.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cdock.adapters.github.cards import BOARD, OWN, STAGE, STATES, Shown, changes, shown_of
from cdock.adapters.github.client import Client
from cdock.adapters.github.degrading import OptionalFeatures
from cdock.adapters.github.gate import Budget, gate_for
from cdock.adapters.github.home import Home
from cdock.adapters.github.hosts import Repository
from cdock.adapters.github.normalize import fields_of, nodes_of, whole_of
from cdock.adapters.github.tokens import Credential, Token
from cdock.adapters.payload import Row, text_of
from cdock.adapters.recent import RecentCreations
from cdock.adapters.refusals import Absent, OutcomeUnknown
from cdock.core.errors import Refused, Unavailable
from cdock.core.issues import Issue
from cdock.core.planning.drafts import Card

FEATURE = "use boards"
SETTLE = 30.0
"""Seconds in which a board of which nobody knows whether it was made may still come to light."""
BATCH = 20
"""Changes of one request: GitHub ends one that takes longer than ten seconds."""
PAGES = 10
"""Of a hundred boards, or cards, each: more are not looked through."""

BOARDS = """
query PlanBoards($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    id
    owner { id }
    projectsV2(first: 100, after: $after, orderBy: {field: NUMBER, direction: DESC}) {
      pageInfo { hasNextPage endCursor }
      nodes { id title shortDescription viewerCanUpdate items(first: 1) { totalCount } }
    }
  }
}
"""
CREATE = """
mutation CreateBoard($owner: ID!, $repository: ID!, $title: String!) {
  createProjectV2(input: {ownerId: $owner, repositoryId: $repository, title: $title}) { projectV2 { id } }
}
"""
MARK = """
mutation MarkBoard($board: ID!, $mark: String!) {
  updateProjectV2(input: {projectId: $board, shortDescription: $mark}) { clientMutationId }
}
"""
FIELD = """
mutation AddField($field: CreateProjectV2FieldInput!) {
  createProjectV2Field(input: $field) { clientMutationId }
}
"""
ISSUES = """
query PlanIssues($owner: String!, $name: String!) {
  repository(owner: $owner, name: $name) {
    i1: issue(number: 1) { id fullDatabaseId }
  }
}
"""
ADD = """
mutation AddCards($v1: AddProjectV2ItemByIdInput!) {
  v1: addProjectV2ItemById(input: $v1) { clientMutationId }
}
"""
WRITE = """
mutation WriteCards($v1: UpdateProjectV2ItemFieldValueInput!) {
  v1: updateProjectV2ItemFieldValue(input: $v1) { clientMutationId }
}
"""


class GitHubBoard:
    """See `cdock.ports.Board`. Safe to use from several threads; the other arguments are those of `GitHubForge`."""

    def __init__(
        self,
        repository: Repository,
        *,
        token: str | Credential,
        timeout: float = 15.0,
        budget: Budget | None = None,
        settle: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        credential = Token(token) if isinstance(token, str) else token
        gate = gate_for(repository.host, account=credential.account, budget=budget)
        self._client = Client(repository.host, credential=credential, gate=gate, timeout=timeout)
        self._home = Home(self._client, repository.full_name)
        local = repository.host.loopback
        self._recent = RecentCreations(settle=(0.0 if local else SETTLE) if settle is None else settle)
        self._optional = OptionalFeatures(clock=clock)
        self._lock = threading.Lock()
        self._boards: dict[int, str] = {}
        self._last: dict[int, tuple[tuple[object, ...], str]] = {}
        self._issues: dict[int, str] = {}

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def show(self, plan: Issue, cards: Sequence[Card]) -> str:
        """See `Board.show`. A board that a person closed is left as it is; one that is gone is made again."""
        wanted = tuple((card.issue.id, card.status, card.stage) for card in cards)
        with self._lock:
            last = self._last.get(plan.id)
            if last and last[0] == wanted:
                return last[1]
            if not self._optional.available(FEATURE):
                return ""
            try:
                url = self._show(plan, cards)
            except Refused as error:
                # Whatever the reason: work goes on without a board.
                self._optional.lacks(FEATURE, error)
                self._boards.pop(plan.id, None)
                return ""
            self._last[plan.id] = wanted, url
            return url

    def _show(self, plan: Issue, cards: Sequence[Card]) -> str:
        board_id, board = self._find(plan)
        if board.closed:
            return board.url
        if self._add_fields(board_id, board):
            board = self._read(board_id)
        if missing := [card.issue for card in cards if card.issue.id not in board.items]:
            self._add(board_id, missing)
            board = self._read(board_id)
        due = changes(board, cards)
        few = BATCH // 3
        for at in range(0, len(due), few):
            self._write(board_id, [value for values in due[at : at + few] for value in values])
        return board.url

    # The board.

    def _find(self, plan: Issue) -> tuple[str, Shown]:
        if known := self._boards.get(plan.id):
            try:
                return known, self._read(known)
            except Absent:
                # A person deleted it.
                del self._boards[plan.id]
                self._recent.forget(("board", plan.id))
        found = self._boards[plan.id] = self._ensure(plan)
        return found, self._read(found)

    def _ensure(self, plan: Issue) -> str:
        """The id of the plan's board, made if there is none."""
        # A repository may be renamed, and another one linked that has an issue of this number: the id stays.
        sign = f"shown by cdock ({plan.id})"
        repository, boards = self._linked()
        for node in boards:
            if sign in text_of(node, "shortDescription"):
                return text_of(node, "id")
        # Whoever made one may have died before it was marked.
        found = next((text_of(node, "id") for node in boards if _bare(node, title=plan.title)), "")
        found = found or self._create(plan, repository)
        self._send(MARK, {"board": found, "mark": f"Plan #{plan.number}, {sign}"})
        return found

    def _linked(self) -> tuple[Row, list[Row]]:
        """The repository, and the boards that are linked to it, the newest first."""
        boards: list[Row] = []
        after: str | None = None
        for _ in range(PAGES):
            row = fields_of(self._ask(BOARDS, {**self._names(), "after": after}).get("repository"))
            boards += nodes_of(row, "projectsV2")
            page = fields_of(fields_of(row.get("projectsV2")).get("pageInfo"))
            after = text_of(page, "endCursor") if page.get("hasNextPage") is True else None
            if after is None:
                break
        return row, boards

    def _create(self, plan: Issue, repository: Row) -> str:
        key = ("board", plan.id)
        if known := self._recent.row(key):
            # The list does not show it yet.
            return text_of(known, "id")
        owner = text_of(fields_of(repository.get("owner")), "id")
        given = {"owner": owner, "repository": text_of(repository, "id"), "title": plan.title}
        try:
            answer = self._send(CREATE, given)
        except OutcomeUnknown:
            self._recent.unknown(key)
            raise
        made = fields_of(fields_of(answer.get("createProjectV2")).get("projectV2"))
        if not text_of(made, "id"):
            self._recent.unknown(key)
            raise Unavailable(
                f"{self._client.host} does not say which board it made",
                tried=f"making a board for #{plan.number}",
                fix="Nothing to do: cdock looks again.",
            )
        self._recent.made(key, dict(made))
        return text_of(made, "id")

    def _read(self, board_id: str) -> Shown:
        after: str | None = None
        board: Shown | None = None
        for _ in range(PAGES):
            node = fields_of(self._ask(BOARD, {"board": board_id, "after": after}).get("node"))
            page = shown_of(node)
            board = replace(page, items={**(board.items if board else {}), **page.items})
            after = page.next
            if not after:
                break
        assert board is not None, "there is at least one page"  # noqa: S101 - for the type checker
        return board

    def _add_fields(self, board_id: str, board: Shown) -> bool:
        """Make the fields that are missing; whether any was."""
        wanted: list[dict[str, Any]] = []
        if board.own is None and OWN not in board.taken:
            options = [{"name": name, "color": colour, "description": ""} for name, colour in STATES.items()]
            wanted.append({"name": OWN, "dataType": "SINGLE_SELECT", "singleSelectOptions": options})
        if not board.stage and STAGE not in board.taken:
            wanted.append({"name": STAGE, "dataType": "NUMBER"})
        for field in wanted:
            self._send(FIELD, {"field": {"projectId": board_id, **field}})
        return bool(wanted)

    # Cards.

    def _add(self, board_id: str, issues: Sequence[Issue]) -> None:
        ids = self._ids(issues)
        given = [{"projectId": board_id, "contentId": ids[issue.id]} for issue in issues if issue.id in ids]
        for at in range(0, len(given), BATCH):
            self._send_many(ADD, given[at : at + BATCH])

    def _write(self, board_id: str, values: Sequence[tuple[str, str, dict[str, Any]]]) -> None:
        self._send_many(
            WRITE,
            [
                {"projectId": board_id, "itemId": item, "fieldId": field, "value": value}
                for item, field, value in values
            ],
        )

    def _ids(self, issues: Sequence[Issue]) -> dict[int, str]:
        """GraphQL's ids of issues by their database ids; those that are not there any more are left out."""
        unknown = [issue for issue in issues if issue.id not in self._issues]
        for at in range(0, len(unknown), BATCH):
            some = unknown[at : at + BATCH]
            try:
                self._learn(some)
            except Absent:
                # One that is missing fails the whole document.
                for issue in some:
                    self._learn_one(issue)
        return {issue.id: self._issues[issue.id] for issue in issues if issue.id in self._issues}

    def _learn_one(self, issue: Issue) -> None:
        try:
            self._learn([issue])
        except Absent:
            return

    def _learn(self, issues: Sequence[Issue]) -> None:
        one = "i1: issue(number: 1) { id fullDatabaseId }"
        asked = "\n    ".join(one.replace("1", str(issue.number)) for issue in issues)
        row = fields_of(self._ask(ISSUES.replace(one, asked), self._names()).get("repository"))
        for issue in issues:
            node = fields_of(row.get(f"i{issue.number}"))
            if whole_of(node, "fullDatabaseId") == issue.id:
                self._issues[issue.id] = text_of(node, "id")

    # The line.

    def _names(self) -> dict[str, Any]:
        owner, _, name = self._home.full_name.partition("/")
        return {"owner": owner, "name": name}

    def _ask(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        return self._client.graphql(document, variables, writing=False)

    def _send(self, document: str, variables: dict[str, Any]) -> dict[str, Any]:
        return self._client.graphql(document, variables, writing=True, may_wait=True)

    def _send_many(self, document: str, inputs: Sequence[dict[str, Any]]) -> None:
        """Send a document of one mutation as one of many, in order."""
        head, body = document.strip().removesuffix("}").split("{", 1)
        name, declared = head.strip().removesuffix(")").split("(", 1)
        names = [f"v{number}" for number in range(1, len(inputs) + 1)]
        many = f"{name}({', '.join(declared.replace('v1', one) for one in names)}) {{" + "".join(
            body.replace("v1", one) for one in names
        )
        self._send(f"{many}}}", dict(zip(names, inputs, strict=True)))


def _bare(node: Row, *, title: str) -> bool:
    """Whether a board has this title and nothing else, and may be written to."""
    empty = not text_of(node, "shortDescription") and not fields_of(node.get("items")).get("totalCount")
    return empty and text_of(node, "title") == title and node.get("viewerCanUpdate") is True
