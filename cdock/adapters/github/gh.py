"""The token that the GitHub command line keeps, for people who have already logged in with it."""

import subprocess
from collections.abc import Mapping, Sequence

from cdock.adapters.github.tokens import GhRunner

TIMEOUT = 10.0
"""Seconds; a locked keyring may ask a question that nobody sees."""


def gh_runner(env: Mapping[str, str]) -> GhRunner:
    """Runs gh with this environment and no terminal; whatever goes wrong, the answer is empty."""

    def run(argv: Sequence[str]) -> str:
        quiet = {"GH_PROMPT_DISABLED": "1", "GH_NO_UPDATE_NOTIFIER": "1"}
        try:
            done = subprocess.run(
                argv,
                env={**env, **quiet},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
            return ""
        return done.stdout if done.returncode == 0 else ""

    return run
