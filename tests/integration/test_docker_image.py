"""Images are built from what they are made of, once, and named after it."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cdock.adapters.docker import image
from cdock.adapters.docker.engine import Engine
from cdock.adapters.docker.image import Recipe
from cdock.adapters.prompts import template_file
from cdock.core.errors import Misconfigured, Refused
from tests.docker_engine import Place, place

PEM = b"-----BEGIN CERTIFICATE-----\nnot one\n-----END CERTIFICATE-----\n"


@pytest.fixture
def at() -> Iterator[Place]:
    with place() as made:
        yield made


@pytest.fixture
def recipe(at: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Recipe]:
    """A small image on top of the agent's, different in each test.

    It has a label of its own: tests that run meanwhile take the newest agent image, and this one goes away again. The
    label of the agent's image, which it has as well, names that one.
    """
    monkeypatch.setattr(image, "LABEL", f"io.cdock.test.{at.instance}")
    text = f"ARG BASE\nFROM ${{BASE}}\nARG CLAUDE_VERSION\nCOPY ca/ /tmp/ca/\nRUN echo {at.instance} $CLAUDE_VERSION\n"
    yield Recipe(dockerfile=text, base=at.image)
    client = at.engine.connect(tried="clearing up")
    for built in client.images(filters={"label": image.LABEL}):
        history = client.history(built["Id"])  # type: ignore[no-untyped-call]
        if any(at.instance in str(layer["CreatedBy"]) for layer in history):
            client.remove_image(built["Id"], force=True)


def _of_everybody(at: Place) -> tuple[image.Image, ...]:
    """What is listed where nobody gave the label another name."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(image, "LABEL", "io.cdock.image")
        return image.images(engine=at.engine)


def build(recipe: Recipe, *, again: bool = False) -> tuple[image.Image, list[str]]:
    lines: list[str] = []
    return image.build(recipe, engine=Engine(os.environ), log=lines.append, again=again), lines


@pytest.mark.docker
def test_it_is_built_once(recipe: Recipe, at: Place) -> None:
    first, lines = build(recipe)
    assert first.tag == recipe.tag
    assert f"{at.instance}" in " ".join(lines)
    assert first.size > 0
    second, lines = build(recipe)
    assert second == first
    assert lines == [f"{recipe.tag} is there already"]
    third, lines = build(recipe, again=True)
    assert third.tag == first.tag
    assert len(lines) > 3


@pytest.mark.docker
def test_it_is_found_and_listed(recipe: Recipe, at: Place) -> None:
    assert image.find(recipe.tag, engine=at.engine) is None
    built, _ = build(recipe)
    assert image.find(recipe.tag, engine=at.engine) == built
    listed = image.images(engine=at.engine)
    assert listed == (built,)
    assert built not in _of_everybody(at)


@pytest.mark.docker
def test_certificates_and_versions_go_in(recipe: Recipe, at: Place) -> None:
    with_both = replace(recipe, ca_bundle=PEM, arguments={"CLAUDE_VERSION": "9.9.9"})
    built, lines = build(with_both)
    assert f"{at.instance} 9.9.9" in lines
    client = at.engine.connect(tried="looking")
    made = client.create_container(built.id, command=["cat", "/tmp/ca/network.crt"])
    try:
        client.start(made["Id"])
        client.wait(made["Id"], timeout=30)
        assert client.logs(made["Id"]) == PEM
    finally:
        client.remove_container(made["Id"], force=True)


@pytest.mark.docker
def test_a_step_that_fails_is_shown(recipe: Recipe) -> None:
    broken = replace(recipe, dockerfile=recipe.dockerfile + "RUN echo what went wrong; exit 3\n")
    with pytest.raises(Refused, match="what went wrong") as caught:
        build(broken)
    assert "returned a non-zero code: 3" in str(caught.value)
    assert "--ca-bundle" in caught.value.fix


@pytest.mark.docker
def test_a_base_that_is_not_there_is_shown(recipe: Recipe) -> None:
    with pytest.raises(Refused):
        build(replace(recipe, base="cdock-test-none:none", dockerfile=recipe.dockerfile + "# none\n"))


@pytest.mark.docker
def test_the_agent_image_has_what_a_run_needs(at: Place) -> None:
    client = at.engine.connect(tried="looking")
    text = (
        "id; stat -c %u:%g /workspace; for p in git socat python3 rg curl less ps timeout claude; do "
        "command -v $p >/dev/null || echo missing $p; done; claude --version; command -v node; true"
    )
    made = client.create_container(at.image, entrypoint=["sh", "-c", text], command=[], user="1000:1000")
    try:
        client.start(made["Id"])
        client.wait(made["Id"], timeout=60)
        said = client.logs(made["Id"]).decode()
    finally:
        client.remove_container(made["Id"], force=True)
    pinned = re.search(r"^ARG CLAUDE_VERSION=(\S+)$", template_file("Dockerfile").read_text(), re.MULTILINE)
    assert pinned
    assert f"{pinned[1]} (Claude Code)" in said
    assert "uid=1000(agent)" in said
    assert "\n1000:1000\n" in said
    assert "missing" not in said
    assert "/node" not in said


def test_the_name_changes_with_each_ingredient() -> None:
    plain = Recipe(dockerfile="FROM x\n")
    others = [
        replace(plain, dockerfile="FROM y\n"),
        replace(plain, base="z"),
        replace(plain, ca_bundle=PEM),
        replace(plain, arguments={"CLAUDE_VERSION": "1"}),
        replace(plain, arguments={"CLAUDE_VERSION": "2"}),
    ]
    assert len({each.tag for each in (plain, *others)}) == 6
    assert plain.tag == Recipe(dockerfile="FROM x\n").tag
    assert re.fullmatch(r"cdock-agent:[0-9a-f]{12}", plain.tag)


def test_a_file_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="Dockerfile"):
        image.recipe(tmp_path / "Dockerfile")
    (tmp_path / "Dockerfile").write_text("FROM x\n")
    with pytest.raises(Misconfigured, match=r"ca\.pem"):
        image.recipe(tmp_path / "Dockerfile", ca_bundle=tmp_path / "ca.pem")
