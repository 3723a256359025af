"""What cdock can do on GitHub, which permission each part needs, and whether a token has it. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from cdock.adapters.github.hosts import Host


class Has(StrEnum):
    """Whether a token may do something."""

    HAVE = "have"
    LACKS = "lacks"
    UNKNOWN = "unknown"  # GitHub tells only when it is tried


class Kind(StrEnum):
    """Kinds of tokens, which have their permissions in different ways."""

    CLASSIC = "classic token"
    FINE = "fine-grained token"
    APP = "App"
    OTHER = "token of an unknown kind"


@dataclass(frozen=True)
class Feature:
    """A part of cdock.

    `area` and `level` are its permission as Apps name it, `permission` as GitHub's pages do; any of the `scopes` does
    for a classic token. `role` is what its user must be in the repository at least. `probe` is a harmless read below
    the repository: refused, it shows that the feature is out of reach; answered, it `proves` it where it needs no more.
    Where `absent`, GitHub hides what may not be read, and answers 404.
    """

    name: str
    area: str
    level: str
    permission: str
    scopes: tuple[str, ...] = ("repo",)
    role: str = "push"
    required: bool = False
    probe: str = ""
    proves: bool = False
    absent: bool = False


FEATURES = (
    Feature(
        "read issues", "issues", "read", "Issues: read",
        role="pull", required=True, probe="issues?state=all&per_page=1", proves=True, absent=True,
    ),
    Feature(
        "see who may write", "metadata", "read", "Metadata: read",
        required=True, probe="collaborators/{login}/permission", proves=True,
    ),
    Feature("write issues, comments and labels", "issues", "write", "Issues: write", role="triage", required=True),
    Feature("push branches and claims", "contents", "write", "Contents: write", required=True, proves=True),
    Feature(
        "open pull requests", "pull_requests", "write", "Pull requests: write",
        required=True, probe="pulls?state=all&per_page=1",
    ),
    Feature(
        "see check runs", "checks", "read", "Checks: read",
        role="pull", probe="commits/{branch}/check-runs?per_page=1", proves=True,
    ),
    Feature(
        "see commit statuses", "statuses", "read", "Commit statuses: read",
        scopes=("repo", "repo:status"), role="pull", probe="commits/{branch}/status?per_page=1", proves=True,
    ),
    Feature(
        "use boards", "organization_projects", "write", "Projects: write",
        scopes=("project",), role="pull",
    ),
    Feature(
        "manage webhooks", "repository_hooks", "write", "Webhooks: write",
        scopes=("admin:repo_hook", "write:repo_hook", "repo"), role="admin", probe="hooks?per_page=1", absent=True,
    ),
    Feature("change workflow files", "workflows", "write", "Workflows: write", scopes=("workflow",)),
)  # fmt: skip
"""In the order a task meets them. The names are shown."""

_LEVELS = ("read", "write", "admin")


@dataclass(frozen=True)
class Seen:
    """What the host showed of a token and its account. `roles` are those the user has in the repository."""

    kind: Kind
    public: bool
    scopes: Collection[str] = ()
    permissions: Mapping[str, str] | None = None
    """Of an App; None where they are not known."""
    roles: Collection[str] | None = None


@dataclass(frozen=True)
class Tried:
    """How a harmless read ended: answered, refused, or neither; `said` is what the host said."""

    answered: bool | None = None
    said: str = ""


@dataclass(frozen=True)
class Right:
    """Whether a token may do something, what that needs, and why it is thought so where that says more."""

    feature: Feature
    has: Has
    needs: str
    why: str = ""
    by_role: bool = False
    """It is the account that lacks it, whatever the token."""


def right_of(feature: Feature, seen: Seen, tried: Tried) -> Right:
    """What is known of a feature. What the host refused is lacking, whatever the token's papers say."""
    needs = _needs(feature, seen.kind)
    if seen.roles is not None and feature.role not in seen.roles:
        return Right(feature, Has.LACKS, needs, "the account's role does not allow it", by_role=True)
    if tried.answered is False:
        return Right(feature, Has.LACKS, needs, tried.said)
    if seen.kind is Kind.APP and seen.permissions is not None:
        return Right(feature, _given(seen.permissions.get(feature.area), feature), needs)
    if seen.kind is Kind.CLASSIC:
        enough = set(feature.scopes) | (
            {"public_repo"} if seen.public and "repo" in feature.scopes else set()
        )
        return Right(feature, Has.HAVE if enough & set(seen.scopes) else Has.LACKS, needs)
    if tried.answered and feature.proves:
        return Right(feature, Has.HAVE, needs)
    return Right(feature, Has.UNKNOWN, needs, tried.said)


def where_to_give(kind: Kind, host: Host) -> str:
    """Where a person changes what a token may do."""
    if kind is Kind.APP:
        return "on the App's page, Permissions & events; then its installation has to accept them"
    page = "tokens" if kind is Kind.CLASSIC else "personal-access-tokens"
    return f"on {host.web}/settings/{page}"


def _needs(feature: Feature, kind: Kind) -> str:
    if kind is Kind.CLASSIC:
        return f"the scope {feature.scopes[0]}"
    return feature.permission


def _given(level: str | None, feature: Feature) -> Has:
    enough = level in _LEVELS and _LEVELS.index(level) >= _LEVELS.index(feature.level)
    return Has.HAVE if enough else Has.LACKS
