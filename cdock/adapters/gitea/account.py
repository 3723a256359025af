"""The account cdock acts as, for people to look at: whose it is, and whether it may do what cdock needs."""

from collections.abc import Callable

from cdock.adapters.gate import FREE, shared_gate
from cdock.adapters.gitea.client import Client
from cdock.adapters.gitea.home import Home
from cdock.core.errors import NotPermitted


class GiteaAccount:
    """A token's account at the server of a repository; see `GiteaForge` for what both are given.

    Asks with harmless reads only. Gitea tells neither when a token ends nor how many requests are left.
    """

    quota = None
    expires_at = None

    def __init__(
        self,
        web: str,
        repository: str,
        *,
        token: Callable[[], str],
        account: str,
        source: str,
        timeout: float = 15.0,
    ) -> None:
        gate = shared_gate(web, account=account, budget=FREE)
        self.source = source
        self._client = Client(web, token=token, gate=gate, timeout=timeout)
        self._home = Home(self._client, repository)

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def login(self) -> str:
        """Whose token it is. Raises `Unavailable` and `Refused`."""
        return self._client.login()

    def kind(self) -> str:
        """What kind of token it is."""
        return "a token of Gitea or Forgejo"

    def rights(self) -> tuple[()]:
        """Single rights are not told apart.

        Raises:
            NotPermitted: the account may not write to the repository, or not ask who else may.
        """
        given = self._home.verify().get("permissions") or {}
        for right, lacking, fix in (
            ("push", "write to", "give it write access"),
            ("admin", "ask who may write to", "make it an administrator of the repository"),
        ):
            if not given.get(right):
                raise NotPermitted(
                    f"{self.login()} may not {lacking} {self._home.full_name}",
                    tried=f"looking at its permissions on {self._home.host}",
                    fix=f"{fix} (Settings, Collaborators)",
                )
        return ()

    def remedy(self, right: object) -> str:
        """What gives the account a right that it lacks: there are no single ones."""
        return ""
