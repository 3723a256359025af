"""What the Gitea adapter makes of faults, limits, odd answers and Gitea's own peculiarities, against the double."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable, Collection, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests

from cdock.adapters import payload
from cdock.adapters.gitea import normalize
from cdock.adapters.gitea.forge import GiteaForge
from cdock.adapters.gitea.session import open_session
from cdock.core.errors import CdockError, Limited, NotPermitted, Refused, Unavailable
from cdock.core.issues import Issue, Watch
from cdock.core.policy import Labels
from tests.contract.forge_contract import ASKS, BRANCH, READY, ask, help_marker, status_marker
from tests.contract.gitea import rows
from tests.contract.gitea.double import Double, Said
from tests.contract.gitea.fixtures import double, template
from tests.contract.gitea.hub import BOT, OWNER, STRANGER, TOKEN, WRITER, GiteaHub
from tests.git_repos import git

__all__ = ["double", "template"]

COMMENT = f"{status_marker()}\nIn progress\n"
CREATE_COMMENT = "POST R/issues/{index}/comments"


@pytest.fixture
def hub(double: Double) -> Iterator[GiteaHub]:
    """A repository, and a forge that waits for nothing."""
    hub = GiteaHub(double)
    yield hub
    hub.forge.close()


def watch(held: Collection[int] = (), *, branches: Collection[str] = (), ready: str = READY) -> Watch:
    return Watch(
        ready=ready, help=ASKS, held=frozenset(held), asking=frozenset(held), branches=frozenset(branches)
    )


def shown(forge: GiteaForge, held: Collection[int] = ()) -> tuple[Issue, ...]:
    return forge.look(watch(held)).issues


def on(operation: str, said: Said) -> Callable[[str, Callable[[], Said]], Said | None]:
    """Answer the next request of an operation with `said`, and carry nothing out."""
    from tests.contract.gitea.interface import REPOSITORY

    wanted = operation.replace(" R", f" {REPOSITORY}")
    return lambda name, _: said if name == wanted else None


def lost(operation: str) -> Callable[[str, Callable[[], Said]], Said | None]:
    """Carry out the next request of an operation, and break the connection before the answer."""
    from tests.contract.gitea.interface import REPOSITORY

    wanted = operation.replace(" R", f" {REPOSITORY}")

    def fault(name: str, carry_out: Callable[[], Said]) -> Said | None:
        if name != wanted:
            return None
        carry_out()
        return Said(0, fails=True)

    return fault


def everything_said(error: BaseException) -> str:
    text = "".join(traceback.format_exception(error))
    if isinstance(error, CdockError):
        text += f"{error.message} {error.tried} {error.fix} {error!r}"
    return text


# Errors.


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, Refused), (307, Refused), (400, Refused), (401, NotPermitted), (403, NotPermitted), (404, Refused),
        (409, Refused), (412, Refused), (418, Refused), (422, Refused), (423, NotPermitted), (500, Unavailable),
        (502, Unavailable), (503, Unavailable),
    ],
)  # fmt: skip
def test_each_refusal_is_one_of_our_errors_and_shows_no_token(
    hub: GiteaHub, status: int, kind: type[CdockError]
) -> None:
    hub.double.faults.append(
        on("GET R/issues/{index}/labels", Said(status, text=json.dumps({"message": f"no\n{'x' * 999}"})))
    )
    with pytest.raises(kind) as caught:
        hub.forge.ensure_labels(1, add=[READY], remove=[])
    assert issubclass(kind, Unavailable) or not isinstance(caught.value, Unavailable)
    assert caught.value.fix
    assert len(caught.value.message) < 500
    assert "\n" not in caught.value.message
    assert TOKEN not in everything_said(caught.value)
    assert len(hub.double.sent("GET R/issues/{index}/labels")) == 1


@pytest.mark.parametrize("text", ["<html>Log in</html>", "", "7", '"x"', '{"a": [1]}'])
def test_an_answer_that_is_not_giteas_is_unavailable(hub: GiteaHub, text: str) -> None:
    hub.double.faults.append(on("GET R/issues", Said(200, text=text)))
    with pytest.raises(Unavailable) as caught:
        shown(hub.forge)
    assert TOKEN not in everything_said(caught.value)


def test_a_row_without_its_time_is_unavailable_and_read_again(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", by=WRITER, labels=[READY])
    row = {"id": 5, "number": 5, "state": "open", "title": "Odd", "labels": [{"id": 1, "name": READY}]}
    hub.double.faults.append(on("GET R/issues", Said(200, text=json.dumps([row]))))
    with pytest.raises(Unavailable, match="created_at"):
        shown(hub.forge)
    assert [each.number for each in shown(hub.forge)] == [issue]


def test_nobody_there_is_unavailable(hub: GiteaHub) -> None:
    with pytest.raises(Unavailable) as caught:
        GiteaForge(
            "http://127.0.0.1:9", "acme/demo", token=lambda: TOKEN, account="x", timeout=5
        ).ensure_closed(1)
    assert TOKEN not in everything_said(caught.value)
    assert type(caught.value) is Unavailable


def test_a_silent_server_is_left_alone_in_time(hub: GiteaHub) -> None:
    release = threading.Event()

    def silent(name: str, _: Callable[[], Said]) -> Said | None:
        release.wait(20)
        return Said(500, text="{}")

    hub.double.faults.append(silent)
    forge = hub.another_forge(timeout=0.2)
    try:
        with pytest.raises(Unavailable, match="did not answer"):
            forge.login()
    finally:
        release.set()
        forge.close()


def test_a_redirect_is_not_followed_with_the_token(hub: GiteaHub) -> None:
    seen: list[str] = []

    class Elsewhere(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append(self.path)
            self.send_error(404)

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        target = f"http://127.0.0.1:{server.server_port}/api/v1/repos/acme/other"
        hub.double.faults.append(on("GET R", Said(307, text="", headers={"Location": target})))
        with pytest.raises(Refused, match="moved") as caught:
            hub.forge.may_push()
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)
    assert seen == []
    assert "set-url" in caught.value.fix


def test_the_token_is_ours_whatever_netrc_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine git.example login other password theirs\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with open_session("https://git.example/api/v1") as session:
        request = requests.Request(
            "GET", "https://git.example/api/v1/user", headers={"Authorization": "token x"}
        )
        assert session.prepare_request(request).headers["Authorization"] == "token x"


# Limits.


@pytest.mark.parametrize("status", [429, 503])
def test_a_limit_is_kept_to_by_all_requests(hub: GiteaHub, status: int) -> None:
    forge = hub.another_forge(account=f"limited {status}")
    hub.double.faults.append(on("GET /user", Said(status, text="", headers={"Retry-After": "120"})))
    with pytest.raises(Limited) as caught:
        forge.login()
    count = len(hub.double.exchanges)
    for again in (forge.login, lambda: forge.acknowledge(1)):
        with pytest.raises(Limited) as refused:
            again()
        assert abs((refused.value.until - caught.value.until).total_seconds()) < 5
    assert len(hub.double.exchanges) == count
    forge.close()


# Writes of unknown outcome.


def test_a_comment_that_was_written_without_an_answer_is_found(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    hub.double.faults.append(lost(CREATE_COMMENT))
    with pytest.raises(Unavailable):
        hub.forge.ensure_comment(issue, marker=status_marker(), body=COMMENT)
    hub.forge.ensure_comment(issue, marker=status_marker(), body=COMMENT)
    assert hub.comments_on(issue) == [(BOT, COMMENT)]
    assert len(hub.double.sent(CREATE_COMMENT)) == 1


@pytest.mark.parametrize(
    "answer",
    [
        Said(502, text="<html>Bad gateway</html>"),
        Said(0, fails=True),
        Said(201, text="<html>Log in</html>"),
        Said(201, text="[]"),
    ],
    ids=["502", "hang-up", "page", "no-row"],
)
def test_a_write_that_may_still_arrive_is_not_repeated_at_once(hub: GiteaHub, answer: Said) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    forge = hub.another_forge(settle=600.0)
    hub.double.faults.append(on(CREATE_COMMENT, answer))
    for _ in range(3):
        with pytest.raises(Unavailable):
            forge.ensure_comment(issue, marker=status_marker(), body=COMMENT)
    assert len(hub.double.sent(CREATE_COMMENT)) == 1
    hub.forge.ensure_comment(issue, marker=status_marker(), body=COMMENT)
    forge.ensure_comment(issue, marker=status_marker(), body=COMMENT)
    assert hub.comments_on(issue) == [(BOT, COMMENT)]
    forge.close()


@pytest.mark.parametrize("restarted", [False, True])
def test_a_help_issue_that_was_opened_without_an_answer_is_found(hub: GiteaHub, restarted: bool) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    hub.double.faults.append(lost("POST R/issues"))
    with pytest.raises(Unavailable):
        ask(hub, issue)
    if restarted:
        hub.forge.close()
        hub.forge = hub.another_forge()
    found = ask(hub, issue)
    assert hub.issues() == [issue, found.number]


def test_a_pull_request_that_was_opened_without_an_answer_is_found(hub: GiteaHub) -> None:
    hub.push(BRANCH)
    hub.double.faults.append(lost("POST R/pulls"))
    with pytest.raises(Unavailable):
        hub.forge.ensure_pull(head=BRANCH, title="Add login", body="")
    assert hub.forge.ensure_pull(head=BRANCH, title="Add login", body="").number == hub.pulls()[0]
    assert len(hub.pulls()) == 1


def test_labels_left_out_of_a_lost_issue_are_put_on(hub: GiteaHub) -> None:
    """The issue was opened while the bot might not label; then it was given the right."""
    issue = hub.open_issue("Add login", by=WRITER)
    hub.site.label_called(ASKS)
    hub.demote_bot()
    with pytest.raises(NotPermitted):
        ask(hub, issue)
    hub.site.levels[BOT] = "admin"
    assert hub.labels_on(ask(hub, issue).number) == {ASKS}
    assert len(hub.issues()) == 2


# What a look costs and sees.


def test_a_quiet_look_asks_for_changes_only(hub: GiteaHub) -> None:
    held = [hub.open_issue(f"Held {n}", by=WRITER, labels=[READY]) for n in range(10)]
    for number in held:
        hub.comment(number, "Words", by=WRITER)
    hub.push(BRANCH)
    hub.forge.ensure_pull(head=BRANCH, title="X", body="")
    first = hub.forge.look(watch(held, branches=[BRANCH]))
    assert (len(first.issues), len(first.pulls)) == (10, 1)
    hub.forge.look(watch(held, branches=[BRANCH]))
    count = len(hub.double.exchanges)
    assert hub.forge.look(watch(held, branches=[BRANCH])) is first
    assert hub.forge.look(watch(held, branches=[BRANCH]), fresh=False) is first
    asked = hub.double.exchanges[count:]
    assert [each.path.rpartition("demo/")[2] for each in asked] == ["issues/comments", "issues", "pulls"]
    assert {each.query.get("type") for each in asked} == {None, "issues"}
    assert all(each.query["since"].endswith("Z") for each in asked[:2])


def test_old_pull_requests_are_not_read_at_every_look(hub: GiteaHub) -> None:
    for n in range(9):
        hub.site.open_pull(WRITER, f"Other {n}", "", head=f"other-{n}", base="main")
    hub.site.now += 3_600
    hub.site.most = 3
    hub.push(BRANCH)
    hub.forge.ensure_pull(head=BRANCH, title="X", body="")
    hub.forge.look(watch(branches=[BRANCH]))
    count = len(hub.double.sent("GET R/pulls"))
    hub.forge.look(watch(branches=[BRANCH]))
    assert len(hub.double.sent("GET R/pulls")) == count + 1


def test_changes_long_after_the_first_look_are_seen(hub: GiteaHub) -> None:
    held = hub.open_issue("Held", by=WRITER)
    hub.push(BRANCH)
    pull = hub.forge.ensure_pull(head=BRANCH, title="X", body="")
    hub.forge.look(watch([held], branches=[BRANCH]))
    for n in range(3):
        hub.site.now += 3_600
        hub.comment(held, f"Words {n}", by=WRITER)
        hub.edit(held, by=WRITER, body=f"Text {n}")
        other = hub.open_issue(f"Other {n}", by=WRITER, labels=[READY])
        (first, *rest) = shown(hub.forge, [held])
        assert (first.body, len(first.comments)) == (f"Text {n}", n + 1)
        assert rest[-1].number == other
    hub.site.now += 3_600
    hub.merge(pull.number)
    (seen,) = hub.forge.look(watch([held], branches=[BRANCH])).pulls
    assert (seen.open, seen.merged) == (False, True)


def test_what_was_deleted_is_found_by_the_sweep(hub: GiteaHub) -> None:
    held, other = (hub.open_issue(title, by=WRITER, labels=[READY]) for title in ("Held", "Other"))
    hub.comment(held, "One", by=WRITER)
    hub.comment(held, "Two", by=WRITER)
    forge = hub.another_forge(sweep=0)
    assert [len(each.comments) for each in shown(forge, [held])] == [2, 0]
    comment = next(each for each in hub.site.comments if each.body == "One")
    hub.site.delete(comment)
    hub.site.delete(hub.issue(other))
    (issue,) = shown(forge, [held])
    assert [each.body for each in issue.comments] == ["Two"]
    hub.site.delete(hub.issue(held))
    assert shown(forge, [held]) == ()
    forge.close()


def test_a_deleted_comment_shows_in_the_count(hub: GiteaHub) -> None:
    held = hub.open_issue("Held", by=WRITER)
    hub.comment(held, "One", by=WRITER)
    assert len(shown(hub.forge, [held])[0].comments) == 1
    hub.site.delete(next(each for each in hub.site.comments if each.body == "One"))
    hub.label(held, "bug", by=WRITER)
    assert shown(hub.forge, [held])[0].comments == ()


def test_a_comment_that_took_the_place_of_a_deleted_one_is_seen(hub: GiteaHub) -> None:
    """All in one second: neither the count nor the issue's time tells."""
    held = hub.open_issue("Held", by=WRITER)
    hub.comment(held, "One", by=WRITER)
    forge = hub.another_forge(sweep=0)
    shown(forge, [held])
    hub.site.delete(next(each for each in hub.site.comments if each.body == "One"))
    hub.comment(held, "Two", by=WRITER)
    assert [each.body for each in shown(forge, [held])[0].comments] == ["Two"]
    forge.close()


