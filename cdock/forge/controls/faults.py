"""Rules: which requests are to go wrong, and how.

    {"kind": "status", "args": {"status": 502}, "match": {"method": "POST", "path": "/repos/*/issues"}, "times": 2}

`match` may have: `method`; `path`, a pattern as in a shell where `*` takes slashes too, or `path_regex`; `user`;
`operation`, the name of a GraphQL operation or of a field at its top; `service` of git, such as `git-receive-pack`;
`interface` (`api`, `rest`, `graphql`, `git`, `page`, `any`; without it the one the kind is for); `nth`, the first
matching request that counts, from 1. Paths have no `/api/v3`. A rule with `nth` works once, others without end, unless
`times` says how often. With `probability` it works on that part of the requests, which is the same part each time when
there is a `seed`. Rules are asked in order, and the first that works on a request is the only one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from cdock.forge.controls.asked import Asked

if TYPE_CHECKING:
    from cdock.forge.controls.exchange import Exchange

INTERFACES: Final[Mapping[str, frozenset[str]]] = {
    "api": frozenset(("rest", "graphql")),
    "rest": frozenset(("rest",)),
    "graphql": frozenset(("graphql",)),
    "git": frozenset(("git",)),
    "page": frozenset(("page",)),
    "any": frozenset(("rest", "graphql", "git", "page")),
}
_RULE: Final = frozenset(("kind", "args", "match", "times", "probability", "seed"))
_MATCH: Final = frozenset(
    ("method", "path", "path_regex", "user", "operation", "service", "interface", "nth")
)


class PassedOver(Exception):
    """A kind finds nothing to do to this request; it is as if its rule had not matched."""


class BadRule(ValueError):
    """A rule that cannot be meant; the text says why."""


@dataclass(frozen=True)
class Kind:
    """A way to go wrong. `args` has every argument with its value when it is not given."""

    name: str
    effect: Effect
    interface: str
    args: Mapping[str, Any]
    applies: Callable[[Asked], bool]
    check: Callable[[Mapping[str, Any]], None]
    """Raises BadRule for arguments that cannot be meant."""


@dataclass
class Rule:
    """One rule and how often it has been met (`seen`) and has worked (`applied`)."""

    id: int
    kind: Kind
    args: Mapping[str, Any]
    match: Mapping[str, Any]
    times: int | None
    probability: float
    chance: random.Random
    path: re.Pattern[str] | None
    seen: int = 0
    applied: int = 0
    dropped: bool = False
    memory: dict[str, Any] = field(default_factory=dict)
    """What the kind keeps from one request to the next."""

    def takes(self, asked: Asked) -> bool:
        """Whether it works on this request; every call counts."""
        if not self._fits(asked):
            return False
        self.seen += 1
        if self.seen < self.match.get("nth", 1) or (self.times is not None and self.applied >= self.times):
            return False
        # Drawn for every request that matches, so that one rule's luck does not hang on another's.
        if self.chance.random() >= self.probability:
            return False
        self.applied += 1
        return True

    def _fits(self, asked: Asked) -> bool:
        match = self.match
        login = asked.who.login.lower() if asked.who else ""
        return (
            asked.interface in INTERFACES[match.get("interface", self.kind.interface)]
            and match.get("method", asked.method).upper() == asked.method
            and (self.path is None or bool(self.path.fullmatch(asked.path)))
            and fnmatchcase(asked.path, match.get("path", "*"))
            and ("user" not in match or match["user"].lower() == login)
            and ("operation" not in match or match["operation"] in asked.operations)
            and match.get("service", asked.service) == asked.service
            and self.kind.applies(asked)
        )

    def over(self) -> bool:
        """Whether it was dropped; who waits because of it waits no longer."""
        return self.dropped

    @property
    def shown(self) -> dict[str, Any]:
        """What is told about it."""
        return {
            "id": self.id,
            "kind": self.kind.name,
            "args": dict(self.args),
            "match": dict(self.match),
            "times": self.times,
            "seen": self.seen,
            "applied": self.applied,
        }


Effect = Callable[["Exchange", Rule], Awaitable[None]]

KINDS: Final[dict[str, Kind]] = {}


def kind(
    name: str,
    *,
    interface: str = "api",
    applies: Callable[[Asked], bool] = lambda _: True,
    check: Callable[[Mapping[str, Any]], None] = lambda _: None,
    **args: Any,
) -> Callable[[Effect], Effect]:
    """Register what a rule of this kind does to a request, with the arguments it may have."""

    def register(effect: Effect) -> Effect:
        KINDS[name] = Kind(name, effect, interface, args, applies, check)
        return effect

    return register


class Faults:
    """The rules in force."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []
        self._last = 0

    def add(self, given: object) -> list[Rule]:
        """Put one rule or several behind the others: all of them or, with BadRule, none."""
        parsed: list[Rule] = []
        for one in given if isinstance(given, list) else [given]:
            parsed.append(_parsed(one, self._last + len(parsed) + 1))
        self._last += len(parsed)
        self.rules += parsed
        return parsed

    def clear(self, rule_id: int | None = None) -> None:
        """Drop one rule, or all."""
        for rule in self.rules:
            rule.dropped = rule_id is None or rule.id == rule_id
        self.rules = [rule for rule in self.rules if not rule.dropped]

    def working_on(self, asked: Asked) -> Iterator[Rule]:
        """The rules that work on this request. The next is wanted only when the one before was passed over."""
        return (rule for rule in list(self.rules) if rule.takes(asked))


