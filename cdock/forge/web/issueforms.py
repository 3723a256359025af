"""Issue forms (`.github/ISSUE_TEMPLATE/*.yml`): what to ask, and the answers as the body of an issue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

NO_RESPONSE = "_No response_"


class FormError(ValueError):
    """A file is not a usable issue form; the message says what is wrong with it."""


@dataclass(frozen=True)
class Option:
    """One line of a dropdown or of a list of checkboxes."""

    label: str
    required: bool = False


@dataclass(frozen=True)
class Field:
    """One element of a form; a `markdown` one only says something and has no answer."""

    kind: str
    """markdown, input, textarea, dropdown or checkboxes."""
    name: str = ""
    """The name of its answer in the posted form."""
    label: str = ""
    description: str = ""
    placeholder: str = ""
    value: str = ""
    """The text of a markdown element, or what an answer starts with."""
    render: str = ""
    """The language of a textarea whose answer becomes a fenced block."""
    multiple: bool = False
    options: tuple[Option, ...] = ()
    required: bool = False


@dataclass(frozen=True)
class Form:
    """One issue form."""

    file: str
    """Its file name, which also names it in addresses."""
    name: str
    description: str
    title: str = ""
    labels: tuple[str, ...] = ()
    assignees: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()


@dataclass(frozen=True)
class Chooser:
    """What `config.yml` says about the page on which one of several forms is chosen."""

    blank_issues: bool = True
    contacts: tuple[tuple[str, str, str], ...] = ()
    """Name, address, and what it is for."""


def parse_form(text: str, *, file: str) -> Form:
    """Read one issue form. Raises FormError."""
    top = _mapping(text, file=file)
    name, description = _text(top.get("name")), _text(top.get("description"))
    body = top.get("body")
    if not name or not isinstance(body, list) or not body:
        raise FormError(f"{file}: an issue form needs `name` and a list `body`.")
    fields = tuple(_field(entry, place=place, file=file) for place, entry in enumerate(body))
    names = [asked.name for asked in fields if asked.name]
    if twice := {name for name in names if names.count(name) > 1}:
        raise FormError(f"{file}: the id {sorted(twice)[0]!r} is used twice.")
    return Form(
        file=file,
        name=name,
        description=description,
        title=_text(top.get("title")),
        labels=_words(top.get("labels")),
        assignees=_words(top.get("assignees")),
        fields=fields,
    )


def parse_chooser(text: str, *, file: str) -> Chooser:
    """Read `config.yml`. Raises FormError."""
    top = _mapping(text, file=file)
    links = top.get("contact_links")
    contacts = tuple(
        (_text(link.get("name")), _text(link.get("url")), _text(link.get("about")))
        for link in (links if isinstance(links, list) else ())
        if isinstance(link, dict)
    )
    return Chooser(blank_issues=top.get("blank_issues_enabled") is not False, contacts=contacts)


def missing_answers(form: Form, answers: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """The labels of what has to be answered and was not."""
    missing = []
    for asked in form.fields:
        given = [answer for answer in answers.get(asked.name, ()) if answer.strip()]
        if asked.kind == "checkboxes":
            ticked = set(given)
            missing += [
                option.label
                for place, option in enumerate(asked.options)
                if option.required and str(place) not in ticked
            ]
        elif asked.required and not given:
            missing.append(asked.label)
    return tuple(missing)


def render_body(form: Form, answers: Mapping[str, Sequence[str]]) -> str:
    """The body of the issue: one `### Label` part for each question, as programs expect to read it.

    Dropdowns and checkboxes answer with the places of the chosen options, so that only an option of the form
    can come out. Line ends inside an answer are kept as the browser sent them.
    """
    return "\n\n".join(
        f"### {asked.label}\n\n{_answer(asked, answers.get(asked.name, ()))}"
        for asked in form.fields
        if asked.kind != "markdown"
    )


def _answer(asked: Field, given: Sequence[str]) -> str:
    chosen = {place for place, _ in enumerate(asked.options) if str(place) in given}
    if asked.kind == "checkboxes":
        return "\n".join(
            f"- [{'x' if place in chosen else ' '}] {option.label}"
            for place, option in enumerate(asked.options)
        )
    if asked.kind == "dropdown":
        words = ", ".join(option.label for place, option in enumerate(asked.options) if place in chosen)
        return words or NO_RESPONSE
    text = given[0] if given else ""
    if not text.strip():
        return NO_RESPONSE
    if asked.render:
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", text)), default=0))
        return f"{fence}{asked.render}\n{text}\n{fence}"
    return text.strip("\r\n")


def _field(entry: object, *, place: int, file: str) -> Field:
    where = f"{file}: element {place + 1} of the body"
    if not isinstance(entry, dict):
        raise FormError(f"{where} is not a mapping.")
    kind = _text(entry.get("type"))
    attributes = entry.get("attributes")
    validations = entry.get("validations")
    attributes = attributes if isinstance(attributes, dict) else {}
    validations = validations if isinstance(validations, dict) else {}
    if kind == "markdown":
        return Field(kind=kind, value=_text(attributes.get("value")))
    if kind not in ("input", "textarea", "dropdown", "checkboxes"):
        raise FormError(f"{where} has the unknown type {kind!r}.")
    label = _text(attributes.get("label"))
    if not label:
        raise FormError(f"{where} has no `label`.")
    options = _options(attributes.get("options"))
    if kind in ("dropdown", "checkboxes") and not options:
        raise FormError(f"{where} has no `options`.")
    value = _text(attributes.get("value"))
    default = attributes.get("default")
    if kind == "dropdown" and isinstance(default, int) and 0 <= default < len(options):
        value = str(default)
    return Field(
        kind=kind,
        name="answer-" + (_text(entry.get("id")) or str(place)),
        label=label,
        description=_text(attributes.get("description")),
        placeholder=_text(attributes.get("placeholder")),
        value=value,
        render=re.sub(r"[^\w+#.\-]", "", _text(attributes.get("render"))),
        multiple=attributes.get("multiple") is True,
        options=options,
        required=validations.get("required") is True,
    )


def _options(value: object) -> tuple[Option, ...]:
    options = []
    for option in value if isinstance(value, list) else ():
        if isinstance(option, dict):
            options.append(Option(_text(option.get("label")), required=option.get("required") is True))
        else:
            options.append(Option(_text(option)))
    return tuple(option for option in options if option.label)


def _mapping(text: str, *, file: str) -> dict[str, object]:
    try:
        top = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise FormError(f"{file}: not readable as YAML: {error}") from error
    if not isinstance(top, dict):
        raise FormError(f"{file}: a mapping was expected at the top.")
    return top


def _text(value: object) -> str:
    """YAML reads `yes` and `3` as something else than words; a form means the words."""
    if isinstance(value, bool):
        return "Yes" if value else "No"
    return str(value).strip("\r\n") if isinstance(value, str | int | float) else ""


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        value = value.split(",")
    return (
        tuple(_text(word).strip() for word in value if _text(word).strip()) if isinstance(value, list) else ()
    )
