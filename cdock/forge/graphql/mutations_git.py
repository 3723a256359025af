"""Mutations of refs and repositories."""

from __future__ import annotations

from cdock.forge.domain import linkedbranches, refmoves, repos
from cdock.forge.domain.errors import Forbidden
from cdock.forge.domain.refmoves import Wish
from cdock.forge.graphql import issues as shown_issues
from cdock.forge.graphql import nodes, repository
from cdock.forge.graphql.asked import Ask, Shown
from cdock.forge.graphql.registry import Input, mutation


@mutation("updateRefs", "contents")
def update_refs(ask: Ask, given: Input) -> Shown:
    """Move several refs, all or none."""
    repo = nodes.repo(ask, given["repositoryId"])
    wishes = [
        Wish(each["name"], each["afterOid"], before=each.get("beforeOid"), force=bool(each.get("force")))
        for each in given["refUpdates"]
    ]
    refmoves.move_all(ask.tx, repo, wishes, actor=ask.actor)
    return {}


@mutation("createLinkedBranch", "contents")
def create_linked_branch(ask: Ask, given: Input) -> Shown:
    """Make a branch for an issue."""
    repo, issue = nodes.only_issue(ask, given["issueId"])
    wanted = given.get("repositoryId")
    if wanted is not None and nodes.repo(ask, wanted).id != repo.id:
        raise Forbidden("Branches are linked within one repository here")
    link = linkedbranches.create(
        ask.tx, repo, issue, oid=given["oid"], name=given.get("name"), actor=ask.actor
    )
    return {
        "issue": shown_issues.issue(ask, repo, issue),
        "linkedBranch": shown_issues.linked_branch(ask, repo, link),
    }


@mutation("deleteLinkedBranch", "contents")
def delete_linked_branch(ask: Ask, given: Input) -> Shown:
    """Forget that a branch belongs to an issue."""
    repo, issue, link_id = nodes.linked_branch(ask, given["linkedBranchId"])
    linkedbranches.delete(ask.tx, repo, link_id, actor=ask.actor)
    return {"issue": shown_issues.issue(ask, repo, issue)}


@mutation("createRepository", "administration")
def create_repository(ask: Ask, given: Input) -> Shown:
    """A new repository of one's own."""
    owner = nodes.user(ask, given["ownerId"]) if given.get("ownerId") else ask.actor
    if owner.id != ask.actor.id:
        raise Forbidden(f"{ask.actor.login} cannot create a repository for {owner.login}.")
    repo = repos.create(
        ask.tx,
        given["name"],
        owner=owner,
        private=given["visibility"] != "PUBLIC",
        description=given.get("description"),
    )
    return {"repository": repository.repository(ask, repo)}
