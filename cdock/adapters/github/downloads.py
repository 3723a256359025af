"""Texts that GitHub keeps elsewhere, such as logs: it answers with an address at another host, which gets no token.

This module loads requests, so only `wire` imports it, and only when something is fetched.
"""

import time
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

import requests

from cdock.adapters.github.connection import prepare_session
from cdock.adapters.github.hosts import is_loopback
from cdock.adapters.payload import Answer
from cdock.adapters.refusals import silence
from cdock.core.errors import Unavailable

LONGEST = 60.0
"""Seconds a text may take to come."""
_REDIRECTS = (301, 302, 303, 307, 308)
_CHUNK = 65_536


def ask(
    session: requests.Session, url: str, *, token: str, version: str, timeout: float, most: int
) -> Answer:
    """Ask the API at `url`: the end of a text, or an error, or as header `location` where the text is.

    Raises:
        OSError: no answer.
    """
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": version,
        "User-Agent": "cdock",
    }
    with session.get(url, headers=headers, timeout=timeout, allow_redirects=False, stream=True) as answer:
        found = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status_code in _REDIRECTS and "location" in found:
            return Answer(answer.status_code, found | {"location": urljoin(url, found["location"])}, "")
        found.pop("location", None)
        return Answer(answer.status_code, found, _end(answer.iter_content(_CHUNK), most=most))


def tail(url: str, *, tried: str, timeout: float, most: int, local: bool) -> str:
    """The end of the text at `url`, at most `most` bytes; `url` is where the API says it is.

    Only an API on this machine (`local`) may send us to another address of this machine, or to one without protection.

    Raises:
        Unavailable: it did not come.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if not local and (parts.scheme != "https" or is_loopback(host)):
        raise Unavailable(f"{host} is no place to fetch a text from", tried=tried)
    with requests.Session() as session:
        prepare_session(session, url)
        try:
            # Nothing of ours, and nothing that this machine knows for that host either.
            with session.get(
                url, auth=lambda request: request, timeout=timeout, allow_redirects=False, stream=True
            ) as answer:
                if answer.status_code != 200:
                    raise Unavailable(f"{host} answered {answer.status_code}", tried=tried)
                return _end(answer.iter_content(_CHUNK), most=most)
        except (OSError, ValueError) as error:
            raise silence(error, tried=tried, host=host, writing=False) from error


def _end(chunks: Iterable[bytes], *, most: int) -> str:
    kept, until = b"", time.monotonic() + LONGEST
    for chunk in chunks:
        kept = (kept + chunk)[-most:]
        if time.monotonic() > until:
            break
    return kept.decode(errors="replace")
