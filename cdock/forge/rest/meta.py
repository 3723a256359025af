"""What the server says about itself and about the one who asks."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import repos, users
from cdock.forge.domain.access import Inaccessible
from cdock.forge.domain.errors import LoginNeeded
from cdock.forge.rest.answers import Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import route
from cdock.forge.rest.shapes import people
from cdock.forge.rest.shapes import repo as shapes

_ROOT: Final = {
    "current_user_url": "/user",
    "authorizations_url": "/authorizations",
    "code_search_url": "/search/code?q={query}{&page,per_page,sort,order}",
    "commit_search_url": "/search/commits?q={query}{&page,per_page,sort,order}",
    "emails_url": "/user/emails",
    "emojis_url": "/emojis",
    "events_url": "/events",
    "feeds_url": "/feeds",
    "followers_url": "/user/followers",
    "following_url": "/user/following{/target}",
    "gists_url": "/gists{/gist_id}",
    "hub_url": "/hub",
    "issue_search_url": "/search/issues?q={query}{&page,per_page,sort,order}",
    "issues_url": "/issues",
    "keys_url": "/user/keys",
    "label_search_url": "/search/labels?q={query}&repository_id={repository_id}{&page,per_page}",
    "notifications_url": "/notifications",
    "organization_url": "/orgs/{org}",
    "organization_repositories_url": "/orgs/{org}/repos{?type,page,per_page,sort}",
    "organization_teams_url": "/orgs/{org}/teams",
    "public_gists_url": "/gists/public",
    "rate_limit_url": "/rate_limit",
    "repository_url": "/repos/{owner}/{repo}",
    "repository_search_url": "/search/repositories?q={query}{&page,per_page,sort,order}",
    "current_user_repositories_url": "/user/repos{?type,page,per_page,sort}",
    "starred_url": "/user/starred{/owner}{/repo}",
    "starred_gists_url": "/gists/starred",
    "topic_search_url": "/search/topics?q={query}{&page,per_page}",
    "user_url": "/users/{user}",
    "user_organizations_url": "/user/orgs",
    "user_repositories_url": "/users/{user}/repos{?type,page,per_page,sort}",
    "user_search_url": "/search/users?q={query}{&page,per_page,sort,order}",
}


@route("GET", "/")
def root(call: Call) -> Answer:
    """The addresses of everything GitHub has, ours or not."""
    body = {key: call.urls.api + path for key, path in _ROOT.items()}
    body["current_user_authorizations_html_url"] = (
        f"{call.urls.web}/settings/connections/applications{{/client_id}}"
    )
    return Answer(body)


@route("GET", "/meta")
def meta(_: Call) -> Answer:
    """Facts about the installation: everything is on this machine."""
    return Answer(
        {"verifiable_password_authentication": False, "api": ["127.0.0.1/32"], "git": ["127.0.0.1/32"]}
    )


@route("GET", "/versions")
def versions(_: Call) -> Answer:
    """The versions of the REST interface, newest first."""
    return Answer(["2026-03-10", "2022-11-28"])


@route("GET", "/user")
def own_user(call: Call) -> Answer:
    """The one who asks; an App's bot has no profile of its own."""
    if call.actor is None:
        raise LoginNeeded
    if call.login is not None and call.login.kind == "app":
        raise Inaccessible(call.login)
    own = repos.list_visible(call.tx, actor=call.actor, owner=call.actor)
    private = sum(repo.private for repo in own)
    return Answer(
        people.own_profile(call.urls, call.actor, public_repos=len(own) - private, private_repos=private),
        modified=call.actor.created,
    )


@route("GET", "/users/{login}")
def user(call: Call) -> Answer:
    """Somebody by login."""
    person = users.find(call.tx, call.params["login"])
    public = repos.list_visible(call.tx, actor=None, owner=person)
    return Answer(people.profile(call.urls, person, public_repos=len(public)), modified=person.created)


@route("GET", "/users/{login}/repos")
def repos_of_user(call: Call) -> Answer:
    """Somebody's repositories."""
    person = users.find(call.tx, call.params["login"])
    found = repos.list_visible(call.tx, actor=call.actor, owner=person)
    return numbered(call, [shapes.standard(call, repo) for repo in part(call, found)], len(found))


@route("GET", "/user/repos")
def own_repos(call: Call) -> Answer:
    """The repositories of the one who asks, and those in which they were given a role."""
    if call.actor is None:
        raise LoginNeeded
    found = repos.list_shared(call.tx, call.actor)
    return numbered(call, [shapes.standard(call, repo) for repo in part(call, found)], len(found))
