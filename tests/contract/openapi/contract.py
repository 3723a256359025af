"""Judge single HTTP requests and answers by the REST interface that GitHub publishes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from .routes import Match, Operation, Routes
from .schemas import Schemas, Side

HERE = Path(__file__).parent
SPECIFICATION = HERE / "github-rest.json"
WAIVERS = HERE / "waivers.toml"

RULES = frozenset(
    {
        "unknown-operation",
        "unknown-query-key",
        "missing-query-key",
        "repeated-query-key",
        "parameter-value",
        "missing-body",
        "unexpected-body",
        "unknown-body-key",
        "body",
        "unpublished-status",
        "media-type",
        "unknown-answer-key",
        "unknown-error-key",
        "answer",
    }
)
ERROR_BODY = {"$ref": "#/components/schemas/basic-error"}
JSON = "application/json"


@dataclass(frozen=True)
class _Rules:
    """The names under which the faults of one kind of body are reported."""

    side: Side
    mismatch: str
    undeclared: str


BODY_RULES = _Rules("write", "body", "unknown-body-key")
ANSWER_RULES = _Rules("read", "answer", "unknown-answer-key")
ERROR_RULES = _Rules("read", "answer", "unknown-error-key")


@dataclass(frozen=True)
class Violation:
    """One departure from the contract: which operation, which rule, where, and in words."""

    operation: str
    rule: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.operation}: {self.rule} at {self.where}: {self.message}"


@dataclass(frozen=True)
class Waiver:
    """A departure known to be GitHub's own. `operation` may use shell wildcards, the rest is exact."""

    operation: str
    rule: str
    where: str
    reason: str
    date: date

    def covers(self, violation: Violation) -> bool:
        """Whether this violation is the one waived."""
        return (
            fnmatchcase(violation.operation, self.operation)
            and violation.rule == self.rule
            and violation.where == self.where
        )


