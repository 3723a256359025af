"""Telling webhooks: messages are written down together with what they tell of, and sent by a thread afterwards."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import logging
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlencode, urlsplit

from cdock.forge.domain import deliveries, webhooks
from cdock.forge.domain.deliveries import Delivery, Outcome
from cdock.forge.domain.notices import Notice
from cdock.forge.domain.webhooks import Hook
from cdock.forge.rest import payloads
from cdock.forge.rest.call import Body, Call
from cdock.forge.rest.urls import Urls
from cdock.forge.store import Store, Tx

log = logging.getLogger(__name__)

LIMIT: Final = 10.0
"""Seconds that a webhook has to answer."""
ANSWER_LIMIT: Final = 64 * 1024
"""Bytes of an answer that are kept."""
STOP_LIMIT: Final = 2.0
"""Seconds that a message under way has when the server ends; GitHub does not send again either."""
AGENT: Final = "GitHub-Hookshot/f0rge00"


@contextmanager
def delivering(store: Store, *, url: str, allowed: Collection[str] = ()) -> Iterator[None]:
    """While the block runs, tell webhooks what happens in this store; `url` is where the forge is reached.

    Webhooks are on this machine, or on one of the `allowed` hosts. What a server that died left unsent is sent first.
    """
    with store.write() as tx:
        webhooks.allow_hosts(tx, allowed)
    sender = _Sender(store)
    store.listen(_Writer(url, sender))
    sender.start()
    try:
        yield
    finally:
        store.listen(None)
        sender.stop()


class _Writer:
    """Turns what happened into messages for whoever wants them, within the same change."""

    def __init__(self, url: str, sender: _Sender) -> None:
        self._urls = Urls(api=f"{url}/api/v3", web=url)
        self._sender = sender

    def hear(self, tx: Tx) -> None:
        call: Call | None = None
        hooks: dict[int, list[Hook]] = {}
        for notice in list(tx.notices):
            repo_id = notice.repo.id
            if repo_id not in hooks:
                hooks[repo_id] = webhooks.of_repo(tx, repo_id)
            if hooks[repo_id]:
                call = call or _call(tx, self._urls)
                self._write(tx, call, notice, hooks[repo_id])

    def kept(self) -> None:
        self._sender.wake()

    def _write(self, tx: Tx, call: Call, notice: Notice, hooks: list[Hook]) -> None:
        try:
            with tx.attempt():
                for message in payloads.messages_of(call, notice):
                    wanted = [hook for hook in hooks if _is_for(hook, message.event, notice)]
                    text = json.dumps(message.payload, ensure_ascii=False, separators=(",", ":"))
                    for hook in wanted:
                        deliveries.enqueue(tx, hook, message.event, message.action, text)
        except Exception:
            # What happened is kept all the same: it must not depend on who is told.
            log.exception("webhooks were not told of %s %s", notice.event, notice.action)


def _is_for(hook: Hook, event: str, notice: Notice) -> bool:
    if event == "ping":
        return bool(hook.id == notice.about["hook_id"])
    return hook.active and hook.wants(event)


def _call(tx: Tx, urls: Urls) -> Call:
    """Nobody's request, in which the shapes of answers are made."""
    return Call(
        tx=tx,
        actor=None,
        urls=urls,
        version="2022-11-28",
        accept="",
        params={},
        query={},
        body=Body(None),
        target=None,
        path="",
        rates={},
    )


class _Sender:
    """One thread that sends what waits, one after the other and in order."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._news = threading.Event()
        self._ending = threading.Event()
        # A daemon: a webhook that does not answer must not keep the server from ending.
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)

    def start(self) -> None:
        """Begin, with what was left from last time."""
        self._news.set()
        self._thread.start()

    def wake(self) -> None:
        """There may be something to send."""
        self._news.set()

    def stop(self) -> None:
        """End after the message under way, or without it when it takes long."""
        self._ending.set()
        self._news.set()
        self._thread.join(STOP_LIMIT)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._news.wait()
            self._news.clear()
            try:
                while not self._ending.is_set() and self._send_next():
                    pass
            except Exception:
                log.exception("sending to webhooks failed; it goes on with the next event")

    def _send_next(self) -> bool:
        with self._store.read() as tx:
            delivery = deliveries.next_waiting(tx)
            if delivery is None:
                return False
            hook = webhooks.by_id(tx, delivery.hook_id)
            allowed = webhooks.may_call(tx, hook.url)
        outcome = send(hook, delivery) if allowed else _failed("This forge does not call that host", 0.0, {})
        if self._ending.is_set() and not outcome.code:
            return False
        with self._store.write() as tx:
            deliveries.note_sent(tx, delivery, outcome, url=hook.url)
        return True


def send(hook: Hook, delivery: Delivery) -> Outcome:
    """Send one message and say what came of it. Redirects are not followed, proxies not asked."""
    content = delivery.payload.encode()
    if hook.content_type == "form":
        content = urlencode({"payload": delivery.payload}).encode()
    headers = headers_of(hook, delivery, content)
    target = urlsplit(hook.url)
    kind = http.client.HTTPSConnection if target.scheme == "https" else http.client.HTTPConnection
    connection = kind(target.hostname or "", target.port, timeout=LIMIT)
    started = time.monotonic()
    try:
        path = (target.path or "/") + (f"?{target.query}" if target.query else "")
        connection.request("POST", path, body=content, headers=headers)
        answer = connection.getresponse()
        said = answer.read(ANSWER_LIMIT)
    except TimeoutError:
        return _failed("timed out", time.monotonic() - started, headers)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _failed(f"failed to connect to host: {error}", time.monotonic() - started, headers)
    finally:
        connection.close()
    good = 200 <= answer.status < 300
    return Outcome(
        status="OK" if good else f"Invalid HTTP Response: {answer.status}",
        code=answer.status,
        seconds=round(time.monotonic() - started, 2),
        request_headers=headers,
        response_headers=dict(answer.getheaders()),
        response_body=said.decode(errors="replace"),
    )


def headers_of(hook: Hook, delivery: Delivery, content: bytes) -> dict[str, str]:
    """The headers of a message; with a secret they show that the message is from who knows it."""
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json"
        if hook.content_type == "json"
        else "application/x-www-form-urlencoded",
        "User-Agent": AGENT,
        "X-GitHub-Delivery": delivery.guid,
        "X-GitHub-Event": delivery.event,
        "X-GitHub-Hook-ID": str(hook.id),
        "X-GitHub-Hook-Installation-Target-ID": str(hook.repo_id),
        "X-GitHub-Hook-Installation-Target-Type": "repository",
    }
    if hook.secret:
        for name, kind in (("X-Hub-Signature", "sha1"), ("X-Hub-Signature-256", "sha256")):
            digest = hmac.new(hook.secret.encode(), content, getattr(hashlib, kind)).hexdigest()
            headers[name] = f"{kind}={digest}"
    return headers


def _failed(status: str, seconds: float, headers: dict[str, str]) -> Outcome:
    return Outcome(
        status=status,
        code=0,
        seconds=round(seconds, 2),
        request_headers=headers,
        response_headers={},
        response_body="",
    )
