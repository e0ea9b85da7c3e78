"""Middleware: token, requests from other sites, headers, and answers to unexpected errors."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from python_multipart.multipart import parse_options_header
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from topo.serve.limits import Room, client_of
from topo.serve.metrics import Metrics
from topo.serve.problems import is_page, problem, unexpected

COOKIE = "topo_session"
_OPEN = ("/api/health", "/api/session", "/api/openapi.json")
_READ_ONLY = ("GET", "HEAD", "OPTIONS")
_CHARSETS = ("utf-8", "utf8", "us-ascii", "ascii")
_ROOM, _SHARE = 32, 8
"""Largest requests that are received at a time, from all clients and from one."""

_BUSY = 5.0
"""Seconds after which a client may try again if too much is being received."""

_SITE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _SITE,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}
_INLINE = {
    "script-src": re.compile(rb"<script>(.*?)</script>", re.DOTALL),
    "style-src": re.compile(rb"<style>(.*?)</style>", re.DOTALL),
}


def page_policy(page: bytes) -> dict[str, str]:
    """Return the headers of a self-contained page: only its own scripts and style run.

    Parameters
    ----------
    page
        Content of ``report.html``.
    """
    allowed = {
        kind: " ".join(f"'sha256-{_digest(text)}'" for text in pattern.findall(page)) or "'none'"
        for kind, pattern in _INLINE.items()
    }
    policy = (
        f"default-src 'none'; script-src {allowed['script-src']}; "
        f"style-src {allowed['style-src']}; img-src data: blob:; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'self'"
    )
    return {"Content-Security-Policy": policy, "X-Frame-Options": "SAMEORIGIN"}


def _digest(text: bytes) -> str:
    import base64

    return base64.b64encode(hashlib.sha256(text).digest()).decode()


class Token:
    """Optional secret that clients send as a bearer token, and browsers as a cookie.

    Parameters
    ----------
    secret
        The token; None lets everybody in.
    """

    def __init__(self, secret: str | None) -> None:
        self._secret = secret

    @property
    def session(self) -> str:
        """Value of the cookie, from which the token cannot be computed."""
        key = (self._secret or "").encode()
        return hmac.new(key, b"session", hashlib.sha256).hexdigest()

    def is_right(self, offered: str) -> bool:
        """Return whether a token is the right one."""
        if self._secret is None:
            return True
        return secrets.compare_digest(offered.encode(), self._secret.encode())

    def admits(self, headers: Headers) -> bool:
        """Return whether the headers of a request hold the token or the cookie."""
        if self._secret is None:
            return True
        kind, _, offered = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self.is_right(offered.strip())
        cookie = cookie_parser(headers.get("cookie", "")).get(COOKIE, "")
        return secrets.compare_digest(cookie.encode(), self.session.encode())


class Guard:
    """Outermost middleware of the service.

    Parameters
    ----------
    app
        Application.
    token
        Token.
    metrics
        Counter of requests.
    largest
        Largest size of a request, in bytes; None is no limit.
    """

    def __init__(
        self, app: ASGIApp, token: Token, metrics: Metrics, largest: int | None = None
    ) -> None:
        self._app, self._token, self._metrics = app, token, metrics
        self._largest = largest
        self._room = None if largest is None else Room(_ROOM * largest, _SHARE * largest)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, answer = time.perf_counter(), _Answer(send)
        try:
            refusal = self._refusal(scope)
            if refusal is not None:
                await refusal(scope, receive, answer.send)
            else:
                await self._receive(scope, receive, answer)
        except Exception as error:
            await self._fail(error, answer, scope, receive)
        finally:
            route = getattr(scope.get("route"), "path", "other")
            seconds = time.perf_counter() - begun
            self._metrics.observe(scope["method"], route, answer.status, seconds)

    async def _receive(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        """Pass a request on if there is room for its body."""
        size = self._size(Headers(scope=scope))
        client = client_of((scope.get("client") or ("unknown",))[0])
        if self._room is None or not size:
            await self._app(scope, receive, answer.send)
        elif self._room.take(client, size):
            try:
                await self._app(scope, receive, answer.send)
            finally:
                self._room.give_back(client, size)
        else:
            busy = problem(503, "too much is being received; try later", retry_after=_BUSY)
            await busy(scope, receive, answer.send)

    def _size(self, headers: Headers) -> int:
        """Return the size of a body, or the largest one if its length is not stated."""
        if "transfer-encoding" in headers:
            return self._largest or 0
        size = headers.get("content-length", "0")
        return int(size[:20]) if size.isdecimal() else 0

    def _refusal(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if scope["method"] not in _READ_ONLY and _is_cross_site(headers):
            return problem(403, "found a request from another site, expected one from this page")
        if (charset := _charset(headers)) not in _CHARSETS:
            return problem(415, f"found charset {charset!r}, expected utf-8")
        size = self._size(headers)
        if self._largest is not None and size > self._largest:
            found = f"found a request of {size:,} bytes"
            return problem(413, f"{found}, expected at most {self._largest:,}")
        path = scope["path"]
        guarded = path.startswith("/api/") and path not in _OPEN
        guarded = guarded or (path.startswith("/jobs/") and "/files/" in path)
        if guarded and not self._token.admits(headers):
            challenge = {"WWW-Authenticate": "Bearer"}
            page = is_page(path, headers)
            return problem(401, "expected the token of this server", headers=challenge, page=page)
        return None

    async def _fail(
        self, error: Exception, answer: _Answer, scope: Scope, receive: Receive
    ) -> None:
        """Answer an unexpected error; the connection is closed if an answer has begun."""
        if answer.complete:  # the application has answered and logged the error
            return
        response = unexpected(error, is_page(scope["path"], Headers(scope=scope)))
        if answer.status:
            raise ConnectionAbortedError("an answer was cut off") from None
        await response(scope, receive, answer.send)


class _Answer:
    """Adds the headers to an answer and remembers its status."""

    def __init__(self, send: Callable[[Message], Awaitable[None]]) -> None:
        self._send, self.status, self.complete = send, 0, False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)
        self.complete = message["type"] == "http.response.body" and not message.get("more_body")


def _charset(headers: Headers) -> str:
    """Return the charset of a form: others than UTF-8 may take long to decode."""
    kind, options = parse_options_header(headers.get("content-type", ""))
    found = options.get(b"charset", b"utf-8") if kind.startswith(b"multipart/") else b"utf-8"
    return found.decode("latin-1").lower()


def _is_cross_site(headers: Headers) -> bool:
    """Return whether a browser sends the request for a page of another site."""
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return True
    origin = headers.get("origin")
    if origin is None:
        return False
    try:
        return urlsplit(origin).netloc != headers.get("host")
    except ValueError:
        return True
