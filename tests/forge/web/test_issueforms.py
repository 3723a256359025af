"""Issue forms: reading the file, and the body made of the answers."""

from __future__ import annotations

import pytest

from cdock.forge.web.issueforms import (
    FormError,
    Option,
    missing_answers,
    parse_chooser,
    parse_form,
    render_body,
)

FORM = """
name: Bug
description: Something is wrong
title: "[bug] "
labels: [bug, triage]
assignees: octo, cat
body:
  - type: markdown
    attributes: {value: "Thanks for **this**."}
  - type: input
    id: where
    attributes: {label: Where, description: A page, placeholder: /login}
    validations: {required: true}
  - type: textarea
    attributes: {label: What, value: "It says:"}
  - type: textarea
    id: log
    attributes: {label: Log, render: shell}
  - type: dropdown
    id: version
    attributes: {label: Version, options: [1.0, "2.0", yes], default: 1}
  - type: dropdown
    id: systems
    attributes: {label: Systems, multiple: true, options: [Linux, Mac, Windows]}
  - type: checkboxes
    id: terms
    attributes:
      label: Terms
      options:
        - {label: I searched, required: true}
        - {label: I can help}
"""


def test_reading_a_form() -> None:
    form = parse_form(FORM, file="bug.yml")
    assert (form.name, form.title, form.labels, form.assignees) == (
        "Bug",
        "[bug] ",
        ("bug", "triage"),
        ("octo", "cat"),
    )
    assert [asked.kind for asked in form.fields] == (
        ["markdown", "input", "textarea", "textarea", "dropdown", "dropdown", "checkboxes"]
    )
    assert form.fields[1].required
    assert form.fields[2].name == "answer-2"
    assert form.fields[4].value == "1"
    assert form.fields[4].options == (Option("1.0"), Option("2.0"), Option("Yes"))
    assert form.fields[6].options[0].required


def test_the_body_has_one_part_for_each_question() -> None:
    form = parse_form(FORM, file="bug.yml")
    body = render_body(
        form,
        {
            "answer-where": ["/login"],
            "answer-2": ["one\r\ntwo\r\n"],
            "answer-log": ["$ make\r\n```"],
            "answer-version": ["1"],
            "answer-systems": ["2", "0", "<b>", "9"],
            "answer-terms": ["0"],
            "other": ["x"],
        },
    )
    assert body == (
        "### Where\n\n/login\n\n"
        "### What\n\none\r\ntwo\n\n"
        "### Log\n\n````shell\n$ make\r\n```\n````\n\n"
        "### Version\n\n2.0\n\n"
        "### Systems\n\nLinux, Windows\n\n"
        "### Terms\n\n- [x] I searched\n- [ ] I can help"
    )


def test_no_answer_is_said_as_such() -> None:
    body = render_body(parse_form(FORM, file="bug.yml"), {"answer-where": ["  \r\n"]})
    assert body.count("_No response_") == 5
    assert "### Log\n\n_No response_" in body


def test_what_has_to_be_answered() -> None:
    form = parse_form(FORM, file="bug.yml")
    assert missing_answers(form, {"answer-where": [" "], "answer-terms": ["1"]}) == ("Where", "I searched")
    assert missing_answers(form, {"answer-where": ["x"], "answer-terms": ["0"]}) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "not readable as YAML"),
        ("- a", "a mapping was expected"),
        ("name: x\nbody: []", "needs `name` and a list `body`"),
        ("name: x\nbody: [{type: input}]", "has no `label`"),
        ("name: x\nbody: [{type: script, attributes: {label: x}}]", "unknown type 'script'"),
        ("name: x\nbody: [{type: dropdown, attributes: {label: x}}]", "has no `options`"),
        ("name: x\nbody: [3]", "is not a mapping"),
        (
            "name: x\nbody:\n" + "- {type: input, id: a, attributes: {label: x}}\n" * 2,
            "used twice",
        ),
        ("!!python/object/apply:os.system ['true']", "not readable as YAML"),
    ],
)
def test_an_unusable_form_says_why(text: str, says: str) -> None:
    with pytest.raises(FormError, match=f"^bug.yml.*{says}"):
        parse_form(text, file="bug.yml")


def test_the_chooser() -> None:
    chooser = parse_chooser(
        "blank_issues_enabled: false\ncontact_links: [{name: Chat, url: https://a.example, about: Talk}]",
        file="c.yml",
    )
    assert not chooser.blank_issues
    assert chooser.contacts == (("Chat", "https://a.example", "Talk"),)
    assert parse_chooser("{}", file="c.yml").blank_issues