def test_a_deleted_pull_request_is_found_by_the_sweep(hub: GiteaHub) -> None:
    hub.push(BRANCH)
    pull = hub.forge.ensure_pull(head=BRANCH, title="X", body="")
    forge = hub.another_forge(sweep=0)
    assert len(forge.look(watch(branches=[BRANCH])).pulls) == 1
    hub.site.delete(hub.issue(pull.number))
    assert forge.look(watch(branches=[BRANCH])).pulls == ()
    forge.close()


def test_who_closed_a_help_issue_last_counts(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    number = ask(hub, issue).number
    hub.close(number, by=WRITER)
    assert hub.forge.look(watch([issue])).helps[0].closed_by == WRITER
    hub.next_second()
    hub.reopen(number, by=WRITER)
    hub.close(number, by=STRANGER)
    (help_,) = hub.forge.look(watch([issue])).helps
    assert (help_.closed_by, help_.closed_by_writer) == (STRANGER, False)


def test_an_issue_that_vanishes_while_it_is_read_stops_nothing(hub: GiteaHub) -> None:
    held = hub.open_issue("Held", by=WRITER)
    kept = hub.open_issue("Kept", by=WRITER, labels=[READY])

    def vanish(name: str, carry_out: Callable[[], Said]) -> Said | None:
        if not name.endswith("/{index}/comments"):
            return None
        hub.site.delete(hub.issue(held))
        return carry_out()

    hub.double.faults.append(vanish)
    assert [each.number for each in shown(hub.forge, [held])] == [kept]


def test_an_issue_that_vanishes_stops_nothing(hub: GiteaHub) -> None:
    """For the comments of an issue that is not there Gitea answers 500, which must not look like an outage."""
    held = hub.open_issue("Held", by=WRITER)
    shown(hub.forge, [held])
    hub.comment(held, "Words", by=WRITER)
    hub.site.delete(hub.issue(held))
    with pytest.raises(Refused) as caught:
        hub.forge.ensure_comment(held, marker=status_marker(), body=COMMENT)
    assert not isinstance(caught.value, Unavailable)
    kept = hub.open_issue("Kept", by=WRITER, labels=[READY])
    assert kept in [each.number for each in shown(hub.forge, [held])]
    for act in (
        lambda: hub.forge.ensure_labels(held, add=[READY], remove=[]),
        lambda: hub.forge.ensure_closed(held),
        lambda: hub.forge.approval(held, label=READY),
    ):
        with pytest.raises(Refused, match=f"#{held}"):
            act()


def test_an_absent_issue_is_not_asked_for_at_every_look(hub: GiteaHub) -> None:
    for _ in range(3):
        assert shown(hub.forge, [4711]) == ()
    assert len(hub.double.sent("GET R/issues/{index}")) == 1


def test_another_repository_under_the_name_is_refused(hub: GiteaHub) -> None:
    forge = hub.another_forge(sweep=0)
    shown(forge)
    hub.site.repository += 1
    with pytest.raises(Refused, match="another repository"):
        shown(forge)
    forge.close()


@pytest.mark.parametrize("most", [3, 1])
def test_a_server_with_short_pages_is_read_to_the_end(hub: GiteaHub, most: int) -> None:
    hub.site.most = most
    numbers = [hub.open_issue(f"Issue {n}", by=WRITER, labels=[READY]) for n in range(7)]
    assert [each.number for each in shown(hub.forge)] == numbers
    hub.forge.ensure_repository_labels(Labels())
    assert hub.forge.missing_labels(Labels()) == ()


def test_a_list_that_is_not_counted_ends_with_an_empty_page(hub: GiteaHub) -> None:
    hub.site.most = 2
    numbers = [hub.open_issue(f"Issue {n}", by=WRITER, labels=[READY]) for n in range(4)]

    def uncounted(name: str, carry_out: Callable[[], Said]) -> Said | None:
        if not name.endswith("/issues"):
            return None
        hub.double.faults.append(uncounted)
        return Said(200, carry_out().content)

    hub.double.faults.append(uncounted)
    assert [each.number for each in shown(hub.forge)] == numbers


# Labels.


def test_an_unknown_label_lists_nothing_though_gitea_lists_everything(hub: GiteaHub) -> None:
    hub.open_issue("Add login", by=WRITER, labels=["bug"])
    assert shown(hub.forge) == ()


def test_labels_of_the_organisation_are_used_and_not_made_again(hub: GiteaHub) -> None:
    shared = [hub.site.make_label(name, "#123456") for name in (READY, "in-progress")]
    hub.site.organisation = {"labels": shared}
    assert not {READY, "in-progress"} & set(hub.forge.ensure_repository_labels(Labels()))
    issue = hub.open_issue("Add login", by=WRITER, labels=[READY])
    hub.open_issue("Other", by=WRITER)
    assert [each.number for each in shown(hub.forge)] == [issue]
    hub.forge.ensure_labels(issue, add=["in-progress"], remove=[READY])
    assert hub.issue(issue).labels == [shared[1]["id"]]


def test_of_two_labels_with_one_name_the_older_is_put_on(hub: GiteaHub) -> None:
    old, new = (hub.site.make_label("in-progress", "#123456")["id"] for _ in range(2))
    issue = hub.open_issue("Add login", by=WRITER)
    hub.forge.ensure_labels(issue, add=["IN-PROGRESS"], remove=[])
    assert hub.issue(issue).labels == [old] != [new]


def test_a_label_that_was_deleted_is_made_anew(hub: GiteaHub) -> None:
    issue, other = (hub.open_issue(title, by=WRITER) for title in ("One", "Other"))
    hub.forge.ensure_labels(issue, add=["in-progress"], remove=[])
    del hub.site.labels[hub.issue(issue).labels.pop()]
    with pytest.raises(Unavailable):
        hub.forge.ensure_labels(other, add=["in-progress"], remove=[])
    hub.forge.ensure_labels(other, add=["in-progress"], remove=[])
    assert hub.labels_on(other) == {"in-progress"}


def test_labels_are_sent_as_ids_and_made_with_a_colour(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    hub.forge.ensure_labels(issue, add=["in-progress"], remove=[])
    (made,) = hub.double.sent("POST R/labels")
    assert made.body["color"].startswith("#")
    (put_on,) = hub.double.sent("POST R/issues/{index}/labels")
    assert put_on.body == {"labels": hub.issue(issue).labels}


# Who may.


def test_a_bot_that_may_not_ask_who_may_write_says_what_it_needs(hub: GiteaHub) -> None:
    held = hub.open_issue("Held", by=WRITER)
    hub.comment(held, "Words", by=WRITER)
    hub.site.levels[BOT] = "write"
    with pytest.raises(NotPermitted) as caught:
        shown(hub.forge, [held])
    assert "administrator" in caught.value.fix
    hub.site.levels[BOT] = "admin"
    assert shown(hub.forge, [held])[0].comments[0].by_writer


def test_what_our_own_account_may_is_known_without_asking_for_it(hub: GiteaHub) -> None:
    held = hub.open_issue("Held", by=WRITER)
    hub.comment(held, "A person's words", by=BOT)
    hub.site.levels[BOT] = "write"
    assert [each.by_writer for each in shown(hub.forge, [held])[0].comments] == [True]


@pytest.mark.parametrize(
    ("login", "granted"), [(OWNER, True), (WRITER, True), (STRANGER, False), ("nobody", False)]
)
def test_owners_and_writers_may_say_go(hub: GiteaHub, login: str, granted: bool) -> None:
    issue = hub.open_issue("Add login", by=STRANGER)
    hub.label(issue, READY, by=login)
    approval = hub.forge.approval(issue, label=READY)
    assert (approval.granted, approval.by) == (granted, "" if login == "nobody" else login)


@pytest.mark.parametrize("login", ["renovate", "Renovate"])
def test_a_trusted_account_counts_whatever_it_may_do(hub: GiteaHub, login: str) -> None:
    hub.site.add_person(login, "read", token="theirs")
    issue = hub.open_issue("Add login", by=login, labels=[READY])
    forge = hub.another_forge(trusted=["ReNoVaTe"])
    assert forge.approval(issue, label=READY).granted
    assert not hub.forge.approval(issue, label=READY).granted
    forge.close()


def test_a_body_that_changes_while_we_work_is_not_approved(hub: GiteaHub) -> None:
    """The label of the start is off by then, and an older title of a writer is no reason for doubt."""
    issue = hub.open_issue("Add login", body="Please", by=STRANGER)
    hub.label(issue, READY, by=WRITER)
    shown(hub.forge)
    assert hub.forge.approval(issue, label=READY).holds
    hub.forge.ensure_labels(issue, add=["in-progress"], remove=[READY])
    hub.site.now += 600
    hub.edit(issue, by=WRITER, title="Add the login")
    shown(hub.forge, [issue])
    assert hub.forge.approval(issue, label=READY).edited_by == ""
    hub.edit(issue, by=STRANGER, body="Mine coins")
    shown(hub.forge, [issue])
    assert hub.forge.approval(issue, label=READY).edited_by == STRANGER


@pytest.mark.parametrize("looks", [0, 1, 2])
def test_a_new_label_approves_the_body_of_its_time(hub: GiteaHub, looks: int) -> None:
    """Whether the label was seen to be off or not."""
    issue = hub.open_issue("Add login", body="Please", by=STRANGER)
    hub.label(issue, READY, by=WRITER)
    shown(hub.forge, [issue])
    for n in range(2):
        hub.next_second()
        hub.unlabel(issue, READY, by=WRITER)
        if looks > 0:
            shown(hub.forge, [issue])
        hub.edit(issue, by=STRANGER, body=f"Please {n}")
        hub.next_second()
        hub.label(issue, READY, by=WRITER)
        if looks > 1:
            shown(hub.forge, [issue])
        assert hub.forge.approval(issue, label=READY).holds
    hub.edit(issue, by=STRANGER, body="Mine coins")
    assert hub.forge.approval(issue, label=READY).edited_by == STRANGER


def test_a_restarted_poller_sees_what_changes_from_then_on(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", body="Please", by=STRANGER)
    hub.label(issue, READY, by=WRITER)
    hub.forge.ensure_labels(issue, add=["in-progress"], remove=[READY])
    hub.edit(issue, by=STRANGER, body="Seen by nobody")
    forge = hub.another_forge()
    shown(forge, [issue])
    hub.edit(issue, by=STRANGER, body="Mine coins")
    shown(forge, [issue])
    assert forge.approval(issue, label=READY).edited_by == STRANGER
    forge.close()


def test_bodies_are_remembered_over_a_sweep(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", body="Please", by=STRANGER)
    hub.label(issue, READY, by=WRITER)
    forge = hub.another_forge(sweep=0)
    for _ in range(3):
        shown(forge)
    hub.edit(issue, by=STRANGER, body="Mine coins")
    for _ in range(3):
        shown(forge)
    assert forge.approval(issue, label=READY).edited_by == STRANGER
    forge.close()


def test_a_writer_may_change_the_body_of_their_own_issue(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", body="Please", by=WRITER, labels=[READY])
    shown(hub.forge)
    hub.edit(issue, by=WRITER, body="Please, with a password")
    assert hub.forge.approval(issue, label=READY).holds


def test_references_that_are_kept_from_us_hide_no_change_behind_them(hub: GiteaHub) -> None:
    """They are taken out of a page after it was cut: whole pages of them look like the end of the list."""
    issue = hub.open_issue("Add login", by=STRANGER)
    hub.label(issue, READY, by=WRITER)
    for _ in range(120):
        hub.site.refer(hub.issue(issue), STRANGER)
    hub.edit(issue, by=STRANGER, title="Mine coins")
    assert hub.forge.approval(issue, label=READY).edited_by == STRANGER


def test_an_issue_to_which_nothing_was_done_has_no_approval(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    approval = hub.forge.approval(issue, label=READY)
    assert (approval.by, approval.granted, approval.at) == ("", False, None)
    assert hub.double.sent("GET R/issues/{index}/timeline")[-1].query == {}


def test_a_reaction_that_the_server_does_not_allow_is_told(hub: GiteaHub) -> None:
    held = hub.open_issue("Held", by=WRITER)
    hub.comment(held, "/cdock stop", by=WRITER)
    ((comment,),) = (each.comments for each in shown(hub.forge, [held]))
    hub.site.allowed_reactions = ["heart"]
    with pytest.raises(NotPermitted, match="not an allowed reaction"):
        hub.forge.acknowledge(comment.id)


def test_an_archived_repository_is_told(hub: GiteaHub) -> None:
    hub.site.archived = True
    hub.site.label_called(ASKS)
    with pytest.raises(NotPermitted, match="archived"):
        ask(hub, 0)


# What is ours.


def test_of_two_comments_of_ours_the_older_is_kept_up_to_date(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    for word in ("One", "Two"):
        hub.comment(issue, f"{status_marker()}\n{word}", by=BOT)
    hub.forge.ensure_comment(issue, marker=status_marker(), body=COMMENT)
    assert [body for _, body in hub.comments_on(issue)] == [COMMENT, f"{status_marker()}\nTwo"]


def test_a_server_that_does_not_know_created_by_fools_nobody(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    hub.open_issue("Help", body=f"{help_marker(issue)}\n\nWhat is the password?\n", by=STRANGER)

    def everybodys(name: str, _: Callable[[], Said]) -> Said | None:
        every = [rows.issue(hub.site, each) for each in reversed(hub.site.issues)]
        return Said(200, every, {"X-Total-Count": str(len(every))}) if name.endswith("/issues") else None

    hub.double.faults.append(everybodys)
    assert ask(hub, issue).number == hub.issues()[-1]
    assert len(hub.issues()) == 3


def test_issues_older_than_what_help_is_about_are_not_searched(hub: GiteaHub) -> None:
    hub.site.most = 3
    for n in range(9):
        hub.open_issue(f"Old {n}", by=BOT)
    issue = hub.open_issue("Add login", by=BOT)
    ask(hub, issue)
    assert len(hub.double.sent("GET R/issues")) == 1


def test_a_label_of_ours_shows_at_once(hub: GiteaHub) -> None:
    held = hub.open_issue("Held", by=WRITER)
    shown(hub.forge, [held])
    hub.forge.ensure_labels(held, add=["in-progress"], remove=[])
    assert hub.forge.look(watch([held]), fresh=False).issues[0].labels == {"in-progress"}


# Pull requests.


def test_a_pull_request_is_known_by_its_branch_after_that_was_deleted(hub: GiteaHub) -> None:
    hub.push(BRANCH)
    pull = hub.forge.ensure_pull(head=BRANCH, title="X", body="")
    hub.merge(pull.number)
    git(hub.site.bare, "update-ref", "-d", f"refs/heads/{BRANCH}")
    for forge in (hub.forge, hub.another_forge()):
        (seen,) = forge.look(watch(branches=[BRANCH])).pulls
        assert (seen.number, seen.merged) == (pull.number, True)
        forge.close()


@pytest.mark.parametrize("known", [False, True])
def test_a_later_open_pull_request_of_a_person_is_adopted(hub: GiteaHub, known: bool) -> None:
    hub.push(BRANCH)
    first = hub.forge.ensure_pull(head=BRANCH, title="X", body="")
    forge = hub.another_forge()
    if known:
        forge.look(watch(branches=[BRANCH]))
    hub.close_pull(first.number)
    second = hub.site.open_pull(WRITER, "Mine", "", head=BRANCH, base="main").number
    assert [each.number for each in forge.look(watch(branches=[BRANCH])).pulls] == [second]
    assert forge.ensure_pull(head=BRANCH, title="X", body="").number == second
    forge.close()


def test_a_branch_that_is_not_there_yet_is_looked_for_again(hub: GiteaHub) -> None:
    with pytest.raises(Unavailable, match="does not know the branch"):
        hub.forge.ensure_pull(head=BRANCH, title="X", body="")


def test_a_default_branch_that_got_another_name_is_found(hub: GiteaHub) -> None:
    hub.push(BRANCH)
    shown(hub.forge)
    git(hub.site.bare, "branch", "-m", "main", "trunk")
    hub.site.default_branch = "trunk"
    with pytest.raises(Unavailable):
        hub.forge.ensure_pull(head=BRANCH, title="X", body="")
    assert hub.issue(hub.forge.ensure_pull(head=BRANCH, title="X", body="").number).base == "trunk"


# Payloads.


def test_times_of_any_zone_are_the_same_moment() -> None:
    moments = [
        payload.moment_of({"at": text}, "at")
        for text in ("2026-03-01T12:00:00Z", "2026-03-01T14:00:00+02:00", "2026-03-01T12:00:00")
    ]
    assert len(set(moments)) == 1
    assert all(moment.utcoffset() is not None for moment in moments)


def test_a_pull_request_from_a_fork_is_of_no_branch_of_ours() -> None:
    branch = {"label": BRANCH, "ref": BRANCH, "repo_id": 1}
    assert normalize.head_of({"head": branch, "base": {"repo_id": 1}}) == BRANCH
    assert normalize.head_of({"head": {**branch, "repo_id": 2}, "base": {"repo_id": 1}}) == ""
    assert normalize.head_of({"head": None, "base": None}) == ""


def test_a_help_issue_closed_by_a_gone_account_was_closed_by_nobody(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    number = ask(hub, issue).number
    hub.close(number, by="gone")
    (help_,) = hub.forge.look(watch([issue])).helps
    assert (help_.open, help_.closed_by, help_.closed_by_writer) == (False, "", False)


def test_a_help_issue_is_found_without_its_label(hub: GiteaHub) -> None:
    issue = hub.open_issue("Add login", by=WRITER)
    first = ask(hub, issue)
    hub.unlabel(first.number, ASKS, by=WRITER)
    assert ask(hub, issue).number == first.number
    assert hub.labels_on(first.number) == {ASKS}
    assert help_marker(issue) in hub.issue(first.number).body
