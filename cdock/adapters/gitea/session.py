"""The HTTP session of a client. It loads `requests`, so it is imported only when something is sent."""

import ipaddress
from http.cookiejar import DefaultCookiePolicy
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase


class _AsGiven(AuthBase):
    """Leaves the Authorization header alone, which requests would else replace by what is in ~/.netrc."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def open_session(url: str) -> requests.Session:
    """A keep-alive session for the API at `url`. It sends nothing twice and keeps no cookies."""
    session = requests.Session()
    session.auth = _AsGiven()
    session.headers["User-Agent"] = "cdock"
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # A proxy set for the outside must not be asked for this machine.
    session.trust_env = not _is_loopback(urlsplit(url).hostname or "")
    return session


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
