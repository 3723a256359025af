"""The account cdock acts as, for people to look at: whose it is, until when, and what it may do there."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote

from cdock.adapters.github.client import Client
from cdock.adapters.github.faults import Unsupported
from cdock.adapters.github.gate import gate_for
from cdock.adapters.github.headers import Quota
from cdock.adapters.github.hosts import Repository
from cdock.adapters.github.permissions import (
    FEATURES,
    Feature,
    Kind,
    Right,
    Seen,
    Tried,
    right_of,
    where_to_give,
)
from cdock.adapters.github.tokens import Credential
from cdock.adapters.refusals import Absent
from cdock.core.errors import CdockError, NotPermitted

BOARDS = """
query Boards($login: String!) {
  repositoryOwner(login: $login) {
    ... on ProjectV2Owner {
      projectsV2(first: 1) {
        totalCount
      }
    }
  }
}
"""


_PREFIXES = {
    "ghp_": Kind.CLASSIC,
    "gho_": Kind.CLASSIC,
    "github_pat_": Kind.FINE,
    "ghs_": Kind.APP,
}


class Account:
    """A credential's account on the host of a repository. Asks with harmless reads only; `timeout` is in seconds."""

    def __init__(self, repository: Repository, *, credential: Credential, timeout: float = 15.0) -> None:
        gate = gate_for(repository.host, account=credential.account)
        self._repository = repository
        self._credential = credential
        self._timeout = timeout
        self._client = Client(repository.host, credential=credential, gate=gate, timeout=timeout)

    @property
    def source(self) -> str:
        """Where the credential came from."""
        return self._credential.source

    @property
    def expires_at(self) -> datetime | None:
        """When the token ends, as the last answer said; an App's is renewed, and so has no end."""
        return None if self._credential.permissions is not None else self._client.expires_at

    @property
    def quota(self) -> Quota | None:
        """What is left of the account's requests, as the last answer said."""
        return self._client.quota

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def login(self) -> str:
        """Whose token it is. Raises `Unavailable` and `Refused`."""
        return self._client.login()

    def kind(self) -> Kind:
        """What kind of token it is, after something was asked with it."""
        if self._credential.permissions is not None:
            return Kind.APP
        token = self._credential.token()
        # Tokens of all kinds may come with a list of scopes, an empty one where they have none.
        named = next((kind for prefix, kind in _PREFIXES.items() if token.startswith(prefix)), Kind.OTHER)
        return Kind.CLASSIC if named is Kind.OTHER and self._client.scopes else named

    def remedy(self, right: Right) -> str:
        """What gives the account a right that it lacks."""
        if right.by_role:
            return f"give {self.login()} more than its present role in {self._repository.full_name}"
        return f"give {right.needs} {where_to_give(self.kind(), self._repository.host)}"

    def rights(self) -> tuple[Right, ...]:
        """What the account may do in the repository, feature by feature. Raises `Unavailable` and `Refused`."""
        row = self._client.read(f"/repos/{self._repository.full_name}")
        kind = self.kind()
        roles = row.get("permissions")
        seen = Seen(
            kind=kind,
            public=row.get("private") is False,
            scopes=self._client.scopes or (),
            permissions=self._credential.permissions,
            # An App has no role, only permissions.
            roles=[name for name, given in roles.items() if given]
            if isinstance(roles, dict) and kind is not Kind.APP
            else None,
        )
        return tuple(right_of(feature, seen, self._tried(feature, row, kind)) for feature in FEATURES)

    def _tried(self, feature: Feature, row: Mapping[str, Any], kind: Kind) -> Tried:
        try:
            if feature.area == "contents":
                return self._pushing()
            if feature.area == "organization_projects":
                owner = str(row.get("full_name", "")).partition("/")[0]
                self._client.graphql(BOARDS, {"login": owner}, writing=False)
                return Tried(answered=True)
            if not feature.probe or ("{login}" in feature.probe and kind is Kind.APP):
                return Tried()
            path, _, query = feature.probe.partition("?")
            path = path.format(
                login=quote(self.login(), safe="") if "{login}" in path else "",
                branch=quote(str(row.get("default_branch")), safe=""),
            )
            self._client.poll(f"/repos/{row.get('full_name')}/{path}", dict(parse_qsl(query)))
        except Unsupported as error:
            return Tried(answered=False, said=error.message)
        except Absent as error:
            return Tried(answered=False if feature.absent else None, said=error.message)
        except NotPermitted as error:
            return Tried(answered=False, said=error.message)
        except CdockError as error:
            # Nothing is there yet to be read, such as commits, or the host does not answer now.
            return Tried(said=error.message)
        return Tried(answered=True)

    def _pushing(self) -> Tried:
        """Ask git's server as a push begins, which tells what the token may do before anything is sent."""
        import requests

        from cdock.adapters.github.connection import prepare_session

        url = f"{self._repository.clone_url}/info/refs"
        with requests.Session() as session:
            prepare_session(session, url)
            try:
                answer = session.get(
                    url,
                    params={"service": "git-receive-pack"},
                    auth=("x-access-token", self._credential.token()),
                    timeout=self._timeout,
                    allow_redirects=False,
                    stream=True,
                )
            except (OSError, ValueError) as error:
                return Tried(said=f"git's server did not answer ({type(error).__name__})")
        if answer.status_code in (401, 403):
            return Tried(answered=False, said=f"git's server answered {answer.status_code}")
        if answer.status_code != 200:
            return Tried(said=f"git's server answered {answer.status_code}")
        return Tried(answered=True)