class Contract:
    """What GitHub publishes, ready to be asked.

    Requests are judged strictly: an undeclared query key or body key is a violation, though GitHub ignores it,
    because it is always a mistake of the client. The same holds for keys of answers: nobody may invent one.
    """

    def __init__(self, spec: dict[str, Any], *, waivers: Iterable[Waiver] = ()) -> None:
        self.waivers = tuple(waivers)
        self.used: set[Waiver] = set()
        self.routes = Routes(spec)
        self._schemas = Schemas(spec)

    def operation(self, method: str, url: str) -> str | None:
        """The name of the operation, such as `GET /user`; None when GitHub publishes none."""
        match = self.routes.find(method, url)
        return match.operation.name if match else None

    def request(self, method: str, url: str, body: bytes | None = None) -> list[Violation]:
        """What is wrong with a request; `url` is absolute or begins with the path."""
        match = self.routes.find(method, url)
        if match is None:
            where = url.partition("?")[0]
            return [
                Violation(
                    f"{method} {where}", "unknown-operation", where, "GitHub publishes no such operation"
                )
            ]
        return self._kept([*self._parameters(match), *self._body(match.operation, body or b"")])

    def response(
        self, method: str, url: str, status: int, body: bytes | None = None, *, media_type: str = JSON
    ) -> list[Violation]:
        """What is wrong with an answer; `media_type` is its Content-Type, parameters allowed.

        An unknown operation is the fault of the request and is not reported again.
        """
        match = self.routes.find(method, url)
        if match is None:
            return []
        return self._kept(self._answer(match.operation, status, body or b"", media_type))

    def _kept(self, violations: Iterable[Violation]) -> list[Violation]:
        kept = []
        for violation in violations:
            waiver = next((each for each in self.waivers if each.covers(violation)), None)
            if waiver is None:
                kept.append(violation)
            else:
                self.used.add(waiver)
        return kept

    def _parameters(self, match: Match) -> Iterator[Violation]:
        name = match.operation.name
        declared = {p["name"]: p for p in match.operation.parameters if p["in"] == "query"}
        sent = [key for key, _ in match.query]
        for key in dict.fromkeys(sent):
            if key not in declared:
                yield Violation(
                    name, "unknown-query-key", key, f"the query may have {', '.join(declared) or 'no key'}"
                )
            elif sent.count(key) > 1 and declared[key]["schema"].get("type") != "array":
                yield Violation(name, "repeated-query-key", key, "sent more than once, and is no list")
        for key, parameter in declared.items():
            if parameter.get("required") and key not in sent:
                yield Violation(name, "missing-query-key", key, "required, and not sent")
        schemas = {p["name"]: p["schema"] for p in match.operation.parameters if p["in"] in ("path", "query")}
        for key, text in (*match.path_values.items(), *match.query):
            if key in schemas and not any(
                not list(self._schemas.mismatches(value, schemas[key], side="write"))
                for value in _readings(text)
            ):
                yield Violation(
                    name, "parameter-value", key, f"{text!r} is not in {json.dumps(schemas[key])}"
                )

    def _body(self, operation: Operation, raw: bytes) -> Iterator[Violation]:
        published = operation.body
        if published is None:
            if raw:
                yield Violation(operation.name, "unexpected-body", "/", "the operation takes no body")
            return
        if not raw:
            if published["required"]:
                yield Violation(operation.name, "missing-body", "/", "required, and not sent")
            return
        yield from self._value(operation, raw, published["content"][JSON]["schema"], rules=BODY_RULES)

    def _answer(self, operation: Operation, status: int, raw: bytes, media_type: str) -> Iterator[Violation]:
        published = operation.responses.get(str(status))
        if published is None:
            listed = ", ".join(sorted(operation.responses))
            yield Violation(operation.name, "unpublished-status", str(status), f"GitHub publishes {listed}")
            if status >= 400:
                yield from self._value(operation, raw, ERROR_BODY, rules=ERROR_RULES)
            return
        rules = ERROR_RULES if status >= 400 else ANSWER_RULES
        content: dict[str, Any] = published.get("content", {})
        kind = _kind(media_type)
        if not content and status >= 400:
            # `404: Not Found` without a schema (is a collaborator? is merged?) means the usual error body.
            yield from self._value(operation, raw, ERROR_BODY, rules=rules)
        elif not content:
            if raw:
                yield Violation(operation.name, "answer", "/", f"{status} is published without a body")
        elif kind == JSON or (kind.endswith("+json") and kind not in content):
            yield from self._value(operation, raw, content[JSON].get("schema", {}), rules=rules)
        elif kind not in content:
            yield Violation(
                operation.name, "media-type", kind or "none", f"GitHub publishes {', '.join(content)}"
            )

    def _value(
        self, operation: Operation, raw: bytes, schema: dict[str, Any], *, rules: _Rules
    ) -> Iterator[Violation]:
        try:
            value = json.loads(raw)
        except ValueError as error:
            yield Violation(operation.name, rules.mismatch, "/", f"not JSON ({error}): {raw[:80]!r}")
            return
        for where, message in self._schemas.mismatches(value, schema, side=rules.side):
            yield Violation(operation.name, rules.mismatch, where, message)
        for where, message in self._schemas.undeclared(value, schema):
            yield Violation(operation.name, rules.undeclared, where, message)


def load_contract() -> Contract:
    """GitHub's contract as kept in this folder, with the waivers kept beside it."""
    spec = json.loads(SPECIFICATION.read_text())
    return Contract(spec, waivers=waivers_in(WAIVERS.read_text()))


def waivers_in(text: str) -> list[Waiver]:
    """The waivers of a TOML text; raises TypeError for a missing or unknown field."""
    return [Waiver(**entry) for entry in tomllib.loads(text)["waiver"]]


def _kind(media_type: str) -> str:
    """The media type without parameters and without `.v3`, which GitHub puts in answers and leaves out of prose."""
    return media_type.partition(";")[0].strip().lower().replace("vnd.github.v3.", "vnd.github.")


def _readings(text: str) -> Iterator[Any]:
    """All values that `text` may stand for in a URL, where numbers and truth are written as words."""
    yield text
    yield text.split(",")
    if text in ("true", "false"):
        yield text == "true"
    if text.removeprefix("-").isascii() and text.removeprefix("-").isdigit():
        yield int(text)
