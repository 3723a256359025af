"""The image agents run in: built from a Dockerfile, named after all that went into it."""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cdock.adapters.docker.engine import Engine
from cdock.core.errors import Misconfigured, Refused, Unavailable

if TYPE_CHECKING:
    from docker import APIClient

REPOSITORY = "cdock-agent"
LABEL = "io.cdock.image"
_BUILD_LIMIT = 1800
"""Seconds the engine may be silent while it builds: one step can be a long download."""


@dataclass(frozen=True)
class Recipe:
    """All that an image is made of. `base` is the image it starts from (empty: the Dockerfile's own default)."""

    dockerfile: str
    base: str = ""
    ca_bundle: bytes = b""
    """Certificate authorities (PEM) of the network we build in; they are trusted in the image too."""
    arguments: Mapping[str, str] = field(default_factory=dict)
    """Build arguments, such as AGENTS and CLAUDE_VERSION; what is not named stays at the Dockerfile's."""

    @property
    def tag(self) -> str:
        """`cdock-agent:` and the start of a hash over all of the above."""
        parts = [self.dockerfile, self.base, self.ca_bundle.decode("latin-1"), sorted(self.arguments.items())]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
        return f"{REPOSITORY}:{digest[:12]}"


@dataclass(frozen=True)
class Image:
    """An image on the engine. `size` in bytes."""

    tag: str
    id: str
    created_at: datetime
    size: int


def recipe(
    dockerfile: Path,
    *,
    base: str = "",
    ca_bundle: Path | None = None,
    arguments: Mapping[str, str] | None = None,
) -> Recipe:
    """The recipe of these files.

    Raises:
        Misconfigured: a file cannot be read.
    """
    try:
        return Recipe(
            dockerfile=dockerfile.read_text(encoding="utf-8"),
            base=base,
            ca_bundle=ca_bundle.read_bytes() if ca_bundle else b"",
            arguments=dict(arguments or {}),
        )
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"A file for the image cannot be read: {error}",
            tried=f"reading {dockerfile}" + (f" and {ca_bundle}" if ca_bundle else ""),
            fix="Correct the path in the settings.",
        ) from error


def build(made_of: Recipe, *, engine: Engine, log: Callable[[str], None], again: bool = False) -> Image:
    """Build the image, or find the one that is there; `again` builds without any cache. `log` is given lines.

    The build uses the network of the machine, so that it gets through where the machine does.

    Raises:
        Refused: a step of the Dockerfile failed, or the base image is not there.
    """
    tried = f"building the image {made_of.tag}"
    if not again and (found := find(made_of.tag, engine=engine)):
        log(f"{made_of.tag} is there already")
        return found
    with engine.asking(tried) as api:
        answers = api.build(
            fileobj=_context(made_of),
            custom_context=True,
            tag=made_of.tag,
            buildargs={**({"BASE": made_of.base} if made_of.base else {}), **made_of.arguments},
            labels={LABEL: made_of.tag},
            network_mode="host",
            nocache=again,
            rm=True,
            forcerm=True,
            decode=True,
            timeout=_BUILD_LIMIT,
        )
        _follow(answers, log=log, tried=tried)
    image = find(made_of.tag, engine=engine)
    if image is None:
        raise Unavailable(f"The image {made_of.tag} was built but is not there.", tried=tried)
    return image


def find(tag: str, *, engine: Engine) -> Image | None:
    """The image with this name, if the engine has it."""
    from docker.errors import ImageNotFound

    with engine.asking(f"looking for the image {tag}") as api:
        try:
            return _image(_inspect(api, tag), tag=tag)
        except ImageNotFound:
            return None


def images(*, engine: Engine) -> tuple[Image, ...]:
    """All images we built, newest first; not those based on ours, which have our label, too, but other names."""
    with engine.asking("listing images") as api:
        ids = {str(found["Id"]) for found in api.images(filters={"label": LABEL})}
        known = [seen for one in ids if (seen := _still(api, one))]
        found = [
            _image(one, tag=tag)
            for one in known
            for tag in one["RepoTags"] or ()
            if tag == one["Config"]["Labels"].get(LABEL)
        ]
    return tuple(sorted(found, key=lambda image: (image.created_at, image.tag), reverse=True))


def _still(api: "APIClient", name: str) -> dict[str, Any] | None:
    """What the engine knows of an image that it listed a moment ago; None when it is gone by now."""
    from docker.errors import ImageNotFound

    try:
        return _inspect(api, name)
    except ImageNotFound:
        return None


def _inspect(api: "APIClient", name: str) -> dict[str, Any]:
    seen: dict[str, Any] = api.inspect_image(name)  # type: ignore[no-untyped-call]
    return seen


def _image(seen: Mapping[str, Any], *, tag: str) -> Image:
    created = datetime.fromisoformat(str(seen["Created"])[:19] + "+00:00")
    return Image(tag=tag, id=str(seen["Id"]), created_at=created, size=int(seen["Size"]))


def _context(made_of: Recipe) -> io.BytesIO:
    """What the engine is sent: the Dockerfile and the directory `ca`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        directory = tarfile.TarInfo("ca")
        directory.type = tarfile.DIRTYPE
        directory.mode = 0o755
        archive.addfile(directory)
        held = {"Dockerfile": made_of.dockerfile.encode()}
        if made_of.ca_bundle:
            held["ca/network.crt"] = made_of.ca_bundle
        for name, content in held.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            entry.mode = 0o644
            archive.addfile(entry, io.BytesIO(content))
    packed.seek(0)
    return packed


def _follow(answers: Any, *, log: Callable[[str], None], tried: str) -> None:
    """Log what the engine says while it builds; raise what it ends with."""
    last: list[str] = []
    failed = ""
    for answer in answers:  # to the end, also after an error, so that the connection is done with
        failed = str(answer.get("error") or failed).strip()
        said = str(answer.get("stream") or answer.get("status") or "").strip()
        for line in said.splitlines():
            last = [*last[-14:], line]
            log(line)
    if failed:
        raise Refused(
            "\n".join([f"The image could not be built: {failed}", *last]),
            tried=tried,
            fix="Correct the Dockerfile; behind a network that opens TLS, give its certificates with --ca-bundle.",
        )
