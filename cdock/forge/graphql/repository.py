"""Repositories."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

from cdock.forge.domain import issues, labels, milestones, pulls, refs, roles, trees
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.repos import Repo
from cdock.forge.domain.roles import Role, role_of
from cdock.forge.graphql import boards, git, people, scopes
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import labels as shown_labels
from cdock.forge.graphql import pulls as shown_pulls
from cdock.forge.graphql.asked import Args, Ask, Shown
from cdock.forge.graphql.connections import connection
from cdock.forge.graphql.ids import node_id
from cdock.forge.store import text_of

_PULL_TEMPLATES: Final = tuple(
    f"{folder}{name}"
    for folder in (".github/", "", "docs/")
    for name in ("pull_request_template.md", "PULL_REQUEST_TEMPLATE.md")
)


def repository(ask: Ask, repo: Repo) -> Shown:
    """A repository."""
    page = ask.urls.page(repo)
    host = ask.urls.web.removeprefix("http://")
    return {
        "__typename": "Repository",
        "id": node_id("R", repo.id),
        "databaseId": repo.id,
        "name": repo.name,
        "nameWithOwner": repo.full_name,
        "owner": people.user(ask, repo.owner),
        "description": repo.description,
        "url": page,
        "sshUrl": f"git@{host}:{repo.full_name}.git",
        "createdAt": text_of(repo.created),
        "updatedAt": text_of(repo.updated),
        "pushedAt": text_of(repo.pushed),
        "isPrivate": repo.private,
        "visibility": "PRIVATE" if repo.private else "PUBLIC",
        "isArchived": repo.settings["archived"],
        "isEmpty": lambda _: refs.is_empty(repo),
        "isInOrganization": repo.owner.kind == "Organization",
        "hasIssuesEnabled": repo.settings["has_issues"],
        "mergeCommitAllowed": repo.settings["allow_merge_commit"],
        "squashMergeAllowed": repo.settings["allow_squash_merge"],
        "rebaseMergeAllowed": repo.settings["allow_rebase_merge"],
        "deleteBranchOnMerge": repo.settings["delete_branch_on_merge"],
        **_viewer(ask, repo),
        **_git(ask, repo),
        **_issues(ask, repo),
        **_people(ask, repo),
        **boards.of_repo(ask, repo),
        **_absent(),
    }


def _viewer(ask: Ask, repo: Repo) -> Shown:
    def permission(_: Args) -> str | None:
        role = role_of(ask.tx, repo, ask.actor)
        return None if role is Role.NONE else role.name

    return {
        "viewerPermission": permission,
        "viewerCanAdminister": lambda _: role_of(ask.tx, repo, ask.actor) >= Role.ADMIN,
        "viewerDefaultCommitEmail": ask.actor.email,
        "viewerPossibleCommitEmails": [ask.actor.email],
        "viewerDefaultMergeMethod": _method(repo),
        "viewerHasStarred": False,
        "viewerSubscription": "UNSUBSCRIBED",
    }


def _git(ask: Ask, repo: Repo) -> Shown:
    return {
        "defaultBranchRef": lambda _: git.branch_of(ask, repo, repo.default_branch),
        "ref": lambda args: git.ref_of(ask, repo, args["qualifiedName"]),
        "refs": lambda args: git.refs_of(ask, repo, args),
        "pullRequestTemplates": lambda _: _pull_templates(repo),
        "object": partial(_object, ask, repo),
    }


def _object(ask: Ask, repo: Repo, args: Args) -> Shown | None:
    scopes.reading(ask, repo, "contents")
    return git.thing(ask, repo, oid=args.get("oid"), expression=args.get("expression"))


def _pull_templates(repo: Repo) -> list[Shown]:
    tip = refs.branch_oid(repo, repo.default_branch)
    found = []
    for path in _PULL_TEMPLATES if tip else ():
        try:
            body = trees.read_file(repo, tip or "", path).decode(errors="replace")
        except NotFound:
            continue
        found.append({"filename": path, "body": body})
    return found


def _issues(ask: Ask, repo: Repo) -> Shown:
    def label(args: Args) -> Shown | None:
        try:
            return shown_labels.label(ask, repo, labels.find(ask.tx, repo, args["name"]))
        except NotFound:
            return None

    def milestone(args: Args) -> Shown | None:
        try:
            return shown_labels.milestone(ask, repo, milestones.find(ask.tx, repo, args["number"]))
        except NotFound:
            return None

    return {
        "issue": partial(_issue, ask, repo),
        "issueOrPullRequest": partial(_issue_or_pull, ask, repo),
        "pullRequest": partial(_pull, ask, repo),
        "issues": partial(_issues_of, ask, repo),
        "pullRequests": partial(_pulls_of, ask, repo),
        "label": label,
        "labels": lambda args: shown_labels.of_repo(ask, repo, args),
        "milestone": milestone,
        "milestones": lambda args: shown_labels.milestones_of(ask, repo, args),
    }


def _issues_of(ask: Ask, repo: Repo, args: Args) -> Shown:
    scopes.reading(ask, repo, "issues")
    return shown_issues.of_repo(ask, repo, args)


def _pulls_of(ask: Ask, repo: Repo, args: Args) -> Shown:
    scopes.reading(ask, repo, "pull_requests")
    return shown_pulls.of_repo(ask, repo, args)


def _issue(ask: Ask, repo: Repo, args: Args) -> Shown:
    scopes.reading(ask, repo, "issues")
    number = args["number"]
    try:
        found = issues.find(ask.tx, repo, number)
    except NotFound as error:
        raise shown_issues.missing(number, "an Issue") from error
    if found.pull is not None:
        raise shown_issues.missing(number, "an Issue")
    return shown_issues.issue(ask, repo, found)


def _issue_or_pull(ask: Ask, repo: Repo, args: Args) -> Shown:
    scopes.reading(ask, repo, "issues", "pull_requests")
    try:
        found = issues.find(ask.tx, repo, args["number"])
    except NotFound as error:
        raise shown_issues.missing(args["number"]) from error
    return shown_issues.issue_or_pull(ask, repo, found)


def _pull(ask: Ask, repo: Repo, args: Args) -> Shown:
    scopes.reading(ask, repo, "pull_requests")
    try:
        return shown_pulls.pull(ask, repo, pulls.find(ask.tx, repo, args["number"]))
    except NotFound as error:
        raise shown_issues.missing(args["number"], "a PullRequest") from error


def _people(ask: Ask, repo: Repo) -> Shown:
    def assignable(args: Args) -> Shown:
        words = (args.get("query") or args.get("loginNames") or "").lower().split()
        found = [
            person
            for person in roles.assignables(ask.tx, repo)
            if all(word in f"{person.login} {person.name or ''}".lower() for word in words)
        ]
        return connection(args, found, lambda person: people.user(ask, person))

    def mentionable(args: Args) -> Shown:
        found = [person for person, _ in roles.collaborators(ask.tx, repo)]
        return connection(args, found, lambda person: people.user(ask, person))

    return {"assignableUsers": assignable, "suggestedActors": assignable, "mentionableUsers": mentionable}


def _absent() -> Shown:
    """What nothing of exists here."""

    def none(args: Args) -> Shown:
        return connection(args, (), lambda each: each)

    nothing: dict[str, Any] = dict.fromkeys(
        (
            "archivedAt",
            "codeOfConduct",
            "diskUsage",
            "homepageUrl",
            "latestRelease",
            "licenseInfo",
            "mirrorUrl",
            "parent",
            "primaryLanguage",
            "securityPolicyUrl",
            "templateRepository",
        )
    )
    return nothing | {
        "contactLinks": [],
        "forkCount": 0,
        "fundingLinks": [],
        "hasDiscussionsEnabled": False,
        "hasProjectsEnabled": True,
        "hasWikiEnabled": False,
        "isBlankIssuesEnabled": True,
        "isFork": False,
        "isMirror": False,
        "isSecurityPolicyEnabled": False,
        "isTemplate": False,
        "isUserConfigurationRepository": False,
        # Those for issues are forms here, which this list does not have on GitHub either.
        "issueTemplates": [],
        "issueTypes": none,
        "languages": none,
        "openGraphImageUrl": "",
        "repositoryTopics": none,
        "stargazerCount": 0,
        "usesCustomOpenGraphImage": False,
        "watchers": none,
    }


def _method(repo: Repo) -> str:
    for switch, name in (
        ("allow_merge_commit", "MERGE"),
        ("allow_squash_merge", "SQUASH"),
        ("allow_rebase_merge", "REBASE"),
    ):
        if repo.settings[switch]:
            return name
    return "MERGE"
