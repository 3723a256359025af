"""Who may do what, and to whom issues can be assigned, over REST."""

from __future__ import annotations

from typing import Final

from cdock.forge.domain import roles, users
from cdock.forge.domain.errors import NotFound
from cdock.forge.domain.roles import Role
from cdock.forge.rest.answers import NOTHING, Answer
from cdock.forge.rest.call import Call
from cdock.forge.rest.paging import numbered, part
from cdock.forge.rest.routing import repo_route
from cdock.forge.rest.shapes import people

# The older four words; two of the roles had none.
_PERMISSION: Final = {
    Role.NONE: "none",
    Role.READ: "read",
    Role.TRIAGE: "read",
    Role.WRITE: "write",
    Role.MAINTAIN: "write",
    Role.ADMIN: "admin",
}


@repo_route("GET", "/collaborators")
def list_collaborators(call: Call) -> Answer:
    """Everybody with a role. Needs write access."""
    _need_push(call)
    found = roles.collaborators(call.tx, call.repo)
    body = [people.collaborator(call.urls, person, role) for person, role in part(call, found)]
    return numbered(call, body, len(found))


@repo_route("GET", "/collaborators/{login}")
def is_collaborator(call: Call) -> Answer:
    """204 when somebody has a role, else 404. Needs write access."""
    _need_push(call)
    person = users.find(call.tx, call.params["login"])
    if not roles.is_collaborator(call.tx, call.repo, person):
        raise NotFound
    return NOTHING


@repo_route("PUT", "/collaborators/{login}")
def add_collaborator(call: Call) -> Answer:
    """Give somebody a role at once: there is nobody here who would have to accept an invitation."""
    call.objects()
    roles.require(call.tx, call.repo, call.actor, Role.ADMIN)
    person = users.find(call.tx, call.params["login"])
    role = roles.parse_role(call.body.text("permission") or "push")
    roles.set_role(call.tx, call.repo, person, role)
    return NOTHING


@repo_route("DELETE", "/collaborators/{login}")
def remove_collaborator(call: Call) -> Answer:
    """Take a role away."""
    roles.require(call.tx, call.repo, call.actor, Role.ADMIN)
    roles.set_role(call.tx, call.repo, users.find(call.tx, call.params["login"]), Role.NONE)
    return NOTHING


@repo_route("GET", "/collaborators/{login}/permission")
def permission(call: Call) -> Answer:
    """Anybody's role, also of those who were given none."""
    roles.require(call.tx, call.repo, call.actor, Role.READ)
    person = users.find(call.tx, call.params["login"])
    role = roles.role_of(call.tx, call.repo, person)
    return Answer(
        {
            "permission": _PERMISSION[role],
            "role_name": role.label,
            "user": people.collaborator(call.urls, person, role),
        }
    )


@repo_route("GET", "/assignees")
def assignees(call: Call) -> Answer:
    """Everybody to whom issues can be assigned."""
    found = roles.assignables(call.tx, call.repo)
    return numbered(call, [people.user(call.urls, person) for person in part(call, found)], len(found))


@repo_route("GET", "/assignees/{login}")
def is_assignable(call: Call) -> Answer:
    """204 when issues can be assigned to somebody, else 404."""
    wanted = call.params["login"].lower()
    if all(person.login.lower() != wanted for person in roles.assignables(call.tx, call.repo)):
        raise NotFound
    return NOTHING


def _need_push(call: Call) -> None:
    roles.require(
        call.tx,
        call.repo,
        call.actor,
        Role.WRITE,
        message="Must have push access to view repository collaborators.",
    )
