"""GraphQL as a program sends it, and gh as a person runs it, against a running forge."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.forge.ground import Ground

LIMIT = 60.0
HOST = "github.localhost"
# The wheel puts it beside the interpreter; one that happens to be on the PATH would be another version.
GH = Path(sys.executable).parent / "gh"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        """The data of an answer without errors."""
        assert (self.status, self.body.get("errors")) == (200, None), self.body.get("errors", self.body)
        return self.body["data"]

    @property
    def error(self) -> dict[str, Any]:
        """The only error."""
        assert self.status == 200, self.body
        (error,) = self.body["errors"]
        return dict(error)


def ask(ground: Ground, document: str, /, *, token: str | None = None, **variables: Any) -> Answer:
    """Send a document; `$owner` and `$name` are those of the ground unless given."""
    owner, _, name = ground.name.partition("/")
    answer = requests.post(
        f"{ground.forge.url}/api/graphql",
        json={"query": document, "variables": {"owner": owner, "name": name, **variables}},
        headers={"Authorization": f"bearer {token or ground.people.owner}"},
        timeout=LIMIT,
    )
    return Answer(answer.status_code, answer.headers, answer.json())


def in_repo(ground: Ground, selection: str, /, *, token: str | None = None, **variables: Any) -> Any:
    """What a selection of the ground's repository gives."""
    document = f"query($owner:String!,$name:String!){{repository(owner:$owner,name:$name){{{selection}}}}}"
    return ask(ground, document, token=token, **variables).data["repository"]


def change(ground: Ground, name: str, payload: str, /, *, token: str | None = None, **given: Any) -> Answer:
    """Carry out one mutation; `given` is its input."""
    kind = f"{name[0].upper()}{name[1:]}Input!"
    document = f"mutation($input:{kind}){{{name}(input:$input){{{payload}}}}}"
    return ask(ground, document, token=token, input=given)


@dataclass(frozen=True)
class Gh:
    """gh as one person on one repository, with no configuration but what is given here."""

    ground: Ground
    home: Path
    token: str

    def run(self, *args: str, sent: str = "") -> subprocess.CompletedProcess[str]:
        """Run it and return what it printed, whatever its exit code."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "GH_CONFIG_DIR": str(self.home / "gh"),
            "GH_HOST": HOST,
            "GH_REPO": f"{HOST}/{self.ground.name}",
            "GH_TOKEN": self.token,
            "GH_PROMPT_DISABLED": "1",
            "GH_NO_UPDATE_NOTIFIER": "1",
            "GH_TELEMETRY": "false",
            "HTTP_PROXY": self.ground.forge.url,
            "NO_COLOR": "1",
        }
        return subprocess.run(
            [GH, *args],
            env=environment,
            cwd=self.home,
            input=sent,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )

    def done(self, *args: str, sent: str = "") -> str:
        """Run it, insist on success, and return its output."""
        done = self.run(*args, sent=sent)
        assert done.returncode == 0, f"gh {' '.join(args)}: {done.stderr or done.stdout}"
        return done.stdout

    def read(self, *args: str, fields: str) -> Any:
        """What a command prints as JSON."""
        return json.loads(self.done(*args, "--json", fields))
