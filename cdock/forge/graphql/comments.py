"""Comments and reactions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cdock.forge.domain import edits, hiding, issues, reactions
from cdock.forge.domain.comments import Comment
from cdock.forge.domain.reactions import Subject
from cdock.forge.domain.repos import Repo
from cdock.forge.graphql import edits as shown_edits
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import people, repository
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import node_id
from cdock.forge.store import text_of

_CONTENTS: Final = {
    "THUMBS_UP": "+1",
    "THUMBS_DOWN": "-1",
    "LAUGH": "laugh",
    "HOORAY": "hooray",
    "CONFUSED": "confused",
    "HEART": "heart",
    "ROCKET": "rocket",
    "EYES": "eyes",
}


def comment(ask: Ask, repo: Repo, shown: Comment) -> Shown:
    """A comment on an issue or pull request."""
    kind = "pull" if shown.on_pull else "issues"
    return {
        "__typename": "IssueComment",
        "id": node_id("IC", shown.id),
        "databaseId": shown.id,
        "fullDatabaseId": str(shown.id),
        "author": people.user(ask, shown.author),
        "authorAssociation": ask.association(repo, shown.author),
        "body": shown.body,
        "createdAt": text_of(shown.created),
        "updatedAt": text_of(shown.updated),
        "editor": people.maybe(ask, shown.editor),
        "includesCreatedEdit": shown.edited,
        "lastEditedAt": text_of(shown.updated) if shown.edited else None,
        "userContentEdits": lambda args: connection(
            args, edits.of_comment(ask.tx, shown), lambda each: shown_edits.edit(ask, each)
        ),
        "isMinimized": lambda _: hiding.reason_of(ask.tx, shown) is not None,
        "minimizedReason": lambda _: hiding.reason_of(ask.tx, shown),
        "reactionGroups": lambda _: groups(ask, "comment", shown.id, shown.reactions),
        "issue": lambda _: shown_issues.issue(ask, repo, _issue(ask, shown)),
        "repository": lambda _: repository.repository(ask, repo),
        "url": f"{ask.urls.page(repo)}/{kind}/{shown.issue_number}#issuecomment-{shown.id}",
        "viewerDidAuthor": shown.author.id == ask.actor.id,
    }


def groups(ask: Ask, subject: Subject, subject_id: int, counts: Mapping[str, int]) -> list[Shown]:
    """How many reactions of each kind a thing has."""

    def group(kind: str, content: str) -> Shown:
        def people_of(args: Args) -> Shown:
            if not args.wants("nodes", "edges"):
                return {"totalCount": counts.get(content, 0)}
            found = reactions.list_all(ask.tx, subject, subject_id, content=content)
            return connection(args, [each.user for each in found], lambda each: people.user(ask, each))

        def mine(_: Args) -> bool:
            found = reactions.list_all(ask.tx, subject, subject_id, content=content)
            return any(each.user.id == ask.actor.id for each in found)

        return {"content": kind, "users": people_of, "viewerHasReacted": mine}

    return [group(kind, content) for kind, content in _CONTENTS.items()]


def no_groups() -> list[Shown]:
    """The same for what nobody can react to here."""

    def nobody(args: Args) -> Shown:
        return connection(args, (), lambda each: each)

    return [{"content": kind, "users": nobody, "viewerHasReacted": False} for kind in _CONTENTS]


def _issue(ask: Ask, shown: Comment) -> issues.Issue:
    return issues.by_ids_of(ask.tx, [shown.issue_id])[shown.issue_id]
