"""A small Gitea on a loopback port: the operations of interface.txt, answered from a `Site`.

Strict where Gitea is not: what a client sends beyond the interface, and what the double itself answers beyond it, is a
violation, and a test that looks at `violations` fails.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from tests.contract.gitea import rows
from tests.contract.gitea.git_http import backend, may_enter
from tests.contract.gitea.interface import REPOSITORY, contract
from tests.contract.gitea.state import LEVELS, Issue, Row, Site
from tests.contract.openapi.contract import Contract

ROOT = "/api/v1"


@dataclass(frozen=True)
class Asked:
    """A request: by whom, with what."""

    by: str
    values: dict[str, str]
    query: dict[str, str]
    body: Any


@dataclass(frozen=True)
class Said:
    """An answer. `fails` breaks the connection after the request was carried out."""

    status: int
    content: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    text: str | None = None
    fails: bool = False


@dataclass(frozen=True)
class Exchange:
    """A request as it arrived, and the status it was answered with."""

    name: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any
    status: int


class Refusal(Exception):
    """An error of Gitea's."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Double:
    """The server's side. `faults` are asked first, in order; one that gives an answer is used once.

    A fault gets the operation's name and a function that carries the request out.
    """

    def __init__(self, site: Site, published: Contract) -> None:
        self.site = site
        self.published = published
        self.violations: list[str] = []
        self.exchanges: list[Exchange] = []
        self.faults: list[Callable[[str, Callable[[], Said]], Said | None]] = []

    def sent(self, name: str) -> list[Exchange]:
        """What was asked of one operation, `R` being the repository."""
        return [each for each in self.exchanges if each.name == name.replace(" R", f" {REPOSITORY}")]

    def answer(self, method: str, target: str, headers: dict[str, str], raw: bytes) -> Said:
        """Answer one request."""
        parts = urlsplit(target)
        url = target.removeprefix(ROOT)
        match = self.published.routes.find(method, url)
        if not parts.path.startswith(ROOT) or match is None:
            self.violations.append(f"{method} {parts.path}: not in the interface")
            return Said(404, {"message": "not found"})
        self.violations += map(str, self.published.request(method, url, raw))
        body = json.loads(raw) if raw else None
        query = dict(match.query)
        name = match.operation.name

        def carry_out() -> Said:
            try:
                with self.site.lock:
                    by = self._person(headers)
                    return HANDLERS[name](self.site, Asked(by, match.path_values, query, body))
            except Refusal as error:
                return Said(error.status, {"message": str(error), "url": f"{self.site.url}/api/swagger"})

        said = self._fault(name, carry_out) or carry_out()
        self.exchanges.append(Exchange(name, parts.path, query, headers, body, said.status))
        if said.text is None and not said.fails:
            sent = b"" if said.status == 204 else json.dumps(said.content).encode()
            self.violations += map(str, self.published.response(method, url, said.status, sent))
        return said

    def _fault(self, name: str, carry_out: Callable[[], Said]) -> Said | None:
        for fault in list(self.faults):
            if (said := fault(name, carry_out)) is not None:
                self.faults.remove(fault)
                return said
        return None

    def _person(self, headers: dict[str, str]) -> str:
        word, _, token = headers.get("authorization", "").partition(" ")
        if word != "token" or token not in self.site.tokens:
            raise Refusal(401, "user does not exist [uid: 0, name: ]")
        return self.site.tokens[token]


