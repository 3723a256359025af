"""What the commonest tools print in two attempts of one task: `variants.txt`, filled in by chance.

`{name}` is noise, a line that begins with "?" is there or not, and of `[[this|that]]` the second means something else.
"""

import random
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from cdock.core.fingerprint import key_of

_TEXT = (Path(__file__).parent.parent / "fixtures" / "failures" / "variants.txt").read_text(encoding="utf-8")
VARIANTS = {
    name: text for name, _, text in (part.partition("\n") for part in _TEXT.split("%%% ") if part.strip())
}
ATTEMPTS = 12
_MEANING = re.compile(r"\[\[(\[?[^|\[\]\n]+)\|([^|\[\]\n]+)\]\]")
_CHECKOUTS = (
    "/home/ana/.cdock/worktrees/api/cdock.api.{0:07x}", "/var/lib/cdock/wt/cdock.api.{0:07x}", "/srv/wt/{0:x}",
    "/workspace", "/Users/kim/dev/t{0}", "/home/bo/src/acme/shop{0}", "/builds/g/{0}/shop",
)  # fmt: skip


def _machine(chance: random.Random) -> Mapping[str, str]:
    """What is the same all through one attempt."""
    user = chance.choice(("ana", "root", "runner", "build-user"))
    home = "/root" if user == "root" else f"/home/{user}"
    return {
        "cwd": chance.choice(_CHECKOUTS).format(chance.randrange(1 << 24, 1 << 28)),
        "user": user,
        "home": home,
        "tmp": chance.choice(("/tmp", f"{home}/.tmp", "/var/tmp", "/var/folders/zz/a1b2/T")),
        "goroot": chance.choice(("/usr/local/go", "/usr/lib/go-1.22", f"{home}/sdk/go1.22.3")),
        "host": chance.choice(("runner-1", f"{chance.randrange(1 << 44, 1 << 48):012x}", "build-agent-77")),
        "day": f"20{chance.randrange(25, 28)}-0{chance.randrange(1, 10)}-1{chance.randrange(10)}",
    }


def _hex(chance: random.Random, length: int) -> str:
    return "".join(chance.choices("0123456789abcdef", k=length))


def _clock(chance: random.Random) -> str:
    return f"{chance.randrange(24):02}:{chance.randrange(60):02}:{chance.randrange(60):02}"


_NOISE: Mapping[str, Callable[[random.Random, str], str]] = {
    "n": lambda chance, _: str(chance.randrange(2, 60)),
    "line": lambda chance, _: str(chance.randrange(2, 400)),
    "big": lambda chance, _: str(chance.randrange(10**8, 10**10)),
    "ms": lambda chance, _: str(chance.randrange(1, 2000)),
    "ms3": lambda chance, _: f"{chance.randrange(1000):03}",
    "s": lambda chance, _: f"{chance.randrange(90)}.{chance.randrange(100):02}",
    "pid": lambda chance, _: str(chance.randrange(2, 99_999)),
    "port": lambda chance, _: str(chance.randrange(1025, 65_000)),
    "clock": lambda chance, _: _clock(chance),
    "time": lambda chance, day: f"{day}T{_clock(chance)}.{chance.randrange(1000):03}Z",
    "logtime": lambda chance, day: f"{day} {_clock(chance)}",
    "logdate": lambda _, day: day.replace("-", "/"),
    "npmtime": lambda chance, day: f"{day}T{_clock(chance).replace(':', '_')}_{chance.randrange(1000):03}Z",
    "epochms": lambda chance, _: str(chance.randrange(17 * 10**11, 18 * 10**11)),
    "uuid": lambda chance, _: "-".join(_hex(chance, length) for length in (8, 4, 4, 4, 12)),
    "b64": lambda chance, _: "".join(chance.choices("abcXYZ019+/", k=chance.randrange(4, 12))),
}


def attempt(variant: str, number: int, *, meaning: str = "") -> str:
    """The text of one attempt; with `meaning`, that `this|that` is the other way."""
    chance = random.Random(number)  # noqa: S311 (it has to repeat)
    machine = _machine(chance)

    def noise(match: re.Match[str]) -> str:
        name, length = match["name"], int(match["length"] or 0)
        if name in ("hex", "rand"):
            return (
                _hex(chance, length) if name == "hex" else "".join(chance.choices("abxyzXYZ0189", k=length))
            )
        name += match["length"]
        return machine.get(name) or (_NOISE[name](chance, machine["day"]) if name in _NOISE else match[0])

    lines = [line for line in variant.split("\n") if not line.startswith("?") or chance.random() < 0.5]
    text = "\n".join(line.removeprefix("?") for line in lines)
    text = _MEANING.sub(lambda match: match[2] if f"{match[1]}|{match[2]}" == meaning else match[1], text)
    return re.sub(r"\{(?P<name>[a-z]+)(?P<length>\d*)\}", noise, text)


def meanings(variant: str) -> list[str]:
    """Each `this|that` of a text once."""
    return list(dict.fromkeys(f"{match[1]}|{match[2]}" for match in _MEANING.finditer(variant)))


@pytest.mark.parametrize("name", VARIANTS)
def test_another_attempt_shows_the_same_error(name: str) -> None:
    first = key_of(attempt(VARIANTS[name], 0))
    for number in range(1, ATTEMPTS):
        assert key_of(attempt(VARIANTS[name], number)) == first


@pytest.mark.parametrize("name", VARIANTS)
def test_another_meaning_is_another_error(name: str) -> None:
    keys = {
        meaning: key_of(attempt(VARIANTS[name], 0, meaning=meaning)) for meaning in meanings(VARIANTS[name])
    }
    keys[""] = key_of(attempt(VARIANTS[name], 0))
    assert len(set(keys.values())) == len(keys) > 1, keys
