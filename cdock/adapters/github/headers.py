"""What GitHub says about a token beside every answer: its quota, its scopes, its end. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True)
class Quota:
    """What is left of one kind of requests (`core`, `graphql`) until `reset`, when it is `limit` again."""

    resource: str
    limit: int
    remaining: int
    reset: datetime


def quota_of(headers: Mapping[str, str]) -> Quota | None:
    """The quota an answer speaks of; None when it does not, as on servers without limits."""
    limit, remaining, reset = (
        seconds(headers.get(f"x-ratelimit-{n}")) for n in ("limit", "remaining", "reset")
    )
    if limit is None or remaining is None or reset is None:
        return None
    resource = headers.get("x-ratelimit-resource", "core")
    return Quota(resource, int(limit), int(remaining), datetime.fromtimestamp(reset, UTC))


def scopes_of(headers: Mapping[str, str]) -> frozenset[str] | None:
    """The scopes of a classic token; None for tokens that have none, which are fine-grained or an App's."""
    text = headers.get("x-oauth-scopes")
    if text is None:
        return None
    return frozenset(scope.strip() for scope in text.split(",") if scope.strip())


def expiry_of(headers: Mapping[str, str]) -> datetime | None:
    """When the token ends, where it does and the host says so."""
    text = headers.get("github-authentication-token-expiration", "").replace("UTC", "+0000")
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M:%S %z").astimezone(UTC)
    except ValueError:
        return None


def seconds(text: str | None) -> float | None:
    """A number of seconds, or any other that is not negative; None for nonsense."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < 1e11 else None