def _parsed(given: object, rule_id: int) -> Rule:
    rule = _Given("a rule", given, _RULE)
    match = _Given("match", rule.value("match", dict, {}), _MATCH)
    found = KINDS.get(rule.value("kind", str, ""))
    if found is None:
        raise BadRule(f"kind must be one of {', '.join(sorted(KINDS))}")
    args = _Given(f"args of {found.name}", rule.value("args", dict, {}), frozenset(found.args))
    for name, default in found.args.items():
        _check_type(found, name, args.fields.get(name), default)
    found.check({**found.args, **args.fields})
    for name in ("method", "path", "path_regex", "user", "operation", "service"):
        match.value(name, str, "")
    if match.value("interface", str, found.interface) not in INTERFACES:
        raise BadRule(f"interface must be one of {', '.join(INTERFACES)}")
    nth = match.value("nth", int, 0)
    try:
        path = re.compile(match.fields["path_regex"]) if "path_regex" in match.fields else None
    except re.error as error:
        raise BadRule(f"path_regex: {error}") from error
    return Rule(
        id=rule_id,
        kind=found,
        args={**found.args, **args.fields},
        match=match.fields,
        times=rule.value("times", int, 1 if nth else None),
        probability=rule.value("probability", (int, float), 1),
        chance=random.Random(rule.value("seed", (int, str), None)),  # noqa: S311  # luck, not secrecy
        path=path,
    )


def _check_type(found: Kind, name: str, value: object, default: object) -> None:
    """An argument is of the type that it has by default; null stands for `without`."""
    if value is None or default is None:
        return
    number = isinstance(default, int | float) and not isinstance(default, bool)
    wanted: Any = (int, float) if number else (list, tuple) if isinstance(default, tuple) else type(default)
    if not isinstance(value, wanted) or (number and isinstance(value, bool)):
        raise BadRule(f"{name} of {found.name} is {value!r}, which cannot be")


class _Given:
    """A JSON object of which every key is known."""

    def __init__(self, what: str, given: object, known: frozenset[str]) -> None:
        if not isinstance(given, dict):
            raise BadRule(f"{what} must be an object")
        if strange := set(given) - known:
            raise BadRule(
                f"{what} cannot have {', '.join(sorted(strange))}; it may have {', '.join(sorted(known))}"
            )
        self.what = what
        self.fields: dict[str, Any] = given

    def value(self, name: str, types: type | tuple[type, ...], default: Any) -> Any:
        value = self.fields.get(name)
        if value is None:
            return default
        if not isinstance(value, types) or isinstance(value, bool):
            raise BadRule(f"{name} of {self.what} is {value!r}, which cannot be")
        return value