@contextmanager
def serving(site: Site) -> Iterator[Double]:
    """The double on a free loopback port."""
    double = Double(site, contract())

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body leave together; apart, the second one waits for the first to be acknowledged.
        wbufsize = -1

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

        def _handle(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            if self.path.startswith(below := f"/{site.full_name}.git"):
                self._git(below, headers, raw)
                return
            said = double.answer(self.command, self.path, headers, raw)
            if said.fails:
                self.close_connection = True
                self.connection.close()
                return
            text = said.text if said.text is not None else json.dumps(said.content)
            data = b"" if said.status == 204 else text.encode()
            self.send_response_only(said.status)
            self.send_header("Date", format_datetime(datetime.fromtimestamp(site.now, UTC), usegmt=True))
            for name, value in {"Content-Type": "application/json", **said.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def _git(self, below: str, headers: dict[str, str], raw: bytes) -> None:
            """Not with the lock held: a push may take its time."""
            if by := may_enter(headers, site.tokens):
                status, answered, body = backend(
                    site.bare,
                    method=self.command,
                    target=self.path,
                    below=below,
                    headers=headers,
                    raw=raw,
                    by=by,
                )
            else:
                status, answered, body = 401, {"WWW-Authenticate": 'Basic realm="Gitea"'}, b""
            self.send_response_only(status)
            for name, value in answered.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _handle  # noqa: N815 - http.server's names

        def finish(self) -> None:
            if not self.wfile.closed and not self.close_connection:
                super().finish()
            else:
                self.rfile.close()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield double
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


# The operations.


def _user(site: Site, asked: Asked) -> Said:
    return Said(200, rows.user(site, asked.by))


def _repository(site: Site, asked: Asked) -> Said:
    _at_home(site, asked)
    return Said(200, rows.repository(site, asked_by=asked.by))


def _org_labels(site: Site, asked: Asked) -> Said:
    if site.organisation is None or asked.values["org"] != site.owner:
        raise Refusal(404, "GetOrgByName")
    return _page(site, asked, list(site.organisation["labels"]))


def _labels(site: Site, asked: Asked) -> Said:
    _at_home(site, asked)
    shared = {row["id"] for row in site.organisation["labels"]} if site.organisation else set()
    return _page(site, asked, [row for number, row in sorted(site.labels.items()) if number not in shared])


def _make_label(site: Site, asked: Asked) -> Said:
    _at_home(site, asked)
    if not site.writes(asked.by):
        raise Refusal(403, "user should have a permission to write to a repo")
    if not asked.body["color"].startswith("#"):
        raise Refusal(422, "Color is not a valid color")
    body = asked.body
    return Said(201, site.make_label(body["name"], body["color"], body.get("description", "")))


def _issues(site: Site, asked: Asked) -> Said:
    _at_home(site, asked)
    query = asked.query
    found = list(reversed(site.issues))
    state = query.get("state", "open")
    if state != "all":
        found = [each for each in found if bool(each.closed) is (state == "closed")]
    if kind := query.get("type"):
        found = [each for each in found if bool(each.head) is (kind == "pulls")]
    if since := query.get("since"):
        found = [each for each in found if each.updated >= _second(since)]
    if author := query.get("created_by"):
        if author not in site.people:
            raise Refusal(404, "user does not exist")
        found = [each for each in found if each.by == author]
    shared = {row["id"] for row in site.organisation["labels"]} if site.organisation else set()
    own = {number: row for number, row in site.labels.items() if number not in shared}
    wanted = set(query.get("labels", "").split(","))
    for number in (number for number, row in own.items() if row["name"] in wanted):
        found = [each for each in found if number in each.labels]
    return _page(site, asked, [rows.issue(site, each) for each in found])


def _open_issue(site: Site, asked: Asked) -> Said:
    _at_home(site, asked, writing=True)
    body = asked.body
    labels = body.get("labels", ()) if site.writes(asked.by) else ()
    issue = site.open_issue(asked.by, body["title"], body.get("body", ""), labels)
    return Said(201, rows.issue(site, issue))


def _issue(site: Site, asked: Asked) -> Said:
    return Said(200, rows.issue(site, _one(site, asked)))


def _edit_issue(site: Site, asked: Asked) -> Said:
    issue = _one(site, asked)
    if issue.by != asked.by and not site.writes(asked.by):
        raise Refusal(403, "")
    site.edit(issue, asked.by, title=asked.body.get("title"), body=asked.body.get("body"))
    if asked.body.get("state") == "closed":
        site.shut(issue, asked.by)
    return Said(201, rows.issue(site, issue))


def _all_comments(site: Site, asked: Asked) -> Said:
    _at_home(site, asked)
    since = _second(asked.query["since"]) if "since" in asked.query else 0
    found = [each for each in site.comments if each.kind == "comment" and each.updated >= since]
    return _page(site, asked, [rows.comment(site, each) for each in found], paged="page" in asked.query)


def _comments(site: Site, asked: Asked) -> Said:
    issue = _one(site, asked, missing=500)
    found = [each for each in site.comments if each.issue is issue and each.kind == "comment"]
    return Said(200, [rows.comment(site, each) for each in found], {"X-Total-Count": str(len(found))})


def _say(site: Site, asked: Asked) -> Said:
    issue = _one(site, asked, missing=500)
    return Said(201, rows.comment(site, site.say(issue, asked.by, asked.body["body"])))


def _edit_comment(site: Site, asked: Asked) -> Said:
    comment = _comment(site, asked)
    if comment.by != asked.by and not site.writes(asked.by):
        raise Refusal(403, "")
    site.edit_comment(comment, asked.body["body"])
    return Said(200, rows.comment(site, comment))


def _react(site: Site, asked: Asked) -> Said:
    comment, content = _comment(site, asked), asked.body["content"]
    if content not in site.allowed_reactions:
        raise Refusal(403, f"'{content}' is not an allowed reaction")
    key = (comment.id, asked.by, content)
    status = 200 if key in site.reactions else 201
    second = site.reactions.setdefault(key, site.now)
    row = {"user": rows.user(site, asked.by), "content": content, "created_at": rows.moment(second)}
    return Said(status, row)


def _issue_labels(site: Site, asked: Asked) -> Said:
    return Said(200, rows.issue(site, _one(site, asked))["labels"])


def _put_on(site: Site, asked: Asked) -> Said:
    issue = _one(site, asked)
    if not site.writes(asked.by):
        raise Refusal(403, "write permission is required")
    site.put_on(issue, asked.by, asked.body["labels"])
    return Said(200, rows.issue(site, issue)["labels"])


def _take_off(site: Site, asked: Asked) -> Said:
    issue, label = _one(site, asked), int(asked.values["id"])
    if not site.writes(asked.by):
        raise Refusal(403, "")
    if label not in site.labels:
        raise Refusal(422, "label does not exist")
    site.take_off(issue, asked.by, label)
    return Said(204)


def _timeline(site: Site, asked: Asked) -> Said:
    issue = _one(site, asked, missing=500)
    found = [each for each in site.comments if each.issue is issue]
    if "page" in asked.query:
        first = (int(asked.query["page"]) - 1) * _limit(site, asked)
        found = found[first : first + _limit(site, asked)]
    shown = [rows.entry(site, each) for each in found if not each.hidden]
    # Not how many there are: how many are on this page, and null for none.
    return Said(200, shown or None, {"X-Total-Count": str(len(shown))})


def _permission(site: Site, asked: Asked) -> Said:
    _at_home(site, asked)
    if site.level(asked.by) < 3:
        raise Refusal(
            403, "Only admins can query all permissions, repo admins can query all repo permissions"
        )
    login = asked.values["collaborator"]
    if login not in site.people:
        raise Refusal(404, "user does not exist")
    level = LEVELS[site.level(login)]
    return Said(200, {"permission": level, "role_name": level, "user": rows.user(site, login)})


def _pulls(site: Site, asked: Asked) -> Said:
    _at_home(site, asked)
    found = [each for each in reversed(site.issues) if each.head]
    if asked.query.get("state", "open") == "open":
        found = [each for each in found if not each.closed]
    if asked.query.get("sort") == "recentupdate":
        found.sort(key=lambda each: -each.updated)
    return _page(site, asked, [rows.pull(site, each) for each in found])


def _open_pull(site: Site, asked: Asked) -> Said:
    _at_home(site, asked, writing=True)
    body = asked.body
    if not site.has_branch(body["head"]) or not site.has_branch(body["base"]):
        raise Refusal(404, "The target couldn't be found.")
    if any(p.head == body["head"] and p.base == body["base"] and not p.closed for p in site.issues):
        raise Refusal(409, "pull request already exists for these targets")
    pull = site.open_pull(asked.by, body["title"], body["body"], head=body["head"], base=body["base"])
    return Said(201, rows.pull(site, pull))


def _pull_between(site: Site, asked: Asked) -> Said:
    _at_home(site, asked)
    wanted = asked.values["base"], asked.values["head"]
    found = next((each for each in site.issues if (each.base, each.head) == wanted), None)
    if found is None:
        raise Refusal(404, "The target couldn't be found.")
    return Said(200, rows.pull(site, found))


def _one_pull(site: Site, asked: Asked) -> Issue:
    pull = _one(site, asked)
    if not pull.head:
        raise Refusal(404, "The target couldn't be found.")
    return pull


def _pull(site: Site, asked: Asked) -> Said:
    return Said(200, rows.pull(site, _one_pull(site, asked)))


def _edit_pull(site: Site, asked: Asked) -> Said:
    pull = _one_pull(site, asked)
    if pull.by != asked.by and not site.writes(asked.by):
        raise Refusal(403, "")
    if base := asked.body.get("base"):
        if not site.has_branch(base):
            raise Refusal(404, "The target couldn't be found.")
        if any(p is not pull and (p.head, p.base, p.closed) == (pull.head, base, 0) for p in site.issues):
            raise Refusal(409, "pull request already exists for these targets")
        pull.base, pull.updated = base, site.now
    site.edit(pull, asked.by, title=asked.body.get("title"), body=asked.body.get("body"))
    return Said(201, rows.pull(site, pull))


def _merge(site: Site, asked: Asked) -> Said:
    pull = _one_pull(site, asked)
    if not site.writes(asked.by):
        raise Refusal(405, "User not allowed to merge PR")
    if pull.merged or pull.closed:
        raise Refusal(405, "" if pull.merged else "The PR is closed")
    if rows.is_draft(pull):
        raise Refusal(405, "Work in progress PRs cannot be merged")
    if not site.mergeable(pull):
        raise Refusal(405, "Please try again later")
    if site.lacking and asked.body.get("merge_when_checks_succeed"):
        if pull.number in site.scheduled:
            raise Refusal(409, "The auto merge is already scheduled")
        site.scheduled.add(pull.number)
        return Said(201, text="")
    if site.lacking:
        raise Refusal(405, site.lacking)
    if asked.body.get("head_commit_id", "") not in ("", site.commit_at(pull.head)):
        raise Refusal(409, "head out of date")
    site.merge(pull, asked.by)
    return Said(200, text="")


def _reviews(site: Site, asked: Asked) -> Said:
    pull = _one_pull(site, asked)
    found = [each for each in site.reviews if each.issue is pull]
    found = [each for each in found if each.state != "PENDING" or each.by == asked.by]
    return _page(site, asked, [rows.review(site, each) for each in found])


def _remarks(site: Site, asked: Asked) -> Said:
    pull, wanted = _one_pull(site, asked), int(asked.values["id"])
    review = next((each for each in site.reviews if each.issue is pull and each.id == wanted), None)
    if review is None:
        raise Refusal(404, "review does not exist")
    # In no order: they are kept by path and line.
    return Said(200, [rows.remark(site, each, review) for each in reversed(review.remarks)])


def _status(site: Site, asked: Asked) -> Said:
    _at_home(site, asked)
    return Said(200, rows.combined(site, asked.values["ref"]))


def _at_home(site: Site, asked: Asked, *, writing: bool = False) -> None:
    if f"{asked.values['owner']}/{asked.values['repo']}" != site.full_name:
        raise Refusal(404, "The target couldn't be found.")
    if writing and site.archived:
        raise Refusal(423, f"Repo is archived: {site.full_name}")


def _one(site: Site, asked: Asked, *, missing: int = 404) -> Issue:
    _at_home(site, asked)
    issue = site.issue(int(asked.values["index"]))
    if issue is None:
        raise Refusal(missing, "" if missing == 500 else "The target couldn't be found.")
    return issue


def _comment(site: Site, asked: Asked) -> Any:
    _at_home(site, asked)
    wanted = int(asked.values["id"])
    found = next((each for each in site.comments if each.id == wanted), None)
    if found is None:
        raise Refusal(404, "comment does not exist")
    return found


def _second(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def _limit(site: Site, asked: Asked) -> int:
    return min(int(asked.query.get("limit", 30)), site.most)


def _page(site: Site, asked: Asked, found: list[Row], *, paged: bool = True) -> Said:
    headers = {"X-Total-Count": str(len(found))}
    first = (int(asked.query.get("page", 1)) - 1) * _limit(site, asked)
    return Said(200, found[first : first + _limit(site, asked)] if paged else found, headers)


_BELOW: dict[str, Callable[[Site, Asked], Said]] = {
    "GET ": _repository,
    "GET /labels": _labels,
    "POST /labels": _make_label,
    "GET /issues": _issues,
    "POST /issues": _open_issue,
    "GET /issues/{index}": _issue,
    "PATCH /issues/{index}": _edit_issue,
    "GET /issues/comments": _all_comments,
    "PATCH /issues/comments/{id}": _edit_comment,
    "POST /issues/comments/{id}/reactions": _react,
    "GET /issues/{index}/comments": _comments,
    "POST /issues/{index}/comments": _say,
    "GET /issues/{index}/labels": _issue_labels,
    "POST /issues/{index}/labels": _put_on,
    "DELETE /issues/{index}/labels/{id}": _take_off,
    "GET /issues/{index}/timeline": _timeline,
    "GET /collaborators/{collaborator}/permission": _permission,
    "GET /pulls": _pulls,
    "POST /pulls": _open_pull,
    "GET /pulls/{base}/{head}": _pull_between,
    "GET /pulls/{index}": _pull,
    "PATCH /pulls/{index}": _edit_pull,
    "POST /pulls/{index}/merge": _merge,
    "GET /pulls/{index}/reviews": _reviews,
    "GET /pulls/{index}/reviews/{id}/comments": _remarks,
    "GET /commits/{ref}/status": _status,
}
HANDLERS: dict[str, Callable[[Site, Asked], Said]] = {
    "GET /user": _user,
    "GET /orgs/{org}/labels": _org_labels,
    **{name.replace(" ", f" {REPOSITORY}", 1): handler for name, handler in _BELOW.items()},
}
